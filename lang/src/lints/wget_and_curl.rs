//! Two programs that download.

use super::runs::{Ran, name_range, steps};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::Command;

pub(super) const LINT: Lint = Lint {
    name: "WgetAndCurl",
    aliases: &["DL4001"],
    description: "A stage downloads with wget or curl, not with both",
    docs: include_str!("../../docs/lints/wget-and-curl.md"),
    hadolint: Level::Warning,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    let mut stage = 0;
    // What a build and what triggers have used so far.
    let mut used = [Used::default(); 2];
    for step in steps(subject) {
        let snippet = step[0].snippet;
        if std::mem::replace(&mut stage, snippet.stage) != snippet.stage {
            used = Default::default();
        }
        let used = &mut used[usize::from(snippet.trigger)];
        let is_downloader = |c: &Command| c.runs("wget") || c.runs("curl");
        let mut last = None;
        for ran in step.iter().filter(|ran| is_downloader(ran.command)) {
            used.wget |= ran.command.runs("wget");
            used.curl |= ran.command.runs("curl");
            last = Some(ran);
        }
        if let Some(&Ran {
            snippet, command, ..
        }) = last.filter(|_| used.wget && used.curl)
        {
            let message = "this stage uses both wget and curl, one of them is enough";
            let range = name_range(command);
            out.push(Finding::in_script(&LINT, subject, snippet, range, message));
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Used {
    wget: bool,
    curl: bool,
}
