//! Which language a line at the prompt is: decided from its text alone, before anything runs.

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Nothing,
    /// `!ls -l`
    HostShell,
    /// `build?`, `?build`
    Help,
    /// `:vars`
    Directive,
    Expression,
    Command,
}

/// Decides. `is_command` knows the command names, `is_variable` the variables in scope. The rules stand in order; the
/// first that applies wins.
pub fn decide(
    line: &str,
    is_command: &dyn Fn(&str) -> bool,
    is_variable: &dyn Fn(&str) -> bool,
) -> Language {
    let line = line.trim_start();
    if line.trim_end().is_empty() {
        return Language::Nothing;
    }
    if let Some(rest) = line.strip_prefix('!') {
        let word = first_word(rest);
        let negation = rest.starts_with('(')
            || matches!(word, "true" | "false")
            || !word.is_empty() && is_variable(word);
        return if negation {
            Language::Expression
        } else {
            Language::HostShell
        };
    }
    let trimmed = line.trim_end();
    if line.starts_with('?') || trimmed.ends_with('?') && is_word(&trimmed[..trimmed.len() - 1]) {
        return Language::Help;
    }
    if line.starts_with(':') {
        return Language::Directive;
    }
    let word = first_word(line);
    if !is_command(word) {
        return Language::Expression;
    }
    let behind = &line[word.len()..];
    let rest = behind.trim_start();
    if word == "import" {
        return if rest.starts_with(['"', '`']) {
            Language::Expression
        } else {
            Language::Command
        };
    }
    if is_variable(word)
        && !starts_option(rest)
        && !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
    {
        return Language::Expression;
    }
    if behind.starts_with(['(', '.', '[', ':', ';', ',', '?']) {
        return Language::Expression;
    }
    if behind.starts_with(char::is_whitespace) && (rest.starts_with('=') || rest.starts_with("|>"))
    {
        return Language::Expression;
    }
    Language::Command
}

/// The name a line starts with, or nothing.
pub fn first_word(line: &str) -> &str {
    let end = line
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(line.len());
    &line[..end]
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && first_word(text) == text
}

/// `-a`, `--all`, but not `- 1` or `-1`.
fn starts_option(rest: &str) -> bool {
    rest.strip_prefix('-')
        .is_some_and(|name| name.starts_with(|c: char| c.is_alphabetic() || c == '-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{Command, Directive, Expression, Help, HostShell, Nothing};

    /// Names of commands of the specification's table; `ps` and `export` are not in ours yet.
    const NAMES: &[&str] = &["build", "ps", "images", "import", "export", "debug", "rm"];

    #[test]
    fn every_case_of_the_table() {
        for (line, variables, wanted) in [
            ("build -t blog .", &[][..], Command),
            ("ps", &[], Command),
            ("ps", &["ps"], Expression),
            ("ps -a", &["ps"], Command),
            ("ps()", &[], Expression),
            ("ps().len()", &[], Expression),
            ("ps = 3", &[], Expression),
            ("ps + 1", &["ps"], Expression),
            ("images.filter(|i| i.size > 1)", &[], Expression),
            ("build - ", &[], Command),
            ("import a.tar x", &[], Command),
            ("import \"m\" as m;", &[], Expression),
            ("export blog -o x.tar", &[], Command),
            ("!ls -l", &[], HostShell),
            ("!(1 == 2)", &[], Expression),
            ("!done", &["done"], Expression),
            ("build?", &[], Help),
            ("?build", &[], Help),
            (":vars", &[], Directive),
            // The rules' own words.
            ("", &[], Nothing),
            ("   ", &[], Nothing),
            ("!true", &[], Expression),
            ("!done", &[], HostShell),
            ("1 + 1", &[], Expression),
            ("let x = 3", &[], Expression),
            ("import `m` as m", &[], Expression),
            ("debug(x)", &[], Expression),
            ("debug .", &[], Command),
            ("ps == 1", &[], Expression),
            ("ps |> f", &[], Expression),
            ("ps;", &[], Expression),
            ("  build .", &[], Command),
            ("ps --all", &["ps"], Command),
            ("ps x", &["ps"], Command),
            ("biuld -t blog .", &[], Expression),
        ] {
            let decided = decide(line, &|word| NAMES.contains(&word), &|word| {
                variables.contains(&word)
            });
            assert_eq!(decided, wanted, "{line:?} with {variables:?}");
        }
    }
}
