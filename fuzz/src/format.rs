//! The formatter: the same is built, once is enough, and each replacement stands for itself.

use bstr::{BString, ByteSlice};
use cooperage_lang::format::{self, Continuations, Indent, Options, ShellText};
use cooperage_lang::ide::File;
use cooperage_lang::plan::digest::DefinitionDigest;
use cooperage_lang::plan::{Plan, Step};
use cooperage_lang::syntax::{self, Node, Parse};
use cooperage_lang::text;

/// Checks the formatter on a text.
pub fn format(source: &[u8]) {
    let file = File::new(source.to_vec());
    crate::assert_lossless(&file);
    for options in options() {
        check(&file, &options);
    }
}

fn options() -> [Options; 3] {
    [
        Options::default(),
        Options {
            indent: Some(Indent::Tab),
            continuations: Continuations::Keep,
            empty_lines: 0,
            ..Options::default()
        },
        Options {
            indent: Some(Indent::Spaces(0)),
            shell_text: ShellText::Shift,
            final_newline: false,
            trim_end: false,
            ..Options::default()
        },
    ]
}

fn check(file: &File, options: &Options) {
    let source = file.source();
    let edits = format::edits(file, options, None);
    let in_order = edits.windows(2).all(|w| w[0].0.end <= w[1].0.start);
    assert!(in_order, "{edits:?}");
    let once = text::apply(source, &edits);
    let formatted = File::new(once.clone());
    crate::assert_lossless(&formatted);
    let again = format::edits(&formatted, options, None);
    assert!(
        again.is_empty(),
        "a second time: {again:?}\n{}",
        once.as_bstr()
    );
    if options.shell_text == ShellText::Shift {
        assert_eq!(
            without_blanks(&once),
            without_blanks(source),
            "{}",
            once.as_bstr()
        );
        return;
    }
    assert_eq!(said(&once), said(source), "{}", once.as_bstr());
    assert_eq!(built(&once), built(source), "{}", once.as_bstr());
    for edit in edits.iter().step_by(edits.len() / 4 + 1) {
        let one = text::apply(source, std::slice::from_ref(edit));
        assert_eq!(said(&one), said(source), "{edit:?}");
    }
}

/// What each instruction says, with one blank in the place of several.
fn without_blanks(source: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let one_blank = |word: BString| word.fields().collect::<Vec<_>>().join(&b' ');
    let words = said(source).into_iter();
    words
        .map(|(words, _)| words.into_iter().map(one_blank).collect())
        .collect()
}

/// Steps and image of a text; without the image's history when the build fails, since messages count lines.
fn built(source: &[u8]) -> (Vec<DefinitionDigest>, String) {
    let plan: Plan = crate::plan(source);
    let steps = plan.steps.iter().map(Step::definition).collect();
    (steps, format!("{:?}", plan.config))
}

/// What each instruction says: its words without the case of keywords, and its documents.
fn said(source: &[u8]) -> Vec<(Vec<BString>, Vec<BString>)> {
    let parse = syntax::parse(source);
    let nodes = parse.nodes().iter();
    nodes
        .map(|node| (words(source, &parse, node), documents(source, &parse, node)))
        .collect()
}

fn words(source: &[u8], parse: &Parse, node: &Node) -> Vec<BString> {
    let keyword = parse.text(source, node.keyword.text).to_ascii_uppercase();
    let flags = parse.piece_texts(source, &node.flags);
    let texts = flags.chain(parse.piece_texts(source, &node.args));
    let mut words = vec![
        BString::from(keyword),
        format!("{}{}", node.json, node.broken).into(),
    ];
    words.extend(texts.map(|text| {
        let upper = text.to_ascii_uppercase();
        let is_keyword = [&b"AS"[..], b"CMD", b"NONE"].contains(&&upper[..]);
        BString::from(if is_keyword { upper } else { text.to_vec() })
    }));
    if let Some(sub) = parse.sub(node) {
        words.push(parse.text(source, node.argument_text).into());
        words.extend(self::words(source, parse, sub));
    }
    words
}

fn documents(source: &[u8], parse: &Parse, node: &Node) -> Vec<BString> {
    let documents = parse.heredocs(node).iter();
    let text = |start: u32, end: u32| BString::from(&source[start as usize..end as usize]);
    documents
        .map(|document| text(document.body.start, document.terminator.end))
        .collect()
}
