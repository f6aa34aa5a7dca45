//! `cooper plan`.

use crate::error::CommandError;
use crate::request::BuildOptions;
use crate::session::Session;
use crate::value::{PlanView, Value};
use cooperage_runtime::build::request::{BuildRequest, DockerfileSource};
use std::path::PathBuf;

/// Examples:
///   cooper plan .
///   cooper plan --target test --build-arg VERSION=2 .
///   cooper plan --fail-on-miss .      exit status 3 when a step would run
///   cooper plan --json . | jq .estimate_ms
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(flatten)]
    pub options: BuildOptions,
    /// Exit with status 3 when any step would run
    #[arg(long)]
    pub fail_on_miss: bool,
    #[command(flatten)]
    pub of_build: OfBuild,
}

/// Options of `cooper build` that change nothing about its steps: taken, so that any build's line can be forecast by
/// changing one word.
#[derive(Debug, clap::Args)]
pub struct OfBuild {
    #[arg(short, long = "output", hide = true)]
    pub outputs: Vec<String>,
    #[arg(long, hide = true)]
    pub progress: Option<String>,
    #[arg(long, hide = true)]
    pub iidfile: Option<PathBuf>,
    #[arg(long, hide = true)]
    pub metadata_file: Option<PathBuf>,
    #[arg(long, hide = true)]
    pub load: bool,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true)]
    pub rm: Option<Option<String>>,
    #[arg(long, hide = true)]
    pub provenance: Option<String>,
    #[arg(long, hide = true)]
    pub sbom: Option<String>,
}

/// Forecasts.
pub fn run(session: &Session, args: Args) -> Result<Value, CommandError> {
    let request = args.options.request(session)?;
    let mut view = forecast(session, &request)?;
    view.fail_on_miss = args.fail_on_miss;
    Ok(Value::Plan(Box::new(view)))
}

/// The forecast of a request; the command and the script function both end here.
pub fn forecast(session: &Session, request: &BuildRequest) -> Result<PlanView, CommandError> {
    let forecast = session.engine()?.forecast(request)?;
    let name = match &request.dockerfile {
        DockerfileSource::Default => "Dockerfile".to_owned(),
        DockerfileSource::Path(path) => path.display().to_string(),
        DockerfileSource::Text { name, .. } => name.clone(),
    };
    Ok(PlanView {
        name,
        forecast,
        fail_on_miss: false,
    })
}
