//! `cooper images`.

use crate::error::CommandError;
use crate::session::Session;
use crate::value::Value;
use cooperage_runtime::engine::Image;

/// Examples:
///   cooper images
///   cooper images 'blog*'
///   cooper images -q --dangling
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Only images with a name like this; `*` and `?` match any letters
    #[arg(value_name = "PATTERN")]
    pub pattern: Option<String>,
    /// Only images without a name
    #[arg(long)]
    pub dangling: bool,
    /// Taken for compatibility: all images are listed
    #[arg(short, long, hide = true)]
    pub all: bool,
    /// Taken for compatibility: a pipe never cuts ids
    #[arg(long, hide = true)]
    pub no_trunc: bool,
}

/// Lists.
pub fn run(session: &Session, args: Args) -> Result<Value, CommandError> {
    let images = session.engine()?.images()?;
    Ok(Value::Images(select(
        images,
        args.pattern.as_deref(),
        args.dangling,
    )))
}

/// The images that match. A pattern without tag matches any tag.
pub fn select(images: Vec<Image>, pattern: Option<&str>, dangling: bool) -> Vec<Image> {
    let fits = |name: &str| {
        pattern.is_none_or(|pattern| {
            let untagged = name.rsplit_once(':').map_or(name, |(untagged, _)| untagged);
            wildcard(pattern, name) || wildcard(pattern, untagged)
        })
    };
    images
        .into_iter()
        .filter(|image| {
            if image.names.is_empty() {
                pattern.is_none()
            } else {
                image.names.iter().any(|name| fits(name))
            }
        })
        .filter(|image| !dangling || image.names.is_empty())
        .collect()
}

/// Matches `*` and `?`.
fn wildcard(pattern: &str, text: &str) -> bool {
    let mut letters = pattern.chars();
    match letters.next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = letters.as_str();
            text.char_indices()
                .map(|(at, _)| at)
                .chain([text.len()])
                .any(|at| wildcard(rest, &text[at..]))
        }
        Some(wanted) => {
            let mut found = text.chars();
            found
                .next()
                .is_some_and(|letter| wanted == '?' || wanted == letter)
                && wildcard(letters.as_str(), found.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_like_those_of_a_shell() {
        for (pattern, text, fits) in [
            ("blog*", "blog:latest", true),
            ("b?og", "blog", true),
            ("*:v*", "blog:v1", true),
            ("blog", "blogs", false),
            ("*", "", true),
        ] {
            assert_eq!(wildcard(pattern, text), fits, "{pattern} {text}");
        }
    }
}
