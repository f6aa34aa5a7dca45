//! The one typed result of commands, prompt lines and script calls.

use crate::render::lint::Format;
use crate::render::table::{Column, Table};
use crate::render::{Paint, Terminal, forecast, json, text};
use crate::units::{Size, Span, ago};
use cooperage_lang::diagnostic::Diagnostic;
use cooperage_lang::lints::{Level, Lint};
use cooperage_lang::plan::config::HistoryEntry;
use cooperage_runtime::build::forecast::Forecast;
use cooperage_runtime::dockerfiles::Checked;
use cooperage_runtime::engine::{Built, FileInfo, Image, LayerInfo, Pruned, RunExit, Why};
use std::time::SystemTime;

/// What a command answers. The renderers below and the script binding all read this.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing to say.
    Nothing,
    /// Text for people: help, a version.
    Text(String),
    /// Names of what was touched, one a line.
    Lines(Vec<String>),
    /// Images.
    Images(Vec<Image>),
    /// One image that was made or fetched.
    Image(Box<Image>),
    /// Everything known of some things.
    Inspect(Vec<Image>),
    /// A build that succeeded.
    Built(Box<BuiltView>),
    /// A forecast.
    Plan(Box<PlanView>),
    /// What the last build did, step by step.
    Why(Option<Why>),
    /// Layers of an image, the lowest first.
    Layers(Vec<LayerInfo>),
    /// Files of a layer.
    Files(Vec<FileInfo>),
    /// How an image was made, the newest entry first.
    History(Vec<HistoryRow>),
    /// A container that ended.
    Exit(RunExit),
    /// What a clean-up removed.
    Pruned(Pruned),
    /// What is wrong with a Dockerfile.
    Findings(Box<Findings>),
    /// What is wrong with some Dockerfiles, and what was mended.
    Lint(Box<LintView>),
    /// Check rules.
    Rules(Vec<RuleRow>),
    /// Dockerfiles that were formatted.
    Formatted(Box<FormatView>),
}

/// A build with what only its progress told.
#[derive(Clone, Debug)]
pub struct BuiltView {
    /// The engine's answer.
    pub built: Built,
    /// Bytes of the layers that were made.
    pub new_bytes: u64,
}

/// A forecast with what the command line asked of it.
#[derive(Clone, Debug)]
pub struct PlanView {
    /// Name of the Dockerfile.
    pub name: String,
    /// The forecast.
    pub forecast: Forecast,
    /// `--fail-on-miss`: a step that would run makes the answer "no".
    pub fail_on_miss: bool,
}

/// Findings of `build --check`.
#[derive(Clone, Debug)]
pub struct Findings {
    /// Name of the Dockerfile.
    pub name: String,
    /// Its text.
    pub source: Vec<u8>,
    /// In source order.
    pub list: Vec<Diagnostic>,
}

/// Answer of `lint`.
#[derive(Clone, Debug)]
pub struct LintView {
    /// Dockerfiles by name, then settings files that have mistakes.
    pub files: Vec<Checked>,
    /// Paths that could not be read or written, with the reason.
    pub failed: Vec<(String, String)>,
    /// Files that were named and that the settings exclude.
    pub excluded: usize,
    /// How to show it.
    pub format: Format,
    /// What was done with what could be mended.
    pub treatment: Treatment,
}

/// What becomes of what can be mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// Nothing: findings are told.
    Check,
    /// It is mended in the files.
    Fix,
    /// The mended text goes to standard output.
    Filter,
    /// It is told what would be mended.
    DryRun,
    /// It is shown as a difference.
    Diff,
}

impl LintView {
    fn exit_status(&self) -> u8 {
        let changes = self.files.iter().any(|file| file.before.is_some());
        if !self.failed.is_empty() {
            1
        } else if self.files.iter().any(Checked::fails)
            || changes && matches!(self.treatment, Treatment::Diff | Treatment::DryRun)
        {
            3
        } else {
            0
        }
    }
}

/// A check rule and the level it has here.
#[derive(Clone, Copy, Debug)]
pub struct RuleRow {
    /// The rule.
    pub lint: &'static Lint,
    /// Its level.
    pub level: Level,
}

/// Answer of `fmt`.
#[derive(Clone, Debug, Default)]
pub struct FormatView {
    /// Dockerfiles by name.
    pub files: Vec<Formatted>,
    /// Settings files that have mistakes.
    pub faulty: Vec<Checked>,
    /// Paths that could not be read or written, with the reason.
    pub failed: Vec<(String, String)>,
    /// Files that were named and that the settings exclude.
    pub excluded: usize,
    /// `--check`.
    pub check: bool,
    /// `--diff`.
    pub diff: bool,
    /// The text goes to standard output.
    pub filter: bool,
}

/// A Dockerfile and its formatted text.
#[derive(Clone, Debug)]
pub struct Formatted {
    /// Its name.
    pub name: String,
    /// Its text as it was.
    pub before: Vec<u8>,
    /// Its text as it should be.
    pub after: Vec<u8>,
}

impl FormatView {
    /// The files that were not formatted.
    pub fn changed(&self) -> impl Iterator<Item = &Formatted> {
        self.files.iter().filter(|file| file.before != file.after)
    }

    fn exit_status(&self) -> u8 {
        if !self.failed.is_empty() || !self.faulty.is_empty() {
            1
        } else if (self.check || self.diff) && self.changed().next().is_some() {
            3
        } else {
            0
        }
    }
}

/// A line of an image's history.
#[derive(Clone, Debug)]
pub struct HistoryRow {
    /// The entry of the config.
    pub entry: HistoryEntry,
    /// Bytes of its layer, when it has one here.
    pub size: Option<u64>,
}

impl Value {
    /// Exit status of a command that answers this.
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Exit(exit) => exit.code.clamp(0, 255) as u8,
            Self::Plan(plan)
                if plan.fail_on_miss
                    && plan.forecast.cached() < plan.forecast.numbered().count() =>
            {
                3
            }
            Self::Findings(found) if !found.list.is_empty() => 3,
            Self::Lint(view) => view.exit_status(),
            Self::Formatted(view) => view.exit_status(),
            _ => 0,
        }
    }

    /// The value as text for standard output, with its last line end.
    pub fn text(&self, terminal: Terminal) -> String {
        let paint = Paint(terminal.color_out);
        let width = terminal.stdout.then_some(terminal.width).flatten();
        match self {
            Self::Nothing => String::new(),
            Self::Text(text) => format!("{}\n", text.trim_end_matches('\n')),
            Self::Lines(lines) => lines.iter().map(|line| format!("{line}\n")).collect(),
            // Already written while it ran, unless it was captured.
            Self::Exit(exit) => String::from_utf8_lossy(&exit.stdout).into_owned(),
            Self::Inspect(_) => self.json_text(),
            Self::Why(None) => "no build is remembered; `cooper build` makes one\n".to_owned(),
            Self::Findings(found) => findings(found, paint),
            Self::Lint(view) => view.text(paint),
            Self::Formatted(view) => view.text(paint),
            _ => self.table(terminal.stdout).render(width, paint),
        }
    }

    /// The value as one JSON document with its line end.
    pub fn json_text(&self) -> String {
        let text =
            serde_json::to_string_pretty(&json::of(self)).expect("JSON values have string keys");
        format!("{text}\n")
    }

    /// The value as it is, when it is a text that was made for another program: no rendering may change it.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Lint(view) if view.treatment == Treatment::Filter => {
                view.files.first().map(|file| &file.source[..])
            }
            Self::Formatted(view) if view.filter => view.files.first().map(|file| &file.after[..]),
            _ => None,
        }
    }

    /// Tells whether the value is shown in a format of its own that leaves nothing out.
    pub fn has_own_format(&self) -> bool {
        matches!(self, Self::Lint(view) if view.format != Format::Human)
    }

    /// Ids only, one a line.
    pub fn ids(&self) -> Vec<String> {
        match self {
            Self::Images(images) | Self::Inspect(images) => {
                images.iter().map(|image| image.id.to_string()).collect()
            }
            Self::Image(image) => vec![image.id.to_string()],
            Self::Built(view) => vec![view.built.image.id.to_string()],
            Self::Layers(layers) => layers.iter().map(|layer| layer.diff_id.clone()).collect(),
            Self::Files(files) => files.iter().map(|file| file.path.clone()).collect(),
            Self::Plan(plan) => vec![forecast::summary(&plan.forecast)],
            Self::Lines(lines) => lines.clone(),
            Self::Text(text) => vec![text.trim_end().to_owned()],
            Self::History(rows) => rows
                .iter()
                .map(|row| row.entry.created_by.clone())
                .collect(),
            Self::Lint(view) => {
                let failing = view.files.iter().filter(|file| file.fails());
                failing.map(|file| file.name.clone()).collect()
            }
            Self::Formatted(view) => view.changed().map(|file| file.name.clone()).collect(),
            Self::Rules(rows) => rows.iter().map(|row| row.lint.name.to_owned()).collect(),
            Self::Nothing | Self::Why(_) | Self::Exit(_) | Self::Pruned(_) | Self::Findings(_) => {
                Vec::new()
            }
        }
    }

    /// The value as a table; `short` cuts ids to twelve digits.
    fn table(&self, short: bool) -> Table {
        let now = SystemTime::now();
        match self {
            Self::Images(images) => image_table(images, short, now),
            Self::Image(image) => image_table(std::slice::from_ref(image), short, now),
            Self::Built(view) => built_table(view, short),
            Self::Plan(plan) => plan_table(plan, now),
            Self::Why(why) => why
                .as_ref()
                .map(|why| why_table(why, now))
                .unwrap_or_default(),
            Self::Layers(layers) => layer_table(layers),
            Self::Files(files) => file_table(files),
            Self::History(rows) => history_table(rows),
            Self::Rules(rows) => rule_table(rows),
            Self::Pruned(pruned) => Table {
                notes: vec![format!(
                    "removed {} layers, {} blobs, {} cache records: {}",
                    pruned.layers,
                    pruned.blobs,
                    pruned.records,
                    Size(pruned.bytes)
                )],
                ..Table::default()
            },
            Self::Nothing
            | Self::Text(_)
            | Self::Lines(_)
            | Self::Inspect(_)
            | Self::Exit(_)
            | Self::Findings(_)
            | Self::Lint(_)
            | Self::Formatted(_) => Table::default(),
        }
    }
}

/// An id as people see it: without algorithm, twelve digits.
pub fn short_id(id: &str) -> &str {
    let hex = id.split_once(':').map_or(id, |(_, hex)| hex);
    hex.get(..12).unwrap_or(hex)
}

fn id(id: &impl ToString, short: bool) -> String {
    let id = id.to_string();
    if short { short_id(&id).to_owned() } else { id }
}

fn image_table(images: &[Image], short: bool, now: SystemTime) -> Table {
    let mut table = Table::new(&[
        Column::flexible("NAME"),
        Column::left("IMAGE"),
        Column::left("CREATED"),
        Column::right("LAYERS"),
        Column::right("SIZE"),
    ]);
    for image in images {
        let unnamed = ["<none>".to_owned()];
        let names = if image.names.is_empty() {
            &unnamed[..]
        } else {
            &image.names[..]
        };
        for name in names {
            table.row([
                name.clone(),
                id(&image.id, short),
                image
                    .created
                    .map(|created| ago(created, now))
                    .unwrap_or_default(),
                image.layers.len().to_string(),
                Size(image.size).to_string(),
            ]);
        }
    }
    table
}

fn built_table(view: &BuiltView, short: bool) -> Table {
    let mut table = Table::new(&[
        Column::left("IMAGE"),
        Column::flexible("TAG"),
        Column::right("SIZE"),
        Column::right("NEW"),
    ]);
    let image = &view.built.image;
    let tags = if image.names.is_empty() {
        "-".to_owned()
    } else {
        image.names.join(", ")
    };
    let new = if view.new_bytes == 0 {
        "-".to_owned()
    } else {
        Size(view.new_bytes).to_string()
    };
    table.row([
        id(&image.id, short),
        tags,
        Size(image.size).to_string(),
        new,
    ]);
    table
}

fn plan_table(view: &PlanView, now: SystemTime) -> Table {
    let plan = &view.forecast.plan;
    let mut table = Table::new(&[
        Column::right("LINE"),
        Column::flexible("STEP"),
        Column::flexible("FORECAST"),
        Column::right("LAST TOOK"),
    ]);
    for step in view.forecast.numbered() {
        let planned = plan.step(step.step);
        table.row([
            planned.lines.start.to_string(),
            text::one_line(&planned.name()),
            forecast::outcome(step, plan, now),
            forecast::last_took(step)
                .map(|took| Span(took).to_string())
                .unwrap_or_default(),
        ]);
    }
    table.notes.push(forecast::summary(&view.forecast));
    table
}

fn why_table(why: &Why, now: SystemTime) -> Table {
    let mut table = Table::new(&[
        Column::right("LINE"),
        Column::flexible("STEP"),
        Column::left("DID"),
        Column::right("TOOK"),
        Column::flexible("BECAUSE"),
    ]);
    for step in &why.steps {
        table.row([
            step.line.to_string(),
            text::one_line(&step.text),
            step.outcome.clone(),
            step.took
                .map(|took| Span(took).to_string())
                .unwrap_or_default(),
            step.reason
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
        ]);
    }
    table
        .notes
        .push(format!("{}, built {}", why.dockerfile, ago(why.when, now)));
    table
}

fn layer_table(layers: &[LayerInfo]) -> Table {
    let mut table = Table::new(&[
        Column::right("#"),
        Column::right("SIZE"),
        Column::right("FILES"),
        Column::flexible("CREATED BY"),
    ]);
    for layer in layers {
        table.row([
            layer.index.to_string(),
            Size(layer.size).to_string(),
            layer.files.to_string(),
            text::one_line(&layer.created_by),
        ]);
    }
    let total: u64 = layers.iter().map(|layer| layer.size).sum();
    table
        .notes
        .push(format!("{} layers, {}", layers.len(), Size(total)));
    table
}

fn file_table(files: &[FileInfo]) -> Table {
    let mut table = Table::new(&[
        Column::left("MODE"),
        Column::left("OWNER"),
        Column::right("SIZE"),
        Column::flexible("PATH"),
    ]);
    for file in files {
        table.row([
            format!("{:04o}", file.mode & 0o7777),
            format!("{}:{}", file.uid, file.gid),
            Size(file.size).to_string(),
            text::strip(&file.path),
        ]);
    }
    table
}

fn history_table(rows: &[HistoryRow]) -> Table {
    let mut table = Table::new(&[
        Column::left("CREATED"),
        Column::flexible("CREATED BY"),
        Column::right("SIZE"),
    ]);
    for row in rows {
        table.row([
            row.entry
                .created
                .as_deref()
                .map(whole_seconds)
                .unwrap_or_default(),
            text::one_line(&row.entry.created_by),
            row.size
                .map_or_else(|| "-".to_owned(), |size| Size(size).to_string()),
        ]);
    }
    table
}

fn rule_table(rows: &[RuleRow]) -> Table {
    let mut table = Table::new(&[
        Column::left("RULE"),
        Column::left("ALSO"),
        Column::left("LEVEL"),
        Column::left("FIX"),
        Column::flexible("LOOKS FOR"),
    ]);
    for RuleRow { lint, level } in rows {
        table.row([
            lint.name.to_owned(),
            lint.aliases.join(" "),
            level.name().to_owned(),
            if lint.fixable { "yes" } else { "" }.to_owned(),
            lint.description.to_owned(),
        ]);
    }
    let on = rows.iter().filter(|row| row.level != Level::Off).count();
    let fixable = rows.iter().filter(|row| row.lint.fixable).count();
    table.notes.push(format!(
        "{} rules, {on} on, {fixable} with a fix; `cooper lint --explain RULE` tells more",
        rows.len()
    ));
    table
}

/// A time of an image's config without the fraction: `2026-11-24T00:12:19Z`.
fn whole_seconds(time: &str) -> String {
    match time.split_once('.') {
        Some((seconds, rest)) => {
            let zone = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            text::strip(&format!("{seconds}{zone}"))
        }
        None => text::strip(time),
    }
}

fn findings(found: &Findings, paint: Paint) -> String {
    if found.list.is_empty() {
        return "check complete, no warnings found\n".to_owned();
    }
    let mut shown: String = found
        .list
        .iter()
        .map(|finding| {
            crate::render::diagnostic::finding(finding, &found.name, &found.source, paint)
        })
        .collect();
    let plural = if found.list.len() == 1 { "" } else { "s" };
    shown += &format!("check complete, {} finding{plural}\n", found.list.len());
    shown
}
