//! What an editor's questions cost at a keystroke: the text is read anew, then asked once.
//!
//! Prints microseconds for one question, the mean over places all over the text and the worst of them.

#![expect(clippy::print_stdout, reason = "a benchmark reports on stdout")]

use cooperage_lang::ide::completion::{Style, complete};
use cooperage_lang::ide::folding::{FoldOptions, folds};
use cooperage_lang::ide::hover::hover;
use cooperage_lang::ide::links::links;
use cooperage_lang::ide::navigation::definition;
use cooperage_lang::ide::rename::rename;
use cooperage_lang::ide::selection::selection;
use cooperage_lang::ide::signature::signatures;
use cooperage_lang::ide::surroundings::Nowhere;
use cooperage_lang::ide::symbols::outline;
use cooperage_lang::ide::tokens::tokens;
use cooperage_lang::ide::values::inline_values;
use cooperage_lang::ide::{File, names::Names};
use cooperage_lang::lints::{self, Config};
use cooperage_lang::model::platform::Platform;
use cooperage_lang::model::reference::Reference;
use cooperage_lang::plan::config::ImageConfig;
use cooperage_lang::plan::{PlanOptions, lower::plan};
use cooperage_lang::text::TextRange;
use cooperage_lang::world::{Known, World};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One stage of what people write, 25 lines.
const STAGE: &str = r#"
FROM --platform=$BUILDPLATFORM golang:${GO_VERSION} AS build@
ARG TARGETARCH
ARG VERSION=1.2.3
ENV CGO_ENABLED=0 \
    GOFLAGS="-trimpath" \
    APP_VERSION=$VERSION
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    go build -ldflags "-X main.version=${APP_VERSION}" -o /out/app ./cmd/app \
    && /out/app --version
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/*
# hadolint ignore=DL3059
RUN set -eux; for f in /out/*; do test -x "$f" || exit 1; done
LABEL org.opencontainers.image.version="$VERSION"
EXPOSE 8080/tcp
USER 10001:10001
HEALTHCHECK --interval=30s CMD curl -fsS http://localhost:8080/ || exit 1
ENTRYPOINT ["/out/app"]
"#;

fn main() {
    report("50 lines", 2);
    report("2,000 lines", 80);
}

fn report(name: &str, stages: usize) {
    let mut text = "# syntax=docker/dockerfile:1\nARG GO_VERSION=1.24".to_owned();
    for i in 0..stages {
        text += &STAGE.replace('@', &i.to_string());
    }
    let places: Vec<u32> = (0..200).map(|i| i * text.len() as u32 / 200).collect();
    measure(&format!("{name}: read"), &text, &places, |_, _| {});
    measure(
        &format!("{name}: read and names"),
        &text,
        &places,
        |file, _| {
            black_box::<&Names>(file.names());
        },
    );
    measure(
        &format!("{name}: completion"),
        &text,
        &places,
        |file, at| {
            drop(black_box(complete(file, at, &Nowhere, Style::Snippets)));
        },
    );
    measure(&format!("{name}: hover"), &text, &places, |file, at| {
        drop(black_box(hover(file, at, &Nowhere)));
    });
    measure(
        &format!("{name}: signatures"),
        &text,
        &places,
        |file, at| {
            drop(black_box(signatures(file, at)));
        },
    );
    measure_edit(&format!("{name}: edit, all that is found"), &text, findings);
    measure_edit(&format!("{name}: edit, tokens"), &text, |file| {
        drop(black_box(tokens(file, None)));
    });
    navigation(name, &text, &places);
}

/// What there is to say about a text.
fn findings(file: &File) {
    let linux = Platform {
        os: "linux".into(),
        architecture: "amd64".into(),
        ..Platform::default()
    };
    let options = PlanOptions {
        build_platform: linux,
        all_stages: true,
        ..PlanOptions::default()
    };
    let plan = plan(file.dockerfile(), &options, &NoStore);
    drop(black_box(lints::report(
        file,
        &plan.diagnostics,
        &Config::default(),
    )));
}

struct NoStore;

impl World for NoStore {
    fn image(&self, _: &Reference, _: &Platform) -> Known<Arc<ImageConfig>> {
        Known::Unknown
    }

    fn layout_image(&self, _: &str, _: &Platform) -> Known<Arc<ImageConfig>> {
        Known::Unknown
    }
}

/// Each round types a letter in front of the text, as the server does, and asks once.
fn measure_edit(name: &str, text: &str, ask: impl Fn(&File)) {
    let mut file = File::new(text.as_bytes().to_vec());
    ask(&file);
    let mut times = Vec::new();
    for round in 1..=200 {
        let text = format!("#{}\n{text}", "x".repeat(round)).into_bytes();
        let start = Instant::now();
        let new = file.edited(text);
        ask(&new);
        file = new;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let (median, worst) = (times[100], times[199]);
    println!("{name:30} median {median:>10.2?} worst {worst:>12.2?}");
}

/// Questions about names, and those about the whole file.
fn navigation(name: &str, text: &str, places: &[u32]) {
    let named = |what: &str| format!("{name}: {what}");
    measure(&named("definition"), text, places, |file, at| {
        drop(black_box(definition(file, at)));
    });
    measure(&named("rename"), text, places, |file, at| {
        drop(black_box(rename(file, at, "other")));
    });
    measure(&named("selection"), text, places, |file, at| {
        drop(black_box(selection(file, at)));
    });
    measure(&named("outline"), text, places, |file, _| {
        drop(black_box(outline(file)));
    });
    measure(&named("folding"), text, places, |file, _| {
        drop(black_box(folds(file, FoldOptions::default())));
    });
    measure(&named("links"), text, places, |file, _| {
        drop(black_box(links(file)));
    });
    measure(&named("values"), text, places, |file, _| {
        let all = TextRange::new(0, u32::MAX);
        drop(black_box(inline_values(file, all)));
    });
}

fn measure(name: &str, text: &str, places: &[u32], ask: impl Fn(&File, u32)) {
    let mut total = Duration::ZERO;
    let mut worst = Duration::ZERO;
    for at in places {
        let once = || {
            let start = Instant::now();
            let file = File::new(text.as_bytes().to_vec());
            ask(&file, *at);
            start.elapsed()
        };
        // The best of a few, since other programs take time too.
        let best = (0..5).map(|_| once()).min().unwrap_or_default();
        total += best;
        worst = worst.max(best);
    }
    let mean = total / places.len() as u32;
    println!("{name:30} mean {mean:>12.2?} worst {worst:>12.2?}");
}
