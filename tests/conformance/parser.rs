//! Cases about parsing and typed instructions.

use crate::corpus::{self, text};
use bstr::{BStr, BString, ByteSlice};
use cooperage_lang::instructions::flags::{self, Flag, FlagKind};
use cooperage_lang::instructions::{self, Copy, Dockerfile, Heredoc, Instruction, Kind, Run};
use cooperage_lang::model::device;
use cooperage_lang::syntax::json::{self, Array};
use cooperage_lang::syntax::{self, Node, Parse, directive, heredoc};
use cooperage_lang::text::{TextRange, Word};
use cooperage_lang::{quote::quote, rune};
use serde_json::{Value, json};

/// Case files and their checks.
pub(crate) fn kinds() -> Vec<crate::Kind> {
    vec![
        ("ast_dump", ast_dump),
        ("parse_error", parse_error),
        ("lines", lines),
        ("split_words", split_words),
        ("json_form", json_form),
        ("heredoc_file", heredoc_file),
        ("heredoc_word", heredoc_word),
        ("heredoc_line", heredoc_line),
        ("directive", directive),
        ("instruction_error", instruction_error),
        ("doc_comments", doc_comments),
        ("copy_heredoc", copy_heredoc),
        ("run_heredoc", run_heredoc),
        ("flags", flag_set),
        ("run_device", run_device),
        ("mutations", mutations),
    ]
}

/// Fails with both values unless they are equal.
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    got: &T,
    want: &T,
) -> Result<(), String> {
    if got == want {
        Ok(())
    } else {
        Err(format!("{what}: got {got:?}, want {want:?}"))
    }
}

/// Text of a JSON string or of `{"b64": …}`.
pub(crate) fn bytes(value: &Value) -> BString {
    match value.get("b64").and_then(Value::as_str) {
        Some(encoded) => base64(encoded).into(),
        None => value.as_str().unwrap_or_default().into(),
    }
}

/// The input file of a case: as text, in base64, or as repeated parts.
pub(crate) fn dockerfile(case: &Value) -> BString {
    if let Some(encoded) = case["dockerfile_b64"].as_str() {
        return base64(encoded).into();
    }
    let Some(parts) = case["parts"].as_array() else {
        return bytes(&case["dockerfile"]);
    };
    let mut out = BString::default();
    for part in parts {
        let text = part[0].as_str().unwrap_or_default();
        for i in 0..part[1].as_u64().unwrap_or_default() {
            out.extend_from_slice(text.replace("{i}", &i.to_string()).as_bytes());
        }
    }
    out
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for digit in text
        .bytes()
        .filter_map(|b| DIGITS.iter().position(|d| *d == b))
    {
        bits = bits << 6 | digit as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    out
}

fn strings<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> Value {
    texts.into_iter().map(rune::to_string).collect()
}

fn ast_dump(case: &Value) -> Result<(), String> {
    let source = dockerfile(case);
    let parse = syntax::parse(&source);
    let mut dump = String::new();
    for node in parse.nodes() {
        dump.push('(');
        dump_node(&mut dump, &source, &parse, node);
        dump.push_str(")\n");
    }
    same(
        "dump",
        &dump.trim_end(),
        &case["dump"].as_str().unwrap_or_default().trim_end(),
    )
}

fn dump_node(out: &mut String, source: &[u8], parse: &Parse, node: &Node) {
    out.push_str(&rune::lower(parse.text(source, node.keyword.text)));
    let quoted = |text: &BStr| quote(text);
    let flags: Vec<String> = parse.piece_texts(source, &node.flags).map(quoted).collect();
    if !flags.is_empty() {
        out.extend([" [", &flags.join(" "), "]"]);
    }
    for arg in parse.piece_texts(source, &node.args).map(quoted) {
        out.extend([" ", &arg]);
    }
    if let Some(sub) = parse.sub(node) {
        out.push_str(" (");
        dump_node(out, source, parse, sub);
        out.push(')');
    }
}

fn parse_error(case: &Value) -> Result<(), String> {
    let source = dockerfile(case);
    let parse = syntax::parse(&source);
    let error = parse.official_error().ok_or("no error")?;
    match case["error"].as_str() {
        Some(want) => same("error", &error.message.as_str(), &want),
        None => Ok(()),
    }
}

fn lines(case: &Value) -> Result<(), String> {
    let source = dockerfile(case);
    let parse = syntax::parse(&source);
    if let Some(want) = case.get("empty_continuation_warnings") {
        let got = strings(
            parse
                .empty_continuations()
                .iter()
                .map(|w| parse.text(&source, w.text).as_bytes()),
        );
        return same("warnings", &got, want);
    }
    let spans: Vec<_> = parse
        .nodes()
        .iter()
        .map(|n| json!([n.lines.start, n.lines.end]))
        .collect();
    same("nodes", &json!(spans), &case["nodes"])?;
    let (first, last) = (parse.nodes().first(), parse.nodes().last());
    let root = json!([first.map(|n| n.lines.start), last.map(|n| n.lines.end)]);
    same("root", &root, &case["root"])
}

fn split_words(case: &Value) -> Result<(), String> {
    let words = syntax::split_words(&bytes(&case["input"]), escape(case));
    same(
        "words",
        &strings(words.iter().map(|w| w.as_bytes())),
        &case["words"],
    )
}

fn escape(case: &Value) -> char {
    case["escape"]
        .as_str()
        .and_then(|e| e.chars().next())
        .unwrap_or('\\')
}

fn json_form(case: &Value) -> Result<(), String> {
    let input = bytes(&case["input"]);
    match json::array(&input) {
        Array::Strings(ranges) => {
            let words: Vec<_> = ranges
                .into_iter()
                .map(|r| json::unescape(&input[r]))
                .collect();
            same(
                "words",
                &strings(words.iter().map(Vec::as_slice)),
                &case["words"],
            )
        }
        Array::NotStrings(_) => same(
            "error",
            &NOT_STRINGS,
            &case["error"].as_str().unwrap_or_default(),
        ),
        Array::No if case["words"].is_array() => Err("not read as JSON".into()),
        Array::No if case["error"] == NOT_STRINGS => Err("not read as JSON".into()),
        Array::No => Ok(()),
    }
}

const NOT_STRINGS: &str = "when using JSON array syntax, arrays must be comprised of strings only";

fn heredoc_file(case: &Value) -> Result<(), String> {
    let source = dockerfile(case);
    let parse = syntax::parse(&source);
    let from = case["nodes_from"].as_u64().unwrap_or_default() as usize;
    let want = case["heredocs"].as_array().ok_or("no heredocs")?;
    for (node, want) in parse.nodes()[from..].iter().zip(want) {
        let got = parse.heredocs(node);
        let want = want.as_array().ok_or("no list")?;
        same("count", &got.len(), &want.len())?;
        for (got, want) in got.iter().zip(want) {
            same_heredoc(&source, got, want)?;
        }
    }
    Ok(())
}

/// Compares the members that the case has.
pub(crate) fn same_heredoc(
    source: &[u8],
    got: &syntax::Heredoc,
    want: &Value,
) -> Result<(), String> {
    let content = &source[got.body.start as usize..got.body.end as usize];
    for (key, want) in want.as_object().ok_or("no object")? {
        match key.as_str() {
            "name" => same("name", &got.name, &bytes(want))?,
            "content" => same("content", &content.as_bstr(), &bytes(want).as_bstr())?,
            "expand" => same("expand", &Some(got.expand), &want.as_bool())?,
            "chomp" => same("chomp", &Some(got.chomp), &want.as_bool())?,
            "fd" => same("fd", &Some(u64::from(got.fd)), &want.as_u64())?,
            other => return Err(format!("unknown member {other}")),
        }
    }
    Ok(())
}

fn heredoc_word(case: &Value) -> Result<(), String> {
    let got = heredoc::opener(&bytes(&case["input"]));
    if case["error"] == true {
        return same("fails", &got.is_err(), &true);
    }
    let got = got.map_err(|_| "fails")?;
    if case.get("heredoc").is_some_and(Value::is_null) {
        return same("heredoc", &got, &None);
    }
    let got = got.ok_or("no heredoc")?;
    same("name", &got.name, &bytes(&case["name"]))?;
    let want_bool = |key: &str, got: bool| {
        case.get(key)
            .map_or(Ok(()), |w| same(key, &Some(got), &w.as_bool()))
    };
    want_bool("expand", got.expand)?;
    want_bool("chomp", got.chomp)?;
    case.get("fd").map_or(Ok(()), |w| {
        same("fd", &Some(u64::from(got.fd)), &w.as_u64())
    })
}

fn heredoc_line(case: &Value) -> Result<(), String> {
    let got = heredoc::openers(&bytes(&case["line"])).map_err(|_| "fails")?;
    same(
        "names",
        &strings(got.iter().map(|o| o.name.as_bytes())),
        &case["names"],
    )
}

fn directive(case: &Value) -> Result<(), String> {
    let source = dockerfile(case);
    let name = directive::Name::find(case["key"].as_str().unwrap_or_default().as_bytes())
        .ok_or("unknown key")?;
    let got = directive::detect(&source, name, case["any_format"] == true);
    same("found", &Some(got.is_some()), &case["found"].as_bool())?;
    let Some(got) = got else { return Ok(()) };
    let text = |key: &str, got: &BString| {
        case[key]
            .as_str()
            .map_or(Ok(()), |w| same(key, &got.to_string().as_str(), &w))
    };
    text("value", &got.value)?;
    text("full", &got.full)?;
    case["line"]
        .as_u64()
        .map_or(Ok(()), |w| same("line", &u64::from(got.line), &w))
}

fn instruction_error(case: &Value) -> Result<(), String> {
    let source = dockerfile(case);
    let file = instructions::parse(&source);
    let error = file.official_error.ok_or("no error")?;
    let message = match error
        .message
        .strip_prefix("dockerfile parse error on line ")
    {
        Some(rest) => rest.split_once(": ").map_or(rest, |(_, message)| message),
        None => &error.message,
    };
    if let Some(want) = case["error"].as_str() {
        same("error", &message, &want)?;
    }
    match case["error_contains"].as_str() {
        Some(part) if !message.contains(part) => {
            Err(format!("{message:?} does not contain {part:?}"))
        }
        _ => Ok(()),
    }
}

fn doc_comments(case: &Value) -> Result<(), String> {
    let source = dockerfile(case);
    let file = instructions::parse(&source);
    let docs: Vec<_> = file
        .stages
        .iter()
        .map(|s| text_or_empty(from_doc(&s.from)))
        .collect();
    same("stages", &json!(docs), &case["stage_docs"])?;
    same("global", &arg_docs(&file.global_args), &case["meta_args"])?;
    let in_stages: Vec<_> = file
        .stages
        .iter()
        .flat_map(|s| s.instructions.clone())
        .collect();
    same("args", &arg_docs(&in_stages), &case["stage_args"])
}

fn from_doc(from: &Instruction) -> Option<BString> {
    match &from.kind {
        Kind::From(from) => from.doc.clone(),
        _ => None,
    }
}

fn arg_docs(instructions: &[Instruction]) -> Value {
    let mut out = Vec::new();
    for instruction in instructions {
        if let Kind::Arg(items) = &instruction.kind {
            out.extend(
                items
                    .iter()
                    .map(|a| json!([a.name.to_str_lossy(), text_or_empty(a.doc.clone())])),
            );
        }
    }
    Value::Array(out)
}

fn text_or_empty(text: Option<BString>) -> String {
    text.map(|t| t.to_string()).unwrap_or_default()
}

/// The first instruction of a file that needs no stage: an own `FROM` is put in front.
fn first_instruction(case: &Value) -> Result<Instruction, String> {
    let source = [b"FROM scratch\n", dockerfile(case).as_bytes()].concat();
    let file: Dockerfile = instructions::parse(&source);
    if let Some(error) = file.official_error {
        return Err(error.message);
    }
    file.stages[0]
        .instructions
        .first()
        .cloned()
        .ok_or_else(|| "no instruction".into())
}

fn copy_heredoc(case: &Value) -> Result<(), String> {
    let copy: Box<Copy> = match first_instruction(case)?.kind {
        Kind::Copy(copy) | Kind::Add(copy) => copy,
        other => return Err(format!("{other:?}")),
    };
    same("dst", &copy.dest.text, &bytes(&case["dst"]))?;
    same(
        "src",
        &strings(copy.sources.iter().map(|w| w.text.as_bytes())),
        &case["src"],
    )?;
    same("contents", &contents(&copy.heredocs), &case["contents"])
}

/// Here documents of a copy as the case data writes them.
pub(crate) fn contents(heredocs: &[Heredoc]) -> Value {
    let one =
        |h: &Heredoc| json!({"path": text(&h.name), "data": text(&h.text()), "expand": h.expand});
    heredocs.iter().map(one).collect()
}

fn run_heredoc(case: &Value) -> Result<(), String> {
    let run: Box<Run> = match first_instruction(case)?.kind {
        Kind::Run(run) => run,
        other => return Err(format!("{other:?}")),
    };
    same("shell", &Some(run.command.shell), &case["shell"].as_bool())?;
    same(
        "cmd",
        &strings(run.command.args.iter().map(|w| w.text.as_bytes())),
        &case["cmd"],
    )?;
    same("files", &files(&run.heredocs), &case["files"])
}

/// Here documents of a command as the case data writes them.
pub(crate) fn files(heredocs: &[Heredoc]) -> Value {
    let one =
        |h: &Heredoc| json!({"name": text(&h.name), "data": text(&h.content), "chomp": h.chomp});
    heredocs.iter().map(one).collect()
}

fn flag_set(case: &Value) -> Result<(), String> {
    let none = Vec::new();
    let list = |key: &str| case[key].as_array().unwrap_or(&none).clone();
    let defined = list("flags");
    let mut known: Vec<Flag> = Vec::new();
    for flag in &defined {
        let kind = match flag[0].as_str().unwrap_or_default() {
            "bool" => FlagKind::Bool,
            "string" => FlagKind::Text,
            "strings" => FlagKind::List,
            other => return Err(format!("unknown flag type {other}")),
        };
        let name = flag[1].as_str().unwrap_or_default();
        if known.iter().any(|k| k.name == name) {
            // Defining a flag twice is a mistake the types of our table do not forbid but no case of a file can make.
            return same("error", &case["error"], &json!(true));
        }
        known.push(Flag {
            // The table's names live as long as the program.
            name: name.to_owned().leak(),
            kind,
            value: "",
            example: "",
            choices: &[],
            doc: "",
        });
    }
    let given: Vec<Word> = list("args")
        .iter()
        .map(|a| Word::new(bytes(a), TextRange::default()))
        .collect();
    let failed = flags::check(&given, &known).is_err();
    same("error", &failed, &(case["error"] == true))
}

fn run_device(case: &Value) -> Result<(), String> {
    let got = device::parse(&bytes(&case["value"]));
    match case.get("error") {
        Some(Value::String(want)) => same("error", &got, &Err(want.clone())),
        Some(_) => same("fails", &got.is_err(), &true),
        None => {
            let got = got?;
            same(
                "name",
                &got.name.as_str(),
                &case["name"].as_str().unwrap_or_default(),
            )?;
            same("required", &got.required, &(case["required"] == true))
        }
    }
}

pub(crate) fn mutations(case: &Value) -> Result<(), String> {
    let source = dockerfile(case);
    corpus::lossless(&source)?;
    let parse = syntax::parse(&source);
    let file = instructions::lower(&source, &parse);
    let verdict = case["verdict"].as_str().unwrap_or_default();
    match (&file.official_error, verdict) {
        (None, "ok" | "build") => {}
        (Some(error), "parse" | "instructions") => {
            same("phase", &json!(error.phase), &case["verdict"])?;
            same_error(&error.message, &case["error"])?;
            let at: Vec<_> = error.at.iter().map(|l| json!([l.start, l.end])).collect();
            same("at", &json!(at), &case["at"])?;
        }
        (error, _) => return Err(format!("verdict {verdict}, got {error:?}")),
    }
    if file.official_error.is_some() && case.get("golden").is_none() {
        // The reference counts no nodes then.
        return Ok(());
    }
    if let Some(nodes) = case["nodes"].as_u64() {
        same("nodes", &(parse.nodes().len() as u64), &nodes)?;
    }
    for (node, want) in parse
        .nodes()
        .iter()
        .zip(case["first_nodes"].as_array().unwrap_or(&Vec::new()))
    {
        let keyword = parse.text(&source, node.keyword.text).to_string();
        let got = json!([keyword, node.lines.start, node.lines.end, node.args.len()]);
        same("node", &got, want)?;
    }
    match case.get("golden") {
        Some(golden) => corpus::golden(&source, golden),
        None => Ok(()),
    }
}

/// Compares error texts. Suggestions are left out when they differ: the reference has no order among equally close words.
pub(crate) fn same_error(got: &str, want: &Value) -> Result<(), String> {
    let want = rune::to_string(&bytes(want));
    let plain = |text: &str| {
        text.split(" (did you mean ")
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let suggested = |text: &str| text.contains(" (did you mean ");
    if suggested(got) && suggested(&want) {
        return same("error", &plain(got), &plain(&want));
    }
    same("error", &got, &want.as_str())
}
