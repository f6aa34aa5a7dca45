//! What `apt-get update` leaves behind.

use super::runs::{Ran, append_command, has_scratch_mount, removes_folders, steps};
use super::stages::{KeptStages, parents};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::packages::{APT, APT_GET, Call};
use crate::shell::{Snippet, Word};
use std::collections::HashMap;

pub(super) const LINT: Lint = Lint {
    name: "AptListsKept",
    aliases: &["DL3009"],
    description: "The package lists of apt are removed in the step that fetched them",
    docs: include_str!("../../docs/lints/apt-lists-kept.md"),
    level: Level::Info,
    hadolint: Level::Info,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

const LISTS: &str = "/var/lib/apt/lists";

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    let mut stages = None;
    for step in steps(subject) {
        let mut commands = step.iter();
        let found = commands.find_map(|ran| Some((ran.snippet, update(ran)?)));
        let Some((nested, update)) = found else {
            continue;
        };
        let snippet = step[0].snippet;
        let (kept, later) = stages.get_or_insert_with(|| {
            let later = last_installs(subject);
            (KeptStages::of(subject), later)
        });
        let last = step.iter().rev();
        let cleaned = last.take_while(|ran| !is_update(ran)).any(cleans);
        if cleaned || !kept.has(snippet) || is_mounted(subject, snippet) {
            continue;
        }
        let needed = later
            .get(&snippet.stage)
            .is_some_and(|last| *last > snippet.node);
        // Without lists the next installation fails; fetched and removed, they were of no use.
        let is_alone = needed || !step.iter().any(is_install);
        let message = if is_alone {
            "the package lists stay in the layer, fetch and remove them in the RUN that installs"
        } else {
            "the package lists stay in the layer, remove /var/lib/apt/lists/* in this RUN"
        };
        let finding = Finding::in_script(&LINT, subject, nested, update.range, message);
        let clean = format!("rm -rf {LISTS}/*");
        // Who needs sudo for the one needs it for the other.
        let has_wrapper = step
            .iter()
            .any(|ran| is_update(ran) && !ran.command.wrapper().is_empty());
        let edit = append_command(subject, snippet, &clean);
        let edit = edit.filter(|_| !is_alone && !has_wrapper);
        out.push(match edit {
            Some(edit) => finding.with_fix("remove the lists at the end", vec![edit]),
            None => finding,
        });
    }
}

/// The last instruction that uses the lists of an earlier one, for each stage that it is in or built upon.
fn last_installs(subject: &Subject<'_>) -> HashMap<usize, usize> {
    let parents = parents(subject.file);
    let mut last = HashMap::new();
    for step in steps(subject).filter(|step| uses_lists(step)) {
        let snippet = step[0].snippet;
        let stages =
            std::iter::successors(Some(snippet.stage), |stage| parents.get(stage).copied());
        last.extend(stages.map(|stage| (stage, snippet.node)));
    }
    last
}

/// Installs before it fetches lists of its own.
fn uses_lists(step: &[Ran<'_>]) -> bool {
    let mut commands = step.iter();
    let first = commands.find(|ran| is_update(ran) || is_install(ran));
    first.is_some_and(is_install)
}

fn is_install(ran: &Ran<'_>) -> bool {
    apt(ran).is_some_and(|call| call.fetches())
}

fn is_update(ran: &Ran<'_>) -> bool {
    update(ran).is_some()
}

fn update<'a>(ran: &Ran<'a>) -> Option<&'a Word> {
    apt(ran)?.does(&["update"])
}

fn apt<'a>(ran: &Ran<'a>) -> Option<Call<'a>> {
    ran.call(&[&APT_GET, &APT])
}

/// `rm -r` or `find -delete` of the lists or of what they lie in.
fn cleans(ran: &Ran<'_>) -> bool {
    let lists = |word: &Word| {
        // Below the folder that `chroot` or a mount has, too.
        word.text
            .windows(LISTS.len())
            .any(|part| part == LISTS.as_bytes())
            || matches!(
                &word.text[..],
                b"/var/lib/apt" | b"/var/lib/apt/" | b"/var/lib/apt/*"
            )
    };
    if let Some(call) = apt(ran) {
        return call.does(&["dist-clean", "distclean"]).is_some();
    }
    let command = ran.command;
    // Of the lists the files are enough, but for those of a folder in it.
    let inside = |word: &Word| word.text.ends_with(b"*") && lists(word);
    let removes = removes_folders(command) || command.runs("find");
    (removes && command.args().iter().any(lists))
        || (command.runs("rm") && command.operands().any(inside))
}

/// The lists are not part of the layer.
fn is_mounted(subject: &Subject<'_>, snippet: &Snippet) -> bool {
    let mounted = |fragment| has_scratch_mount(subject, snippet, fragment);
    mounted(LISTS) || (mounted("/var/lib/apt") && mounted("/var/cache/apt"))
}
