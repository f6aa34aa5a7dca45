//! Texts and what is read from them.

use super::*;
use crate::ide::File;
use proptest::prelude::*;

/// Words of each command, joined by a space.
fn commands(text: &str) -> Vec<String> {
    let script = Script::new(text.as_bytes());
    let words = |c: &Command| bstr::join(" ", c.words.iter().map(|w| &w.text));
    let found = script.commands().iter();
    found.map(|c| words(c).as_bstr().to_string()).collect()
}

#[test]
fn words_lose_their_quotes_and_show_what_they_expand() {
    assert_eq!(
        commands(r#"a 'b c' "d \"e\" $f" g\ h $'i\tj' ${k:-l}m "$(n o)" p{1..3}"#),
        ["a b c d \"e\" ${f} g h i\tj ${k}m $() p{1..3}", "n o"]
    );
}

#[test]
fn commands_are_found_wherever_they_stand() {
    let text = "if a; then b | c; elif d; then e; else f; fi; for x in $(g); do h; done; \
                while i; do (j; k); done; case l in m) n;; *) o; esac; p() { q; }; r `s` <(t) > \"$(u)\"; ! v & w=1; x=$(y)";
    let want = [
        "a",
        "b",
        "c",
        "d",
        "e",
        "f",
        "g",
        "h",
        "i",
        "j",
        "k",
        "n",
        "o",
        "q",
        "r $() $()",
        "s",
        "t",
        "u",
        "v",
        "",
        "",
        "y",
    ];
    assert_eq!(commands(text), want);
}

/// Name, operators around, and whether in a condition.
fn places(text: &str) -> Vec<(String, Joint, Joint, bool)> {
    let script = Script::new(text.as_bytes());
    let found = script.commands().iter().map(|c| {
        let condition = c.place.scopes.has(Scopes::CONDITION);
        (
            c.program().to_string(),
            c.place.before,
            c.place.after,
            condition,
        )
    });
    found.collect()
}

#[test]
fn commands_know_what_stands_around_them() {
    use Joint::{And, Background, Edge, Or, Then};
    let place = |name: &str, before, after, condition| (name.to_owned(), before, after, condition);
    assert_eq!(
        places("a && b || c; d & e\nif f; then g; fi"),
        [
            place("a", Edge, And, false),
            place("b", And, Or, false),
            place("c", Or, Then, false),
            place("d", Then, Background, false),
            place("e", Background, Then, false),
            place("f", Edge, Edge, true),
            place("g", Edge, Edge, false),
        ]
    );
    assert_eq!(
        places("{ a; b; } && c > d && e"),
        [
            place("a", Edge, Then, false),
            place("b", Then, And, false),
            place("c", And, And, false),
            place("e", And, Edge, false),
        ]
    );
}

/// Commands of each pipeline with more than one.
fn pipelines(text: &str) -> Vec<String> {
    let script = Script::new(text.as_bytes());
    let members = |number: usize| {
        let members = script.commands().iter();
        members.filter(move |c| c.place.pipeline as usize == number)
    };
    let long = (0..script.pipelines().len()).filter(|n| script.pipelines()[*n].len > 1);
    long.map(|n| {
        members(n)
            .map(|c| c.program().to_string())
            .collect::<Vec<_>>()
            .join(" ")
    })
    .collect()
}

#[test]
fn pipes_bind_closest() {
    for (text, want) in [
        ("a && b >x | c", "b c"),
        ("a || b 2>&1 | c && d", "b c"),
        ("a >x && b >y | c >z", "b c"),
        ("! a | b >x | c", "a b c"),
        ("a && b <<E | c | d\nx\nE\ne", "b c d"),
        ("a | if b; then c; fi >x && d", "a"),
    ] {
        assert_eq!(pipelines(text), [want], "{text}");
    }
    assert!(pipelines("a && b >x || c <<E && d\nE").is_empty());
}

#[test]
fn programs_are_found_behind_those_that_run_them() {
    let program = |text: &str| {
        Script::new(text.as_bytes()).commands()[0]
            .program()
            .to_string()
    };
    for text in [
        "make",
        "sudo -u me make",
        "sudo -E A=b make",
        "env -u X A=b /usr/bin/make",
        "exec make",
        "A=b nice -n 5 make x",
        "timeout -k 5 10 make",
        "command make",
    ] {
        assert_eq!(program(text), "make", "{text}");
    }
    assert_eq!(program("command -v make"), "command");
    assert_eq!(program("sudo"), "sudo");
    assert_eq!(program("$x make"), "");
}

#[test]
fn flags_are_split() {
    let script = Script::new(b"apt-get -yq -o A=b --target-release=x install c -t d e -- -f");
    let command = &script.commands()[0];
    let flags: Vec<_> = command.flags().map(|f| f.name.to_string()).collect();
    assert_eq!(flags, ["y", "q", "o", "target-release", "t"]);
    let words: Vec<_> = command.operands().map(|w| w.text.to_string()).collect();
    assert_eq!(words, ["A=b", "install", "c", "d", "e", "-f"]);
}

#[test]
fn here_documents_and_redirections_belong_to_their_command() {
    let script = Script::new(b"cat <<EOF >a 2>&1 && b\nx $y $(z)\nEOF\nc < d");
    let kinds: Vec<_> = script
        .commands()
        .iter()
        .map(|c| {
            (
                c.program().to_string(),
                c.redirections.iter().map(|r| r.kind).collect::<Vec<_>>(),
            )
        })
        .collect();
    use RedirectionKind::{Duplicate, Heredoc, Read, Write};
    let names: Vec<_> = kinds.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["cat", "b", "z", "c"]);
    let mut first = kinds[0].1.clone();
    first.sort_by_key(|kind| format!("{kind:?}"));
    assert_eq!(first, [Duplicate, Heredoc, Write]);
    assert_eq!(kinds[3].1, [Read]);
    let script = Script::new(b"a && b | ! c >d; for x in y; do e; done >f; >g");
    let targets = script.commands().iter().map(|c| {
        c.redirections
            .iter()
            .map(|r| r.target.text.to_string())
            .collect::<Vec<_>>()
            .concat()
    });
    assert_eq!(targets.collect::<Vec<_>>(), ["", "", "d", "", "g"]);
}

fn tokens(text: &str) -> Vec<(TokenKind, String)> {
    let script = Script::new(text.as_bytes());
    let token = |t: &Token| (t.kind, script.slice(t.range).to_string());
    script.tokens().iter().map(token).collect()
}

#[test]
fn tokens_are_coloured_by_their_part() {
    use TokenKind::{Argument, Command, Comment, Flag, Keyword, Operator, String, Variable};
    let want = [
        (Keyword, "if"),
        (Command, "a"),
        (Flag, "-b"),
        (String, "\"c "),
        (Variable, "$d"),
        (String, "\""),
        (Operator, ";"),
        (Keyword, "then"),
        (Variable, "e"),
        (Operator, "="),
        (Argument, "f"),
        (Command, "g"),
        (Operator, ">"),
        (Argument, "h"),
        (Operator, ";"),
        (Keyword, "fi"),
        (Comment, "# i"),
    ];
    let want: Vec<_> = want.map(|(kind, text)| (kind, text.to_owned())).into();
    assert_eq!(tokens("if a -b \"c $d\"; then e=f g > h; fi # i"), want);
}

#[test]
fn programs_that_others_run_are_coloured_as_commands() {
    use TokenKind::{Argument, Command, Flag};
    let want = [
        (Command, "sudo"),
        (Flag, "-E"),
        (Command, "a"),
        (Argument, "b"),
    ];
    let want: Vec<_> = want.map(|(kind, text)| (kind, text.to_owned())).into();
    assert_eq!(tokens("sudo -E a b"), want);
}

fn file(source: &str) -> File {
    File::new(source.as_bytes().to_vec())
}

#[test]
fn places_lead_back_to_the_source() {
    let source = "FROM a\nRUN a && \\\n  # note\n  b \"c\\\n d\" \\\n && e\n";
    let file = file(source);
    let snippet = &file.scripts()[0];
    let text = |r: TextRange| &source[r.start as usize..r.end as usize];
    let commands: Vec<_> = snippet
        .script
        .commands()
        .iter()
        .map(|c| text(snippet.source_range(c.range)))
        .collect();
    assert_eq!(commands, ["a", "b \"c\\\n d\"", "e"]);
    let word = snippet.script.commands()[1].words[1].range;
    let pieces: Vec<_> = snippet.source_pieces(word).map(text).collect();
    assert_eq!(pieces, ["\"c", " d\""]);
}

#[test]
fn scripts_are_found_with_their_shell() {
    let source = "FROM a\nRUN b\nRUN [\"c\", \"d e\"]\nRUN [\"bash\", \"-ec\", \"f | g\"]\nCMD h\nONBUILD RUN i\n\
                  HEALTHCHECK --interval=5s CMD j\nRUN <<EOF\nk\nl\nEOF\nRUN <<EOF\n#!/usr/bin/env python3\nm\nEOF\n\
                  RUN cat <<EOF\nn\nEOF\nRUN <<-EOF bash -e\n\tr\n\tEOF\nSHELL [\"pwsh\", \"-c\"]\nRUN o\nFROM mcr.microsoft.com/windows/servercore\nRUN p\nFROM a\nRUN q\n";
    let file = file(source);
    let found: Vec<_> = file
        .scripts()
        .iter()
        .map(|s| {
            let names: Vec<_> = s
                .script
                .commands()
                .iter()
                .map(|c| c.program().to_string())
                .collect();
            (names.join(" "), s.exec, s.interpreter.errexit)
        })
        .collect();
    let want = [
        ("b", false, false),
        ("c", true, false),
        ("f g", false, true),
        ("h", false, false),
        ("i", false, false),
        ("j", false, false),
        ("k l", false, false),
        ("cat", false, false),
        ("r", false, true),
        ("q", false, false),
    ];
    let want: Vec<_> = want
        .map(|(names, exec, errexit)| (names.to_owned(), exec, errexit))
        .into();
    assert_eq!(found, want);
}

#[test]
fn an_edit_keeps_the_scripts_it_did_not_touch() {
    let before = file("FROM a\nRUN b\nRUN c\n");
    let shared = |snippet: &Snippet| std::sync::Arc::as_ptr(&snippet.script);
    let old: Vec<_> = before.scripts().iter().map(shared).collect();
    let after = before.edited(b"FROM a\n\nRUN b\nRUN d\n".to_vec());
    let new: Vec<_> = after.scripts().iter().map(shared).collect();
    assert_eq!(old[0], new[0]);
    assert_ne!(old[1], new[1]);
    let args = file("FROM a\nRUN [\"b\", \"c;d\"]\n");
    assert_eq!(args.scripts()[0].script.commands().len(), 1);
    let text = args.edited(b"FROM a\nRUN b c;d\n".to_vec());
    assert_eq!(text.scripts()[0].script.commands().len(), 2);
}

#[test]
fn command_names_have_their_places() {
    let script = Script::new(b"apt-get install a && ; if b; then c | ");
    let at = |mark: &str| {
        let offset = script.text().find(mark).unwrap() + mark.len();
        script.is_command_place(offset as u32)
    };
    for mark in ["apt", "apt-get", "&&", "&& ", "; ", "then ", "| "] {
        assert!(at(mark), "{mark:?}");
    }
    for mark in ["apt-get ", "install", "install a", "a "] {
        assert!(!at(mark), "{mark:?}");
    }
    assert!(script.is_command_place(0));
}

#[test]
fn deep_and_broken_texts_end() {
    for text in [
        "(",
        "$(",
        "{ ",
        "if ",
        "`",
        "\"$(",
        "a && ",
        "${x:-",
        "[[ ",
        "<<a\n",
        "case x in ",
        "'",
    ] {
        Script::new(text.repeat(3_000).as_bytes());
    }
    let long = Script::new(&b"echo x | tee y\n".repeat(10_000));
    assert_eq!(long.commands().len(), 20_000);
    assert!(long.mistakes().is_empty());
    Script::new(&b"x ".repeat(2_000_000));
}

/// Fragments that together reach most of the grammar.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let known: &[&[u8]] = &[
        b"a ",
        b"-b",
        b"if ",
        b"then ",
        b"fi",
        b"for x in ",
        b"do ",
        b"done",
        b"case ",
        b"esac",
        b"{ ",
        b"}",
        b"(",
        b")",
        b"&&",
        b"||",
        b"|",
        b";",
        b"\n",
        b"&",
        b"<<E\n",
        b"E\n",
        b">",
        b"2>&1",
        b"<<<",
        b"$x",
        b"${y",
        b":-",
        b"$(",
        b"`",
        b"\"",
        b"'",
        b"\\",
        b"[ ",
        b" ]",
        b"[[ ",
        b"]]",
        b"x=",
        b"export ",
        b"#",
        b"!",
        b"\xff",
        b"\0",
        b"f() ",
        b"$((",
        b"))",
        b"=~",
        b"*",
        b"{1..2}",
    ];
    prop_oneof![
        prop::sample::select(known).prop_map(<[u8]>::to_vec),
        prop::collection::vec(any::<u8>(), 0..4)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_place_lies_in_the_text(parts in prop::collection::vec(fragment(), 0..40)) {
        let text = parts.concat();
        let script = Script::new(&text);
        let len = text.len() as u32;
        let mut at = 0;
        for token in script.tokens() {
            prop_assert!(at <= token.range.start && token.range.start < token.range.end && token.range.end <= len);
            at = token.range.end;
        }
        for word in script.words() {
            prop_assert!(word.range.start <= word.range.end && word.range.end <= len);
        }
        for offset in 0..=len {
            script.is_command_place(offset);
        }
        let mut source = b"FROM a\nRUN ".to_vec();
        source.extend_from_slice(&text);
        let file = File::new(source);
        for snippet in file.scripts() {
            for token in snippet.script.tokens() {
                let range = snippet.source_range(token.range);
                prop_assert!(range.start < range.end && range.end as usize <= file.source().len());
                for piece in snippet.source_pieces(token.range) {
                    prop_assert!(range.start <= piece.start && piece.end <= range.end);
                }
            }
        }
    }
}
