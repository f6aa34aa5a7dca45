//! Real Dockerfiles against the answers of the reference front end.

use crate::parser::{bytes, contents, files, same, same_error, same_heredoc};
use bstr::{BString, ByteSlice};
use cooperage_lang::instructions::{
    self, ArgItem, Copy, Dockerfile, Instruction, KeyValues, Kind, NetworkMode, Run, SecurityMode,
    Stage,
};
use cooperage_lang::syntax::{self, Node, Parse, directive};
use cooperage_lang::text::{LineIndex, LineSpan, Word};
use serde_json::{Map, Value, json};

/// Case files and their checks.
pub(crate) fn kinds() -> Vec<crate::Kind> {
    vec![("goldens", file)]
}

fn file(case: &Value) -> Result<(), String> {
    let source = source(case)?;
    lossless(&source)?;
    golden(&source, case)
}

/// The file that a case is about.
pub(crate) fn source(case: &Value) -> Result<Vec<u8>, String> {
    let sha = case["sha256"].as_str().unwrap_or_default();
    let shared = crate::shared().ok_or("no case data")?;
    let path = shared
        .join("corpus/dockerfiles")
        .join(format!("{}.Dockerfile", &sha[..12]));
    std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))
}

/// All tokens together are the source.
pub(crate) fn lossless(source: &[u8]) -> Result<(), String> {
    let tree = syntax::parse(source).tree(source);
    let printed: Vec<u8> = tree
        .tokens()
        .flat_map(|t| source[t.range.start as usize..t.range.end as usize].to_vec())
        .collect();
    if printed == source {
        Ok(())
    } else {
        Err("the tree is not lossless".into())
    }
}

/// Compares parse, directives and instructions with a golden answer.
pub(crate) fn golden(source: &[u8], want: &Value) -> Result<(), String> {
    let parse = syntax::parse(source);
    directives(source, want)?;
    nodes(source, &parse, &want["parse"])?;
    let file = instructions::lower(source, &parse);
    typed(&file, &want["instructions"])
}

fn directives(source: &[u8], want: &Value) -> Result<(), String> {
    let syntax = directive::detect(source, directive::Name::Syntax, true);
    let got = syntax.map_or(Value::Null, |f| {
        json!([f.value.to_string(), f.full.to_string(), [f.line, f.line]])
    });
    same("syntax", &got, &want["syntax"])?;
    let check = directive::detect(source, directive::Name::Check, false);
    let got = check.map_or(Value::Null, |f| {
        json!([f.value.to_string(), [f.line, f.line]])
    });
    same("check", &got, &want["check"])
}

fn nodes(source: &[u8], parse: &Parse, want: &Value) -> Result<(), String> {
    if want["ok"] == false {
        let error = parse.official_error().ok_or("no parse error")?;
        same_error(&error.message, &want["error"])?;
        return same("at", &spans(&error.at), &want["at"]);
    }
    same("parse error", &parse.official_error(), &None)?;
    same(
        "escape",
        &parse.escape().to_string().as_str(),
        &want["escape"].as_str().unwrap_or_default(),
    )?;
    let warnings: Vec<_> = parse
        .empty_continuations()
        .iter()
        .map(|w| {
            json!([
                format!(
                    "Empty continuation line found in: {}",
                    parse.text(source, w.text)
                ),
                w.line
            ])
        })
        .collect();
    same(
        "warnings",
        &json!(warnings),
        want.get("warnings").unwrap_or(&json!([])),
    )?;
    let none = Vec::new();
    let want = want["nodes"].as_array().unwrap_or(&none);
    same("count of nodes", &parse.nodes().len(), &want.len())?;
    let index = LineIndex::new(source);
    for (got, want) in parse.nodes().iter().zip(want) {
        node(source, parse, got, want).map_err(|e| format!("line {}: {e}", got.lines.start))?;
        original(source, parse, got, want, &index)?;
        let range = got.range;
        let lines = LineSpan::new(
            index.line_column(range.start).0 + 1,
            index.line_column(range.end).0 + 1,
        );
        same("lines of the range", &lines, &got.lines)?;
    }
    Ok(())
}

fn node(source: &[u8], parse: &Parse, got: &Node, want: &Value) -> Result<(), String> {
    same(
        "keyword",
        &parse.text(source, got.keyword.text).to_owned(),
        &bytes(&want["v"]),
    )?;
    if want.get("s").is_some() {
        same(
            "lines",
            &json!([got.lines.start, got.lines.end]),
            &json!([want["s"], want["e"]]),
        )?;
    }
    let none = json!([]);
    let texts = |value: &Value| {
        value
            .as_array()
            .into_iter()
            .flatten()
            .map(bytes)
            .collect::<Vec<_>>()
    };
    let flags: Vec<BString> = parse
        .piece_texts(source, &got.flags)
        .map(ToOwned::to_owned)
        .collect();
    same("flags", &flags, &texts(want.get("flags").unwrap_or(&none)))?;
    same(
        "json",
        &json!(got.json),
        &json!(
            want["attrs"]
                .as_array()
                .is_some_and(|a| a.contains(&json!("json")))
        ),
    )?;
    let comments: Vec<BString> = parse
        .comments(got)
        .iter()
        .map(|r| source[r.start as usize..r.end as usize].into())
        .collect();
    same(
        "comments",
        &comments,
        &texts(want.get("comments").unwrap_or(&none)),
    )?;
    let heredocs = want["heredocs"].as_array().map_or(&[][..], Vec::as_slice);
    same(
        "count of heredocs",
        &parse.heredocs(got).len(),
        &heredocs.len(),
    )?;
    for (got, want) in parse.heredocs(got).iter().zip(heredocs) {
        same_heredoc(source, got, want)?;
    }
    let want_args = want.get("args").unwrap_or(&none);
    if let Some(sub) = want_args.get(0).and_then(|a| a.get("sub")) {
        return node(
            source,
            parse,
            parse.sub(got).ok_or("no sub-instruction")?,
            sub,
        );
    }
    let args: Vec<BString> = parse
        .piece_texts(source, &got.args)
        .map(ToOwned::to_owned)
        .collect();
    same("arguments", &args, &texts(want_args))?;
    pieces_are_in_place(source, parse, got)
}

/// The range of an argument that stands for itself covers exactly its text.
fn pieces_are_in_place(source: &[u8], parse: &Parse, node: &Node) -> Result<(), String> {
    for piece in parse
        .pieces(&node.args)
        .iter()
        .chain(parse.pieces(&node.flags))
    {
        let text = parse.text(source, piece.text);
        let written = &source[piece.range.start as usize..piece.range.end as usize];
        if text.len() == written.len() {
            same(
                "text at the range of an argument",
                &text,
                &written.as_bstr(),
            )?;
        }
    }
    Ok(())
}

fn original(
    source: &[u8],
    parse: &Parse,
    got: &Node,
    want: &Value,
    index: &LineIndex,
) -> Result<(), String> {
    let text = parse.text(source, got.original);
    if let Some(want) = want.get("orig") {
        return same("original", &text.to_owned(), &bytes(want));
    }
    let line = index.line_range(got.lines.start);
    let line =
        source[line.start as usize..line.end as usize].trim_end_with(|c| matches!(c, '\r' | '\n'));
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    same("original", &text, &line.trim_start().as_bstr())
}

fn spans(at: &[LineSpan]) -> Value {
    at.iter().map(|l| json!([l.start, l.end])).collect()
}

fn typed(file: &Dockerfile, want: &Value) -> Result<(), String> {
    if want.is_null() {
        return Ok(());
    }
    if want["ok"] == false {
        let error = file.official_error.as_ref().ok_or("no instruction error")?;
        same_error(&error.message, &want["error"])?;
        return same("at", &spans(&error.at), &want["at"]);
    }
    same("instruction error", &file.official_error, &None)?;
    let globals: Vec<_> = file
        .global_args
        .iter()
        .map(|i| json!({"args": args(&i.kind), "at": at(i)}))
        .collect();
    same("global args", &json!(globals), &want["meta_args"])?;
    let stages = want["stages"].as_array().map_or(&[][..], Vec::as_slice);
    same("count of stages", &file.stages.len(), &stages.len())?;
    file.stages
        .iter()
        .zip(stages)
        .try_for_each(|(got, want)| stage(got, want))
}

fn stage(got: &Stage, want: &Value) -> Result<(), String> {
    let Kind::From(from) = &got.from.kind else {
        return Err("a stage without FROM".into());
    };
    let mut out = Map::new();
    out.insert("base".into(), text(&from.base.text));
    out.insert("at".into(), at(&got.from));
    insert_word(&mut out, "name", from.name.as_ref());
    insert_word(&mut out, "platform", from.platform.as_ref());
    if let Some(doc) = &from.doc {
        out.insert("doc".into(), text(doc));
    }
    let mut want_head = want.as_object().cloned().unwrap_or_default();
    let commands = want_head.remove("commands").unwrap_or_default();
    same("stage", &Value::Object(out), &Value::Object(want_head))?;
    let commands = commands.as_array().map_or(&[][..], Vec::as_slice);
    same(
        "count of instructions",
        &got.instructions.len(),
        &commands.len(),
    )?;
    got.instructions
        .iter()
        .zip(commands)
        .try_for_each(|(got, want)| instruction(got, want))
}

fn instruction(got: &Instruction, want: &Value) -> Result<(), String> {
    let mut want = want.as_object().cloned().unwrap_or_default();
    // Evaluated mounts belong to the build step; here only their number counts, and which flags were used.
    let mounts = want.remove("mounts");
    want.remove("mounts_error");
    want.remove("flags");
    if let (Kind::Run(run), Some(Value::Array(mounts))) = (&got.kind, mounts) {
        same("count of mounts", &run.mounts.len(), &mounts.len())?;
    }
    let mut out = describe(&got.kind);
    out.insert("at".into(), at(got));
    same("instruction", &Value::Object(out), &Value::Object(want))
}

/// A typed instruction in the form of the golden answers: what is empty or unset is left out.
fn describe(kind: &Kind) -> Map<String, Value> {
    let (op, value) = match kind {
        Kind::From(_) => ("FROM", json!({})),
        Kind::Arg(_) => ("ARG", json!({"args": args(kind)})),
        Kind::Env(values) => ("ENV", json!({"kv": pairs(values)})),
        Kind::Label(values) => ("LABEL", json!({"kv": pairs(values)})),
        Kind::Run(r) => ("RUN", run(r)),
        Kind::Cmd(c) => ("CMD", json!({"cmd": words(&c.args), "shell": c.shell})),
        Kind::Entrypoint(c) if c.args.is_empty() => {
            ("ENTRYPOINT", json!({"cmd": null, "shell": c.shell}))
        }
        Kind::Entrypoint(c) => (
            "ENTRYPOINT",
            json!({"cmd": words(&c.args), "shell": c.shell}),
        ),
        Kind::Copy(c) => ("COPY", copy(c)),
        Kind::Add(c) => ("ADD", copy(c)),
        Kind::Expose(ports) => ("EXPOSE", json!({"ports": words(ports)})),
        Kind::User(user) => ("USER", json!({"user": text(&user.text)})),
        Kind::Workdir(path) => ("WORKDIR", json!({"path": text(&path.text)})),
        Kind::Volume(volumes) => ("VOLUME", json!({"volumes": words(volumes)})),
        Kind::StopSignal(signal) => ("STOPSIGNAL", json!({"signal": text(&signal.text)})),
        Kind::Shell(argv) => ("SHELL", json!({"argv": words(argv)})),
        Kind::Healthcheck(h) => ("HEALTHCHECK", healthcheck(h)),
        Kind::Onbuild(trigger) => ("ONBUILD", json!({"expr": text(&trigger.text)})),
        Kind::Maintainer(name) => ("MAINTAINER", json!({"name": text(&name.text)})),
    };
    let mut out = value.as_object().cloned().unwrap_or_default();
    out.insert("op".into(), op.into());
    out
}

fn run(run: &Run) -> Value {
    let mut out = Map::new();
    out.insert("cmd".into(), words(&run.command.args));
    out.insert("shell".into(), run.command.shell.into());
    if !run.heredocs.is_empty() {
        out.insert("files".into(), files(&run.heredocs));
    }
    match run.network {
        None | Some(NetworkMode::Default) => {}
        Some(NetworkMode::None) => drop(out.insert("network".into(), "none".into())),
        Some(NetworkMode::Host) => drop(out.insert("network".into(), "host".into())),
    }
    match run.security {
        None | Some(SecurityMode::Sandbox) => {}
        Some(SecurityMode::Insecure) => drop(out.insert("security".into(), "insecure".into())),
    }
    Value::Object(out)
}

fn copy(copy: &Copy) -> Value {
    let mut out = Map::new();
    out.insert("dst".into(), text(&copy.dest.text));
    out.insert("src".into(), words(&copy.sources));
    if !copy.heredocs.is_empty() {
        out.insert("contents".into(), contents(&copy.heredocs));
    }
    let optional = [
        ("from", &copy.from),
        ("chown", &copy.chown),
        ("chmod", &copy.chmod),
        ("checksum", &copy.checksum),
    ];
    for (name, value) in optional {
        insert_word(&mut out, name, value.as_ref());
    }
    for (name, value) in [("link", copy.link), ("parents", copy.parents)] {
        if value {
            out.insert(name.into(), true.into());
        }
    }
    for (name, value) in [("keep_git_dir", copy.keep_git_dir), ("unpack", copy.unpack)] {
        if let Some(value) = value {
            out.insert(name.into(), value.into());
        }
    }
    if !copy.exclude.is_empty() {
        out.insert("exclude".into(), words(&copy.exclude));
    }
    Value::Object(out)
}

fn healthcheck(check: &instructions::Healthcheck) -> Value {
    let mut out = Map::new();
    out.insert("test".into(), check.test.iter().map(text).collect());
    let times = [
        ("interval_ns", check.interval),
        ("timeout_ns", check.timeout),
        ("start_period_ns", check.start_period),
        ("start_interval_ns", check.start_interval),
    ];
    for (name, time) in times.into_iter().filter(|(_, time)| !time.is_zero()) {
        out.insert(name.into(), json!(time.as_nanos() as u64));
    }
    if check.retries > 0 {
        out.insert("retries".into(), check.retries.into());
    }
    Value::Object(out)
}

fn args(kind: &Kind) -> Value {
    let Kind::Arg(items) = kind else {
        return Value::Null;
    };
    let item = |a: &ArgItem| {
        let mut out = vec![
            text(&a.name.text),
            json!(a.value.as_ref().map(|v| text(&v.text))),
        ];
        out.extend(a.doc.as_ref().map(text));
        Value::Array(out)
    };
    items.iter().map(item).collect()
}

fn pairs(values: &KeyValues) -> Value {
    let pair = |(name, value): &(Word, Word)| {
        let mut out = vec![text(&name.text), text(&value.text)];
        if values.legacy {
            out.push("legacy".into());
        }
        Value::Array(out)
    };
    values.pairs.iter().map(pair).collect()
}

fn insert_word(out: &mut Map<String, Value>, name: &str, word: Option<&Word>) {
    if let Some(word) = word {
        out.insert(name.into(), text(&word.text));
    }
}

fn words(words: &[Word]) -> Value {
    words.iter().map(|w| text(&w.text)).collect()
}

/// A string, with invalid bytes as the golden answers have them.
pub(crate) fn text(text: &BString) -> Value {
    match text.to_str() {
        Ok(text) => text.into(),
        Err(_) => json!({"b64": base64(text)}),
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    out
}

fn at(instruction: &Instruction) -> Value {
    json!([instruction.lines.start, instruction.lines.end])
}
