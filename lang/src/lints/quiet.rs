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

const GOOD: [&str; 7] = [
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

#[test]
fn an_ordinary_good_file_gets_no_finding() {
    let options = PlanOptions {
        build_platform: Platform::new("linux", "amd64", ""),
        all_stages: true,
        ..PlanOptions::default()
    };
    for text in GOOD {
        let file = File::new(text.as_bytes().to_vec());
        let plan = plan(file.dockerfile(), &options, &Nowhere);
        let found = report(&file, &plan.diagnostics, &Config::default());
        assert!(found.is_empty(), "{text}\n{found:#?}");
    }
}
