//! Facts as Markdown.

use super::surroundings::ImageFacts;
use crate::quote::quote;
use std::fmt::Write;

/// A block of code. A text that holds a fence gets a longer one; blanks at its end stay, since they may be a value's.
pub(super) fn fenced(language: &str, text: &str) -> String {
    let mut fence = "```".to_owned();
    while text.contains(&fence) {
        fence.push('`');
    }
    format!(
        "{fence}{language}\n{}\n{fence}",
        text.trim_end_matches(['\r', '\n'])
    )
}

/// Digest, size, age, platforms and config of an image.
pub(super) fn image(facts: &ImageFacts) -> String {
    let mut text = format!("**{}**\n", facts.reference);
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            // Writing into a String cannot fail.
            let _ = write!(text, "\n- {name}: {value}");
        }
    };
    row("digest", &code(&facts.digest));
    row("size", &facts.size);
    row("created", &facts.created);
    row("platform", &facts.platform);
    let others: Vec<&str> = facts
        .platforms
        .iter()
        .map(String::as_str)
        .filter(|other| *other != facts.platform)
        .collect();
    row("further platforms", &others.join(", "));
    let config = &facts.config.config;
    row("user", &code(&config.user));
    row("working directory", &code(&config.working_dir));
    row("entry point", &argv(config.entrypoint.as_deref()));
    row("command", &argv(config.cmd.as_deref()));
    let names = |list: Vec<&str>| list.iter().map(|n| code(n)).collect::<Vec<_>>().join(", ");
    row(
        "ports",
        &names(config.exposed_ports.keys().map(String::as_str).collect()),
    );
    row(
        "volumes",
        &names(config.volumes.keys().map(String::as_str).collect()),
    );
    row(
        "environment",
        &names(config.env.iter().map(String::as_str).collect()),
    );
    row(
        "triggers",
        &names(config.on_build.iter().map(String::as_str).collect()),
    );
    text
}

fn argv(args: Option<&[String]>) -> String {
    let Some(args) = args.filter(|args| !args.is_empty()) else {
        return String::new();
    };
    let quoted: Vec<_> = args.iter().map(|arg| quote(arg.as_bytes())).collect();
    code(&format!("[{}]", quoted.join(", ")))
}

/// Inline code; nothing for nothing.
fn code(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("`{}`", text.replace('`', "'"))
}
