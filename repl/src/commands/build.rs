//! `cooper build`.

use crate::error::CommandError;
use crate::render::progress::{Mode, Outcome, Progress};
use crate::render::{self, Paint, diagnostic};
use crate::request::{self, BuildOptions};
use crate::session::Session;
use crate::value::{BuiltView, Findings, Value};
use cooperage_lang::diagnostic::Severity;
use cooperage_runtime::build::request::BuildRequest;
use std::path::{Path, PathBuf};

/// Examples:
///   cooper build -t blog .
///   cooper build --target test --build-arg VERSION=2 .
///   cooper build -o type=oci,dest=blog.tar .
///   cooper build - < Dockerfile
///   id=$(cooper build -q .)
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(flatten)]
    pub options: BuildOptions,
    /// Write the result: a folder, `-`, or type=oci|docker|tar|local|image,dest=PATH (repeatable)
    #[arg(short, long = "output", value_name = "DEST")]
    pub outputs: Vec<String>,
    /// How to show progress
    #[arg(
        long,
        value_enum,
        default_value_t,
        env = "BUILDKIT_PROGRESS",
        hide_env = true
    )]
    pub progress: Mode,
    /// Write the image's id to a file
    #[arg(long, value_name = "FILE")]
    pub iidfile: Option<PathBuf>,
    /// Write digests of the result as JSON to a file
    #[arg(long, value_name = "FILE")]
    pub metadata_file: Option<PathBuf>,
    /// Look for mistakes instead of building; exit status 3 when there are any
    #[arg(long)]
    pub check: bool,
    /// Taken for compatibility: the image always goes to the store
    #[arg(long, hide = true)]
    pub load: bool,
    /// Taken for compatibility: nothing is left behind
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, value_name = "BOOL")]
    pub rm: Option<Option<String>>,
    /// Taken for compatibility: no attestation is made
    #[arg(long, hide = true, value_name = "false", value_parser = ["false", "0"])]
    pub provenance: Option<String>,
    /// Taken for compatibility: no attestation is made
    #[arg(long, hide = true, value_name = "false", value_parser = ["false", "0"])]
    pub sbom: Option<String>,
}

/// Builds, or checks.
pub fn run(session: &Session, args: Args) -> Result<Value, CommandError> {
    if args.options.context.is_none() && !args.check {
        return Err(CommandError::usage("no context is given")
            .hint("the folder to copy from stands last: `cooper build .`"));
    }
    let mut request = args.options.request(session)?;
    request.outputs = args
        .outputs
        .iter()
        .map(|text| request::output(text))
        .collect::<Result<_, _>>()?;
    if args.check {
        return check(session, &request);
    }
    let view = execute(session, &request, args.progress)?;
    if let Some(path) = &args.iidfile {
        write(path, view.built.image.id.to_string())?;
    }
    if let Some(path) = &args.metadata_file {
        write(path, format!("{:#}\n", view.built.metadata))?;
    }
    if request
        .outputs
        .iter()
        .any(|output| output.dest.is_none() && output.kind != request_image())
    {
        // The archive went to standard output; a table behind it would spoil it.
        return Ok(Value::Nothing);
    }
    Ok(Value::Built(Box::new(view)))
}

fn request_image() -> cooperage_runtime::build::request::OutputKind {
    cooperage_runtime::build::request::OutputKind::Image
}

/// Builds with progress on standard error; the command and the script function both end here.
pub fn execute(
    session: &Session,
    request: &BuildRequest,
    mode: Mode,
) -> Result<BuiltView, CommandError> {
    execute_with(session, request, mode, &|_| {})
}

/// As [`execute`], with every event shown to `watch` too.
pub fn execute_with(
    session: &Session,
    request: &BuildRequest,
    mode: Mode,
    watch: &(dyn Fn(&cooperage_runtime::build::events::BuildEvent) + Send + Sync),
) -> Result<BuiltView, CommandError> {
    let mode = if session.globals.quiet && mode == Mode::Auto {
        Mode::None
    } else {
        mode
    };
    let progress = Progress::new(mode, session.terminal);
    let events = |event: cooperage_runtime::build::events::BuildEvent| {
        watch(&event);
        cooperage_runtime::build::events::Events::event(&progress, event);
    };
    let result = session
        .engine()?
        .build(request, &events, &session.cancel())
        .map_err(CommandError::from);
    match result {
        Ok(built) => {
            let steps = built.forecast.numbered().count();
            let outcome = Outcome::Done {
                steps,
                cached: built.cached,
                ran: built.ran,
                took: built.took,
            };
            let new_bytes = progress.finish(&outcome);
            if mode != Mode::None && mode != Mode::Json {
                warnings(session, &built.warnings);
            }
            Ok(BuiltView { built, new_bytes })
        }
        Err(error) => {
            progress.finish(&Outcome::Failed(&error));
            Err(error)
        }
    }
}

/// Findings of the check rules, one line each.
fn warnings(session: &Session, warnings: &[cooperage_lang::diagnostic::Diagnostic]) {
    let paint = Paint(session.terminal.color_err);
    for warning in warnings {
        let at = warning
            .lines
            .first()
            .map(|span| format!(" (line {})", span.start))
            .unwrap_or_default();
        let label = paint.yellow(&format!("warning[{}]", warning.code));
        session.note(&format!("{label}: {}{at}\n", warning.message));
    }
}

fn check(session: &Session, request: &BuildRequest) -> Result<Value, CommandError> {
    let planned = session.engine()?.plan(request)?;
    let list = planned
        .plan
        .diagnostics
        .iter()
        .filter(|found| found.severity != Severity::Hint)
        .cloned()
        .collect();
    let found = Findings {
        name: planned.name,
        source: planned.source,
        list,
    };
    if let Some(error) = &planned.plan.official_error {
        let known = found
            .list
            .iter()
            .any(|finding| finding.severity == Severity::Error);
        if !session.globals.json && !found.list.is_empty() {
            for finding in &found.list {
                render::err(&diagnostic::finding(
                    finding,
                    &found.name,
                    &found.source,
                    Paint(session.terminal.color_err),
                ));
            }
        }
        let mut failed = CommandError::new(crate::error::Kind::ParseFailed, error.message.clone());
        if !known {
            failed.place = error.at.first().map(|span| {
                cooperage_runtime::engine::Location::of_lines(&found.name, &found.source, *span)
                    .into()
            });
        }
        return Err(failed);
    }
    Ok(Value::Findings(Box::new(found)))
}

fn write(path: &Path, text: String) -> Result<(), CommandError> {
    std::fs::write(path, text).map_err(|error| CommandError::file("write", path, &error))
}
