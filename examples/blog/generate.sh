#!/bin/sh
# generate.sh ARTICLES OUT: one page for each article, the newest first in the index.
set -eu
articles=$1 out=$2
title=$(sed -n 's/^title=//p' blog.conf)
author=$(sed -n 's/^author=//p' blog.conf)
: > /tmp/index
for file in "$articles"/*.txt; do
    head=$(sed -n 's/^title: //p' "$file" | sed 1q)
    date=$(sed -n 's/^date: //p' "$file" | sed 1q)
    page=$(slug "$head").html
    # The text begins behind the first empty line; each paragraph becomes one <p>.
    awk 'BEGIN { RS = ""; FS = "\n" } NR > 1 { print "<p>" $0 "</p>" }' "$file" > /tmp/body
    awk -v title="$head" -v date="$date" -v author="$author" '
        /@BODY@/ { while ((getline line < "/tmp/body") > 0) print line; next }
        { gsub(/@TITLE@/, title); gsub(/@DATE@/, date); gsub(/@AUTHOR@/, author); print }
    ' templates/article.html > "$out/$page"
    printf '%s|%s|%s\n' "$date" "$page" "$head" >> /tmp/index
    echo "$page"
done
sort -r /tmp/index | awk -F '|' '{ print "<li><a href=\"" $2 "\">" $3 "</a> " $1 "</li>" }' > /tmp/list
awk -v title="$title" '
    /@LIST@/ { while ((getline line < "/tmp/list") > 0) print line; next }
    { gsub(/@TITLE@/, title); print }
' templates/index.html > "$out/index.html"
