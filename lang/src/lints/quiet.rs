//! Ordinary good Dockerfiles, on which nothing is found unless asked for.

use super::{Config, report};
use crate::ide::File;
use crate::model::platform::Platform;
use crate::model::reference::Reference;
use crate::plan::PlanOptions;
use crate::plan::config::ImageConfig;
use crate::plan::lower::plan;
use crate::world::{Known, World};
use std::sync::Arc;

const GOOD: [&str; 11] = [
    include_str!("../../../examples/blog/Dockerfile"),
    "\
# syntax=docker/dockerfile:1
FROM node:22-alpine AS deps
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev

FROM node:22-alpine
ENV NODE_ENV=production
WORKDIR /app
COPY --from=deps /app/node_modules ./node_modules
COPY src ./src
USER node
EXPOSE 3000
CMD [\"node\", \"src/server.js\"]
",
    "\
FROM --platform=$BUILDPLATFORM golang:1.25 AS build
ARG TARGETOS
ARG TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -o /out/server ./cmd/server

FROM gcr.io/distroless/static-debian12
COPY --from=build /out/server /server
ENTRYPOINT [\"/server\"]
",
    "\
ARG PYTHON=3.13
FROM python:${PYTHON}-slim
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
RUN apt-get update \\
    && apt-get install -y --no-install-recommends libpq5 \\
    && rm -rf /var/lib/apt/lists/*
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY . .
HEALTHCHECK --interval=30s CMD [\"python\", \"-m\", \"app.health\"]
CMD [\"gunicorn\", \"app:main\"]
",
    "\
FROM rust:1.90 AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \\
    --mount=type=cache,target=/src/target \\
    cargo build --release && cp target/release/app /usr/local/bin/app

FROM debian:13-slim
COPY --from=build /usr/local/bin/app /usr/local/bin/
CMD [\"app\"]
",
    "\
FROM alpine:3.22
RUN apk add --no-cache tini openssh-client
RUN <<EOF
set -eu
adduser -D -u 1000 app
mkdir -p /data
chown app:app /data
EOF
COPY --chown=app:app <<EOF /etc/app.conf
listen = 8080
EOF
VOLUME /data
USER app
ENTRYPOINT [\"/sbin/tini\", \"--\"]
CMD [\"app\", \"--config\", \"/etc/app.conf\"]
",
    "\
from debian:13
run apt-get update && apt-get install -y --no-install-recommends nginx && rm -rf /var/lib/apt/lists/*
copy nginx.conf /etc/nginx/
add site.tar.gz /var/www/
cmd [\"nginx\", \"-g\", \"daemon off;\"]
",
    "\
FROM hexpm/elixir:1.18-erlang-27-debian-bookworm AS builder
RUN apt-get update -y && apt-get install -y build-essential git \\
    && apt-get clean && rm -f /var/lib/apt/lists/*_*
WORKDIR /app
COPY mix.exs mix.lock ./
RUN mix deps.get --only prod
COPY lib lib
RUN mix compile && mix release

FROM debian:bookworm-slim
COPY --from=builder --chown=nobody:root /app/_build/prod/rel/app ./
USER nobody
CMD [\"/app/bin/server\"]
",
    "\
FROM mcr.microsoft.com/windows/servercore:ltsc2022
ENV APP=C:\\\\app
WORKDIR $APP
COPY app.exe .
ENTRYPOINT [\"C:\\\\app\\\\app.exe\"]
",
    "\
FROM registry.access.redhat.com/ubi9/ubi-minimal:9.6
RUN microdnf install -y java-21-openjdk-headless && microdnf clean all
WORKDIR ${HOME}
COPY target/app.jar app.jar
CMD [\"java\", \"-jar\", \"app.jar\"]
",
    "\
FROM python:3.13-slim AS build
ENV PIP_CACHE_DIR=/cache/pip
RUN python -m venv /venv
RUN --mount=type=cache,target=/cache/pip /venv/bin/pip install flask==3.1.0

FROM gcr.io/distroless/python3-debian12
COPY --from=build /venv /venv
CMD [\"/app/main.py\"]
",
];

/// Lines below a `FROM` of Debian, and the findings by default with their fixes.
const FOUND: &[(&str, &str)] = &[
    (
        "RUN sudo -u app make",
        "SudoInRun: sudo behaves unexpectedly in a build, choose the user with USER instead",
    ),
    ("ADD context/tars/fil* /x/", ""),
    (
        "ADD app.conf /x/",
        "CopyInsteadOfAdd: ADD is for archives and addresses; COPY does the same here without surprises (use COPY)",
    ),
    (
        "ARG X\nRUN if [ -z $X ]; then make; fi",
        "WordSplitting: the test breaks when X holds spaces, quote it (quote it)",
    ),
    (
        "ARG X\nRUN if [ -n $X ]; then make; fi",
        "WordSplitting: the test breaks when X is empty or holds spaces, quote it (quote it)",
    ),
    // What a program is given by CMD it would only get in this form.
    (
        "ENTRYPOINT serve\nCMD [\"all\"]",
        "JSONArgsRecommended: JSON arguments recommended for ENTRYPOINT to prevent unintended behavior related to OS signals",
    ),
    (
        "ENTRYPOINT serve",
        "JSONArgsRecommended: JSON arguments recommended for ENTRYPOINT to prevent unintended behavior related to OS signals (use the JSON form)",
    ),
    // The image may have a folder.
    (
        "WORKDIR src",
        "WorkdirRelativePath: Relative workdir \"src\" can have unexpected results if the base image changes",
    ),
    (
        "RUN apt-get update\nRUN apt-get install -y a",
        "AptListsKept: the package lists stay in the layer, fetch and remove them in the RUN that installs",
    ),
    (
        "RUN apt list --installed",
        "AptForAptGet: the command line of apt is not stable",
    ),
    (
        "ARG B\nFROM $B",
        "InvalidDefaultArgInFrom: Default value for ARG $B results in empty or invalid base image name; blank-base-name: base name ($B) should not be blank",
    ),
];

/// Nothing is known of any image.
struct Nowhere;

impl World for Nowhere {
    fn image(&self, _: &Reference, _: &Platform) -> Known<Arc<ImageConfig>> {
        Known::Unknown
    }

    fn layout_image(&self, _: &str, _: &Platform) -> Known<Arc<ImageConfig>> {
        Known::Unknown
    }
}

/// Message and fix of what is found in a text.
fn found(text: &str) -> Vec<String> {
    let options = PlanOptions {
        build_platform: Platform::new("linux", "amd64", ""),
        all_stages: true,
        ..PlanOptions::default()
    };
    let file = File::new(text.as_bytes().to_vec());
    let plan = plan(file.dockerfile(), &options, &Nowhere);
    let found = report(&file, &plan.diagnostics, &Config::default()).into_iter();
    let shown = found.map(|found| {
        let fix = found.fix.map(|fix| format!(" ({})", fix.title));
        format!(
            "{}: {}{}",
            found.code,
            found.message,
            fix.unwrap_or_default()
        )
    });
    shown.collect()
}

#[test]
fn an_ordinary_good_file_gets_no_finding() {
    for text in GOOD {
        assert_eq!(found(text), [""; 0], "{text}");
    }
}

#[test]
fn what_is_found_is_so_and_a_fix_keeps_it_working() {
    for (lines, want) in FOUND {
        let text = match lines.strip_prefix("ARG B\n") {
            Some(from) => format!("ARG B\n{from}\n"),
            None => format!("FROM debian:13\n{lines}\n"),
        };
        assert_eq!(found(&text).join("; "), *want, "{text}");
    }
}
