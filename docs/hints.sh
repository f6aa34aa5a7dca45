#!/bin/bash
# Makes docs/hints.svg: the example in Neovim, one article changed on disk, one step edited and not saved.
# Needs Neovim 0.11 (`NVIM_PROGRAM`), tmux, python3 and a built `cooper` in the PATH.
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
export REPOSITORY=$PWD COOPERAGE_ROOT=$scratch/store TERM=xterm-256color COLORTERM=truecolor
screen() { tmux -S "$scratch/tmux" "$@"; }
trap 'screen kill-server 2>/dev/null || true; rm -rf "$scratch"' EXIT

cp -r examples/blog "$scratch/blog"
cooper base -q --tag host:base sh awk cat chmod head ls mkdir rm sed sort tr >"$scratch/id"
cooper build -q "$scratch/blog" >"$scratch/id"
echo 'It was bent again today.' >>"$scratch/blog/articles/oak.txt"

lines=$(wc -l <examples/blog/Dockerfile)
screen -f /dev/null new-session -d -x 120 -y $((lines + 1)) -c "$scratch/blog" \
  "${NVIM_PROGRAM:-nvim}" -u "$REPOSITORY/docs/hints.lua" Dockerfile
screen set -ga terminal-overrides ',*:Tc'
shows() {
  for _ in $(seq 100); do
    if screen capture-pane -p | grep -q "$1"; then return; fi
    sleep 0.1
  done
  echo "the screen never showed: $1" >&2
  screen capture-pane -p >&2
  exit 1
}
shows 'reruns: articles/oak.txt'
screen send-keys ':$-2s/ls /ls -l /' Enter G
shows 'ls -l .*instruction changed'
screen capture-pane -e -p -N | python3 docs/screen.py >docs/hints.svg
