//! Properties of the values that hold for any input.

use super::expand::{EnvList, Lexer};
use super::ignore::Patterns;
use super::mode::ModeChange;
use super::mount::MountSpec;
use super::platform::Platform;
use super::port::PortSpec;
use super::reference::{AnyReference, Digest, Reference};
use super::signal::Signal;
use super::{bytes, pattern, url};
use crate::quote;
use proptest::prelude::*;

/// Text in which the characters that matter to the lexer are frequent.
fn shell_text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "$", "{", "}", ":", "-", "+", "?", "#", "%", "/", "*", "\\", "`", "'", "\"", " ", "A", "B",
        "é", "\n", "0", "${A", "${B:-", "${A//", "\u{feff}",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn path_of(elements: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(elements), 1..5).prop_map(|parts| parts.join("/"))
}

fn ignore_line() -> impl Strategy<Value = String> {
    let elements = &[
        "a", "b", "ab", "*", "**", "a*", "?", "*b", "[^a]", "a.b", "[a-c]",
    ];
    (any::<bool>(), path_of(elements))
        .prop_map(|(negated, path)| if negated { format!("!{path}") } else { path })
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(input: Vec<u8>) {
        let text = String::from_utf8_lossy(&input).into_owned();
        let _ = Lexer::new('\\').words(&input, &EnvList::new());
        let _ = Patterns::parse_file(&input).map(|p| p.matches(b"a/b"));
        let _ = pattern::glob_match(&input, &input);
        let _ = MountSpec::parse(&input, &mut |v| Ok(v.to_owned()));
        let _ = MountSpec::check(&input);
        let _ = url::classify(&text);
        let _ = url::http_file_name(&text);
        let _ = AnyReference::parse(&text);
        let _ = text.parse::<Digest>();
        let _ = Platform::parse(&text, &Platform::default());
        let _ = (PortSpec::parse(&text), Signal::parse(&text), ModeChange::parse(&text), bytes::parse(&text));
        prop_assert!(quote::quote(&input).starts_with('"'));
    }

    #[test]
    fn word_and_words_agree(text in shell_text(), escape in prop::sample::select(vec!['\\', '`'])) {
        let env = EnvList::from_entries(["A=x y", "B="]);
        let lexer = Lexer::new(escape);
        match (lexer.word(text.as_bytes(), &env), lexer.words(text.as_bytes(), &env)) {
            (Ok(word), Ok(words)) => {
                prop_assert_eq!(&word.matched, &words.matched);
                prop_assert_eq!(&word.unmatched, &words.unmatched);
                // Every word is a piece of the text, in order.
                let mut rest = word.text.as_str();
                for piece in &words.words {
                    let at = rest.find(piece.as_str());
                    prop_assert!(at.is_some(), "{piece:?} is not in {rest:?}");
                    rest = &rest[at.unwrap_or(0) + piece.len()..];
                }
            }
            (word, words) => prop_assert_eq!(word.err(), words.err()),
        }
    }

    #[test]
    fn deep_nesting_is_no_danger(depth in 1usize..3000) {
        let word = format!("{}x{}", "${N:-".repeat(depth), "}".repeat(depth));
        prop_assert_eq!(Lexer::new('\\').word(word.as_bytes(), &EnvList::new()).map(|e| e.text), Ok("x".to_owned()));
    }

    #[test]
    fn a_pruned_walk_keeps_what_a_full_one_keeps(
        lines in prop::collection::vec(ignore_line(), 1..5),
        path in path_of(&["a", "b", "ab", "a.b", "c"]),
    ) {
        let patterns = Patterns::new(&lines).expect("the lines are well formed");
        let mut state = patterns.root();
        let mut pruned = false;
        for (end, _) in path.match_indices('/') {
            let folder = &path.as_bytes()[..end];
            let verdict = patterns.visit(&state, folder).expect("the lines are well formed");
            pruned |= verdict.excluded && !patterns.may_reinclude_below(folder);
            state = verdict.matches;
        }
        let walked = patterns.visit(&state, path.as_bytes()).expect("the lines are well formed").excluded;
        prop_assert_eq!(patterns.excluded_in_walk(path.as_bytes()), Ok(walked));
        prop_assert!(walked || !pruned, "{path} was skipped with its folder");
        // With one polarity there is nothing to skip, so the two readings of the rules agree.
        if !patterns.has_negations() {
            prop_assert_eq!(patterns.matches(path.as_bytes()), Ok(walked));
        }
    }

    #[test]
    fn references_survive_printing(text in "[a-z0-9.:/@_-]{1,24}") {
        if let Ok(reference) = Reference::parse_normalized(&text) {
            prop_assert_eq!(Reference::parse_normalized(&reference.to_string()), Ok(reference.clone()));
            prop_assert_eq!(Reference::parse_normalized(&reference.familiar()), Ok(reference));
        }
    }

    #[test]
    fn cleaning_is_idempotent(path in "[a./]{0,12}") {
        let cleaned = pattern::clean_str(&path);
        prop_assert_eq!(pattern::clean_str(&cleaned), cleaned);
    }
}
