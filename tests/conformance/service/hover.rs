//! Hover: some text wherever the recorded answer has one, about the same thing.
//!
//! - Where the recorded answer is the value of a variable, ours is about a variable with exactly that value.
//! - Where it is documentation, ours is about an instruction, a directive or a flag.
//! - Where there is none, ours may only be about what that server knows nothing of: stages, images, check rules, mounts,
//!   ids, values of flags, words like ports and signals, and variables whose value only the build knows.
//!
//! Two recorded answers are not the builder's, and ours are:
//!
//! - An `ARG` behind an `ENV` of the same name gives the variable its value; recorded is that of the `ENV`.
//! - A carriage return alone ends no line. Texts with one are not compared.

use super::{Case, Kind};
use cooperage_lang::ide::hover::{Subject, hover};
use cooperage_lang::ide::surroundings::Nowhere;
use cooperage_lang::syntax::Keyword;
use serde_json::Value;

pub(super) const KIND: Kind = Kind {
    name: "hover",
    bar: 98.0,
    check,
};

fn check(case: &Case<'_>) -> Result<(), String> {
    if has_lone_return(case.file.source()) {
        return Ok(());
    }
    let ours = hover(&case.file, case.offset(), &Nowhere).map(|hover| hover.subject);
    let agrees = match (&case.expected()["contents"], &ours) {
        (Value::Null, None)
        | (
            Value::Object(_),
            Some(Subject::Instruction(_) | Subject::Directive(_) | Subject::Flag),
        ) => true,
        (Value::Null, Some(subject)) => is_more(subject),
        (Value::String(value), Some(Subject::Variable { value: Some(ours) })) => {
            ours == value || is_hidden(case, value)
        }
        (_, _) => false,
    };
    if agrees {
        Ok(())
    } else {
        Err(format!("{ours:?} where {} is", case.expected()))
    }
}

/// The value is one that an `ENV` gave the variable at the offset, and an `ARG` behind it gave another.
fn is_hidden(case: &Case<'_>, value: &str) -> bool {
    let names = case.file.names();
    let Some(used) = names.at(case.offset()) else {
        return false;
    };
    let definitions = names.definitions_of(used);
    let defined = |id| names.defined(&case.file, id);
    let mut all = definitions.into_iter().filter_map(defined);
    all.next().is_some_and(|last| last.keyword == Keyword::Arg)
        && all.any(|v| v.keyword == Keyword::Env && v.value.as_deref() == Some(value))
}

fn has_lone_return(text: &[u8]) -> bool {
    text.windows(2)
        .any(|pair| pair[0] == b'\r' && pair[1] != b'\n')
}

/// What the recorded server says nothing about.
fn is_more(subject: &Subject) -> bool {
    match subject {
        Subject::Stage
        | Subject::Image
        | Subject::Id
        | Subject::Lint
        | Subject::MountKey
        | Subject::FlagValue
        | Subject::Word
        | Subject::Variable { value: None } => true,
        Subject::Instruction(_)
        | Subject::Directive(_)
        | Subject::Flag
        | Subject::Variable { value: Some(_) } => false,
    }
}
