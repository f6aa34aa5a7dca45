//! `cooper lint`.

use crate::error::{CommandError, Kind};
use crate::near::nearest;
use crate::render::lint::Format;
use crate::session::Session;
use crate::value::{LintView, RuleRow, Treatment, Value};
use clap::ValueEnum;
use cooperage_lang::ide::File;
use cooperage_lang::lints::{self, LINTS, Level, Lint, shellcheck};
use cooperage_lang::model::reference::Reference;
use cooperage_runtime::dockerfiles::{self, Checked, Limits};
use cooperage_runtime::engine::{Engine, EngineOptions};
use cooperage_runtime::settings::{Choice, FailOn, Finder, RuleChoice, Settings, on};
use cooperage_runtime::shellcheck::ShellCheck;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Of a folder all Dockerfiles below it are looked at, as far as .gitignore files and the settings do not exclude them.
/// Settings are those of cooperage.toml and .hadolint.yaml in the Dockerfile's folder or above it. Exit status 3 when
/// there is a finding as grave as `--fail-on` says.
///
/// Examples:
///   cooper lint
///   cooper lint --fix api/Dockerfile
///   cooper lint --format sarif services > lint.sarif
///   cooper lint --extend hadolint --ignore DL3008,DL3059 .
///   cooper lint --shellcheck --ignore SC2086
///   cooper lint --explain DL3007
///   cooper lint - < Dockerfile
#[derive(Clone, Debug, Default, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Files and folders; `-` is standard input [default: .]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// How to show findings
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// Mend what can be mended
    #[arg(long)]
    pub fix: bool,
    /// With --fix: tell what would be done, and leave the files as they are
    #[arg(long, requires = "fix")]
    pub dry_run: bool,
    /// Show what --fix would change, and leave the files as they are
    #[arg(long)]
    pub diff: bool,
    /// Least severity for exit status 3 [default: warning, or what the settings say]
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub fail_on: Option<Threshold>,
    /// Switch a rule on, or give it a level: off, hint, info, warning, error (repeatable)
    #[arg(long = "rule", value_name = "RULE[=LEVEL]", value_delimiter = ',')]
    pub rules: Vec<String>,
    /// Switch a rule off (repeatable)
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub ignore: Vec<String>,
    /// Run this rule alone (repeatable)
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Switch a set of rules on
    #[arg(long, value_enum, value_name = "SET")]
    pub extend: Option<Set>,
    /// Also show what an installed ShellCheck says of the shell in RUN
    #[arg(long, overrides_with = "no_shellcheck")]
    pub shellcheck: bool,
    /// Do not ask ShellCheck, whatever the settings say
    #[arg(long)]
    pub no_shellcheck: bool,
    /// Name of the file that standard input stands for
    #[arg(long, value_name = "PATH")]
    pub stdin_filename: Option<PathBuf>,
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// List the rules with the levels they have here
    #[arg(long)]
    pub list_rules: bool,
    /// Explain a rule, by name or by another linter's code for it
    #[arg(long, value_name = "RULE")]
    pub explain: Option<String>,
}

/// Which settings apply. `fmt` takes the same.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SettingsArgs {
    /// Settings file, in place of those that would be found
    #[arg(long, value_name = "FILE", conflicts_with = "no_config")]
    pub config: Option<PathBuf>,
    /// Look for no settings files
    #[arg(long)]
    pub no_config: bool,
}

impl SettingsArgs {
    /// What finds the settings.
    pub fn finder(&self) -> Result<Finder, CommandError> {
        let choice = match &self.config {
            Some(path) => Choice::File(path.clone()),
            None if self.no_config => Choice::Nothing,
            None => Choice::Search,
        };
        let path = self.config.clone().unwrap_or_default();
        Finder::new(choice).map_err(|error| CommandError::file("read the settings", &path, &error))
    }
}

/// `--fail-on`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Threshold {
    Error,
    Warning,
    Info,
    Hint,
    Never,
}

impl From<Threshold> for FailOn {
    fn from(threshold: Threshold) -> Self {
        use cooperage_lang::diagnostic::Severity;
        match threshold {
            Threshold::Error => Self::Least(Severity::Error),
            Threshold::Warning => Self::Least(Severity::Warning),
            Threshold::Info => Self::Least(Severity::Info),
            Threshold::Hint => Self::Least(Severity::Hint),
            Threshold::Never => Self::Never,
        }
    }
}

/// `--extend`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Set {
    /// What hadolint looks for, at its levels
    Hadolint,
}

/// Looks for mistakes, mends them, or tells about rules.
pub fn run(session: &Session, args: Args) -> Result<Value, CommandError> {
    if let Some(name) = &args.explain {
        return explain(name);
    }
    let linter = Linter::new(&args, session.globals.root.clone())?;
    if args.list_rules {
        return Ok(Value::Rules(linter.rules()));
    }
    let view = if args.paths.iter().any(|path| path == Path::new("-")) {
        linter.stdin(&args)?
    } else {
        linter.paths(&args)
    };
    if view.treatment == Treatment::Filter && !session.scripted {
        // Standard output is for the text that was made.
        session.note(&view.text(crate::render::Paint(session.terminal.color_err)));
    }
    Ok(Value::Lint(Box::new(view)))
}

/// Findings of a file or a folder with the settings that are found; the script function ends here.
pub fn lint(paths: Vec<PathBuf>) -> Result<LintView, CommandError> {
    let args = Args {
        paths,
        ..Args::default()
    };
    Ok(Linter::new(&args, None)?.paths(&args))
}

/// The settings of a run.
struct Linter {
    finder: Finder,
    choice: RuleChoice,
    extend: Option<Set>,
    fail_on: Option<FailOn>,
    /// What the command line says of it, then the program when it is there.
    asks_shellcheck: Option<bool>,
    shellcheck: LazyLock<Option<ShellCheck>>,
    /// Knows the images that are here; `None` where no store can be.
    engine: Option<Engine>,
}

impl Linter {
    fn new(args: &Args, root: Option<PathBuf>) -> Result<Self, CommandError> {
        // Nothing is stored, and a store that is not there has no image.
        let options = EngineOptions {
            root,
            read_only: true,
            ..EngineOptions::default()
        };
        Ok(Self {
            engine: Engine::open(options).ok(),
            finder: args.settings.finder()?,
            choice: choice(args)?,
            extend: args.extend,
            fail_on: args.fail_on.map(FailOn::from),
            asks_shellcheck: match (args.shellcheck, args.no_shellcheck) {
                (_, true) => Some(false),
                (true, false) => Some(true),
                (false, false) => None,
            },
            shellcheck: LazyLock::new(ShellCheck::find),
        })
    }

    /// What applies to a file: the settings files, then the command line.
    fn settings(&self, path: &Path) -> Settings {
        let mut settings = self.finder.settings(path);
        if self.extend == Some(Set::Hadolint) {
            settings.lint.hadolint = true;
        }
        self.choice.apply(&mut settings.lint);
        settings.fail_on = self.fail_on.unwrap_or(settings.fail_on);
        settings.shellcheck = self.asks_shellcheck.or(settings.shellcheck);
        settings
    }

    fn rules(&self) -> Vec<RuleRow> {
        let config = self.settings(Path::new("Dockerfile")).lint;
        let row = |lint: &'static Lint| RuleRow {
            lint,
            level: config.level(lint),
        };
        LINTS.iter().map(row).collect()
    }

    fn stdin(&self, args: &Args) -> Result<LintView, CommandError> {
        if args.paths.len() > 1 {
            let error = "standard input is checked alone, without other paths";
            return Err(CommandError::usage(error));
        }
        let source = read_stdin()?;
        let name = args.stdin_filename.as_deref();
        let path = name.unwrap_or(Path::new("Dockerfile"));
        let treatment = match treatment(args) {
            Treatment::Fix => Treatment::Filter,
            other => other,
        };
        let shown = name.map_or_else(|| "<stdin>".to_owned(), |name| name.display().to_string());
        let checked = self.checked(shown, name.map(|_| path), path, source, treatment);
        Ok(self.view(args, vec![checked], treatment))
    }

    fn paths(&self, args: &Args) -> LintView {
        let here = [PathBuf::from(".")];
        let paths = if args.paths.is_empty() {
            &here[..]
        } else {
            &args.paths
        };
        let found = dockerfiles::find(paths, &self.finder, &Limits::default());
        let treatment = treatment(args);
        let answers = dockerfiles::each(found.files, |path| {
            let answer = self.file(&path, treatment);
            answer.map_err(|error| (path, CommandError::plain(&error)))
        });
        let mut failed = found.failed;
        let mut files = Vec::with_capacity(answers.len());
        for answer in answers {
            match answer {
                Ok(checked) => files.push(checked),
                Err(failure) => failed.push(failure),
            }
        }
        let mut view = self.view(args, files, treatment);
        view.failed = failed
            .into_iter()
            .map(|(path, error)| (path.display().to_string(), error))
            .collect();
        view.excluded = found.excluded;
        view
    }

    fn view(&self, args: &Args, mut files: Vec<Checked>, treatment: Treatment) -> LintView {
        files.extend(settings_files(&self.finder));
        LintView {
            files,
            failed: Vec::new(),
            excluded: 0,
            format: args.format,
            treatment,
        }
    }

    /// Checks a file and, when that is asked for, mends it on disk.
    fn file(&self, path: &Path, treatment: Treatment) -> std::io::Result<Checked> {
        let source = std::fs::read(path)?;
        let shown = path.display().to_string();
        let checked = self.checked(shown, Some(path), path, source, treatment);
        if treatment == Treatment::Fix && checked.before.is_some() {
            dockerfiles::replace(path, &checked.source)?;
        }
        Ok(checked)
    }

    fn checked(
        &self,
        name: String,
        path: Option<&Path>,
        place: &Path,
        source: Vec<u8>,
        treatment: Treatment,
    ) -> Checked {
        let settings = self.settings(place);
        let shellcheck = (settings.shellcheck == Some(true))
            .then(|| self.shellcheck.as_ref())
            .flatten();
        let platform = |image: &Reference| self.engine.as_ref()?.platform_of_own_image(image);
        let check = |file: &File| {
            let mut found = dockerfiles::check(file, path, &settings, &platform, shellcheck);
            found.retain(|finding| self.choice.may_show(finding.code));
            found
        };
        let fail_on = settings.fail_on;
        if treatment == Treatment::Check {
            let file = File::new(source);
            let findings = check(&file);
            return Checked {
                name,
                source: file.into_source(),
                before: None,
                findings,
                fixed: Vec::new(),
                fail_on,
            };
        }
        let before = source.clone();
        let (file, findings, fixed) = dockerfiles::mend(source, check);
        Checked {
            name,
            source: file.into_source(),
            before: (!fixed.is_empty()).then_some(before),
            findings,
            fixed,
            fail_on,
        }
    }
}

/// The settings files with mistakes, which are shown as those of a Dockerfile are.
pub fn settings_files(finder: &Finder) -> Vec<Checked> {
    let here = std::env::current_dir().unwrap_or_default();
    let checked = |file: cooperage_runtime::settings::Faulty| Checked {
        name: file
            .path
            .strip_prefix(&here)
            .unwrap_or(&file.path)
            .display()
            .to_string(),
        source: file.source,
        before: None,
        findings: file.problems,
        fixed: Vec::new(),
        fail_on: FailOn::default(),
    };
    finder.faulty().into_iter().map(checked).collect()
}

fn treatment(args: &Args) -> Treatment {
    match (args.diff, args.fix, args.dry_run) {
        (true, _, _) => Treatment::Diff,
        (false, true, true) => Treatment::DryRun,
        (false, true, false) => Treatment::Fix,
        (false, false, _) => Treatment::Check,
    }
}

/// Standard input, whole.
pub fn read_stdin() -> Result<Vec<u8>, CommandError> {
    let mut source = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut source)
        .map_err(|error| CommandError::file("read", Path::new("standard input"), &error))?;
    Ok(source)
}

/// What the command line says of rules.
fn choice(args: &Args) -> Result<RuleChoice, CommandError> {
    let mut choice = RuleChoice::default();
    for name in &args.only {
        choice.only.push(rule(name)?);
    }
    for text in &args.rules {
        let (name, level) = match text.split_once('=') {
            Some((name, level)) => (name, Some(self::level(level)?)),
            None => (text.as_str(), None),
        };
        let name = rule(name)?;
        let level = level.unwrap_or_else(|| lints::find(&name).map_or(Level::Warning, on));
        choice.levels.push((name, level));
    }
    for name in &args.ignore {
        choice.levels.push((rule(name)?, Level::Off));
    }
    Ok(choice)
}

fn level(text: &str) -> Result<Level, CommandError> {
    Level::parse(text).ok_or_else(|| {
        CommandError::usage(format!(
            "level `{text}` is none of off, hint, info, warning, error"
        ))
    })
}

/// The name of a rule: of ours, whatever it was called by, or of one that only ShellCheck has.
fn rule(name: &str) -> Result<String, CommandError> {
    let code = name.to_ascii_uppercase();
    if shellcheck::is_code(&code) && lints::find_called(&code).is_none() {
        return Ok(code);
    }
    Ok(known(name)?.name.to_owned())
}

fn known(name: &str) -> Result<&'static Lint, CommandError> {
    lints::find_called(name).ok_or_else(|| {
        let error = CommandError::usage(format!("unknown rule `{name}`"));
        let names = LINTS.iter().flat_map(Lint::names);
        match nearest(name, names) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("`cooper lint --list-rules` lists them"),
        }
    })
}

fn explain(name: &str) -> Result<Value, CommandError> {
    let lint = known(name).map_err(|error| CommandError {
        kind: Kind::NotFound,
        ..error
    })?;
    Ok(Value::Text(crate::render::lint::rule_page(lint)))
}
