use super::*;
use crate::syntax::{self, Parse};
use crate::text;
use bstr::{BString, ByteSlice};
use proptest::prelude::*;

fn formatted(source: &[u8], options: &Options) -> Vec<u8> {
    let file = File::new(source.to_vec());
    text::apply(source, &edits(&file, options, None))
}

#[track_caller]
fn check_with(options: &Options, before: &str, after: &str) {
    let once = formatted(before.as_bytes(), options);
    assert_eq!(once.as_bstr(), after);
    assert_eq!(formatted(&once, options).as_bstr(), after, "twice");
}

#[track_caller]
fn check(before: &str, after: &str) {
    check_with(&Options::default(), before, after);
}

#[test]
fn parts_are_separated_by_one_blank() {
    check(
        "\tfrom  --platform=$P   a\tas  b \n copy --link   a  b   c\nEnv  A=1   B='x  y'\nenv  a  b  c\n",
        "FROM --platform=$P a AS b\nCOPY --link a b c\nENV A=1 B='x  y'\nENV a b  c\n",
    );
    check(
        "healthcheck  --retries=1  cmd  a  b\n",
        "HEALTHCHECK --retries=1 CMD a  b\n",
    );
    check("healthcheck none\n", "HEALTHCHECK NONE\n");
    check("USER  a  b \n", "USER a  b\n");
}

#[test]
fn json_arrays_have_one_spelling() {
    check(
        "CMD  [ \"a\",\"b\" ,  \"c d\" ]\n",
        "CMD [\"a\", \"b\", \"c d\"]\n",
    );
    check(
        "HEALTHCHECK cmd [\"a\",\"b\"]\n",
        "HEALTHCHECK CMD [\"a\", \"b\"]\n",
    );
    check(
        "CMD [ \\\n\"a\",\\\n\"b\" \\\n  ]\n",
        "CMD [ \\\n    \"a\", \\\n    \"b\" \\\n]\n",
    );
    check("CMD [\"\\\n\",  \"b\"]\n", "CMD [\"\\\n\",  \"b\"]\n");
    check("CMD [ ]\n", "CMD []\n");
}

/// The blanks at the start of each line but the first are in the value.
#[test]
fn the_name_of_an_old_form_stands_where_its_value_does() {
    check("ENV A \\\n\t\tb \\\n\t\tc\n", "ENV A \\\n\t\tb \\\n\t\tc\n");
    check("ENV A \\\n b \\\n    c\n", "ENV A \\\n    b \\\n    c\n");
}

#[test]
fn continuation_lines_are_indented_where_they_only_separate() {
    check(
        "EXPOSE 80\\\n 81   \\ \n \n# c  \n 82\n",
        "EXPOSE 80 \\\n    81 \\\n\n    # c\n    82\n",
    );
    // Without white space the two lines are one word.
    check("EXPOSE 80\\\n81\n", "EXPOSE 80\\\n81\n");
    check("ENV a=\"b \\\n  c\"   d=e\n", "ENV a=\"b \\\n  c\" d=e\n");
    check(
        "# escape=`\nEXPOSE 80 `\n81\n",
        "# escape=`\nEXPOSE 80 `\n    81\n",
    );
}

#[test]
fn shell_text_stays_and_what_stands_around_it_follows() {
    check(
        "run \\\n--mount=type=cache,target=/a  \\\n apt-get  update \\\n      # c\n  && x \n",
        "RUN \\\n  --mount=type=cache,target=/a \\\n  apt-get  update \\\n  # c\n  && x\n",
    );
    check("RUN \\\na \\\n    && b\n", "RUN \\\n    a \\\n    && b\n");
    let keep = Options {
        continuations: Continuations::Keep,
        ..Options::default()
    };
    check_with(&keep, "  expose 80  \\\n81\n", "EXPOSE 80 \\\n81\n");
}

#[test]
fn shell_text_is_moved_when_asked_for() {
    let shift = Options {
        shell_text: ShellText::Shift,
        ..Options::default()
    };
    check_with(
        &shift,
        "RUN if a; then \\\n  b; \\\n    'c \\\n d'; \\\n# e\n  fi\n",
        "RUN if a; then \\\n    b; \\\n      'c \\\n d'; \\\n    # e\n    fi\n",
    );
    check_with(&shift, "RUN a \\\n&& b\n", "RUN a \\\n    && b\n");
}

#[test]
fn comments_and_empty_lines_stay() {
    check(
        "# escape = \\\n  # a  \n\n\n\n\t\n  # b\nFROM a\n\n \n\n\nRUN b\n\n\n",
        "# escape = \\\n# a\n\n\n# b\nFROM a\n\n\nRUN b\n",
    );
    check("FROM a", "FROM a\n");
    check(
        "FROM a\r\n RUN b  \r\n\r\n\r\nRUN c",
        "FROM a\r\nRUN b\r\n\r\n\r\nRUN c\r\n",
    );
    check(
        "FROM a\n# b \r  \nRUN c \\\n# d\r \n e\n",
        "FROM a\n# b\nRUN c \\\n # d\n e\n",
    );
    check("FROM a\nONBUILD RUN b\\\n", "FROM a\nONBUILD RUN b\\\n");
    check("FROM a\nRUN b\\\n# c\n", "FROM a\nRUN b\\\n    # c\n");
    check("", "");
    check("\n\n", "\n\n");
    check("\t\t", "");
}

#[test]
fn what_may_be_a_directive_stays() {
    check("  # syntax=a\nFROM b\n", "  # syntax=a\nFROM b\n");
    check(
        " #!/bin/x\n# syntax=a\nFROM b\n",
        " #!/bin/x\n# syntax=a\nFROM b\n",
    );
    check("\n  # syntax=a\nFROM b\n", "\n# syntax=a\nFROM b\n");
}

#[test]
fn an_empty_line_keeps_directives_apart() {
    let tight = Options {
        empty_lines: 0,
        ..Options::default()
    };
    check_with(
        &tight,
        "\n\n# escape=`\nFROM a\n\nRUN b\n",
        "\n# escape=`\nFROM a\nRUN b\n",
    );
}

#[test]
fn here_documents_triggers_and_broken_lines_stay() {
    check(
        " copy  <<a   <<-b /x/ \n  1  \na\n\t2\n\tb  \n\tb\nrun  x\n",
        "COPY <<a <<-b /x/\n  1  \na\n\t2\n\tb  \n\tb\nRUN x\n",
    );
    check(
        "COPY <<\"a  b\"   /x\na  b\n",
        "COPY <<\"a  b\"   /x\na  b\n",
    );
    check("onbuild  run  a  b \n", "ONBUILD run  a  b \n");
    check(
        "  runn  a  b\n cmd  [1]\nrun x\n",
        "  runn  a  b\n cmd  [1]\nRUN x\n",
    );
    check(
        " run  <<E\n  x\n\n\n\n run y",
        " run  <<E\n  x\n\n\n\n run y",
    );
}

#[test]
fn a_range_limits_the_lines() {
    let file = File::new(b" from a\n run b\n run c\n".to_vec());
    let edits = edits(&file, &Options::default(), Some(TextRange::new(8, 15)));
    assert_eq!(
        text::apply(file.source(), &edits).as_bstr(),
        " from a\nRUN b\n run c\n"
    );
}

#[test]
fn typing_indents_the_next_line() {
    let typed = |source: &str, offset: u32, typed: char| {
        let file = File::new(source.as_bytes().to_vec());
        let edits = on_type(&file, &Options::default(), offset, typed);
        BString::from(text::apply(source.as_bytes(), &edits)).to_string()
    };
    assert_eq!(typed("RUN a \\\n", 8, '\n'), "RUN a \\\n    ");
    assert_eq!(
        typed("RUN a \\\n  b \\\n", 15, '\n'),
        "RUN a \\\n  b \\\n  "
    );
    assert_eq!(typed("RUN a \\\n  b\n  ", 14, '\n'), "RUN a \\\n  b\n");
    // Blanks would be part of the text.
    assert_eq!(typed("RUN a \"b \\\n", 11, '\n'), "RUN a \"b \\\n");
    assert_eq!(typed("RUN a \"b\" \\\n", 12, '\n'), "RUN a \"b\" \\\n    ");
    assert_eq!(
        typed("COPY <<E /\n  \nE\n", 13, '\n'),
        "COPY <<E /\n  \nE\n"
    );
    assert_eq!(typed("EXPOSE 80 \\\n81", 11, '\\'), "EXPOSE 80 \\\n    81");
    assert_eq!(
        typed("EXPOSE 80 \\\nRUN x", 11, '\\'),
        "EXPOSE 80 \\\nRUN x"
    );
    assert_eq!(typed("# a\nRUN x", 3, '\\'), "# a\nRUN x");
}

#[test]
fn other_white_space_stays() {
    check_any(b"RUN \\\n\x85");
    check_any(b"EXPOSE 80 \\\n\xc2\xa0 81\n");
}

/// What a parse says, without places and without the case of keywords.
fn meaning(source: &[u8]) -> Vec<(Vec<BString>, bool, Vec<BString>)> {
    let parse = syntax::parse(source);
    let nodes = parse.nodes().iter();
    nodes
        .map(|node| node_meaning(source, &parse, node))
        .collect()
}

fn node_meaning(
    source: &[u8],
    parse: &Parse,
    node: &syntax::Node,
) -> (Vec<BString>, bool, Vec<BString>) {
    let keyword = parse.text(source, node.keyword.text).to_ascii_uppercase();
    let mut words = vec![BString::from(keyword)];
    let is_word = |text: &BString| {
        ["as", "cmd", "none"]
            .iter()
            .any(|w| text.eq_ignore_ascii_case(w.as_bytes()))
    };
    for text in parse
        .piece_texts(source, &node.flags)
        .chain(parse.piece_texts(source, &node.args))
    {
        let text = BString::from(text);
        words.push(if is_word(&text) {
            text.to_ascii_uppercase().into()
        } else {
            text
        });
    }
    if let Some(sub) = parse.sub(node) {
        words.push(parse.text(source, node.argument_text).into());
        words.extend(node_meaning(source, parse, sub).0);
    }
    let documents = parse.heredocs(node).iter().map(|heredoc| {
        BString::from(&source[heredoc.body.start as usize..heredoc.terminator.end as usize])
    });
    (words, node.json || node.broken, documents.collect())
}

/// Formatting any text keeps what it says, is done after one time, and each replacement stands for itself.
fn check_any(source: &[u8]) {
    let options = Options::default();
    let file = File::new(source.to_vec());
    let all = edits(&file, &options, None);
    assert!(
        all.windows(2).all(|w| w[0].0.end <= w[1].0.start),
        "edits are in order: {all:?}"
    );
    let once = text::apply(source, &all);
    assert_eq!(meaning(&once), meaning(source), "{}", once.as_bstr());
    assert_eq!(head(&once), head(source));
    assert_eq!(
        formatted(&once, &options).as_bstr(),
        once.as_bstr(),
        "twice"
    );
    if let Some(edit) = all.get(source.len() % all.len().max(1)) {
        let one = text::apply(source, std::slice::from_ref(edit));
        assert_eq!(meaning(&one), meaning(source), "{edit:?}");
    }
}

/// What is read before the file is parsed.
fn head(source: &[u8]) -> Vec<Option<BString>> {
    use syntax::directive::{Name, detect};
    [(Name::Syntax, true), (Name::Check, false)]
        .map(|(name, any)| detect(source, name, any).map(|found| found.full))
        .into()
}

/// Fragments that together reach every way a line is spelled.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let known: &[&[u8]] = &[
        b"from a as b\n",
        b"RUN ",
        b"copy ",
        b"ONBUILD ",
        b"env ",
        b"ARG ",
        b"healthcheck cmd ",
        b"SHELL ",
        b"\nEXPOSE ",
        b"\\\n",
        b"\\",
        b" \\ \n",
        b"`\n",
        b"# escape=`\n",
        b"# c\n",
        b"  # syntax=x\n",
        b"#!a\n",
        b"\n",
        b"\n\n\n\n",
        b"\r\n",
        b" ",
        b"  ",
        b"\t",
        b"--mount=",
        b"--",
        b"\"",
        b"'",
        b"[\"a\",\"\\n\" ]",
        b"[",
        b"]",
        b"<<EOF",
        b"<< ",
        b"<<-'E'",
        b"EOF\n",
        b"E\n",
        b"=",
        b"a=b",
        b"$x",
        b"${x:-y}",
        b",",
        b"\xff",
        b"\xc2\xa0",
        b"\xef\xbb\xbf",
        b"\0",
        b"\x0c",
        b"x",
        b"AS",
    ];
    prop_oneof![
        8 => prop::sample::select(known).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..4)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_mixture_keeps_its_meaning(parts in prop::collection::vec(fragment(), 0..30)) {
        check_any(&parts.concat());
    }
}
