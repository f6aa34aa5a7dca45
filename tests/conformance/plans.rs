//! Plans and check rules against the answers of the reference front end.
//!
//! The stand-in world answers like the one the answers were recorded with: every image has the wanted platform, only
//! `PATH` in its environment and one history entry. All stages are looked at for warnings, only the needed ones for
//! plans.
//!
//! # How our steps compare with theirs
//!
//! | ours | theirs |
//! |---|---|
//! | [`Source`], except `Scratch` | a source of the same address |
//! | `Source::Scratch` | input -1 |
//! | [`Op::Exec`] | a command with the same words, environment, folder, user and mounts |
//! | its `scripts` | a read-only mount of a file operation that makes the file |
//! | [`Op::Copy`] | a file operation with one copy for each source; inline sources are file operations of their own |
//! | the same with `link` | a file operation on nothing, and a merge of that with the root |
//! | [`Op::Mkdir`] | a file operation that makes the folder |
//!
//! Every step becomes one line of JSON in which inputs are hashes of the lines of the steps they come from, so the
//! two graphs are equal when the sets of lines are, whatever the internal numbers. Equal steps of two stages are one
//! step for the reference, which shows it under the name it has in either.

use bstr::{BString, ByteSlice};
use cooperage_lang::diagnostic::Diagnostic;
use cooperage_lang::instructions;
use cooperage_lang::lints;
use cooperage_lang::model::ignore::Patterns;
use cooperage_lang::model::mode::ModeChange;
use cooperage_lang::model::platform::Platform;
use cooperage_lang::model::reference::Reference;
use cooperage_lang::plan::config::{HistoryEntry, ImageConfig};
use cooperage_lang::plan::lower::plan;
use cooperage_lang::plan::{
    Copy, CopySource, Exec, Mount, MountKind, Op, Plan, PlanOptions, Sharing, Source, Step,
};
use cooperage_lang::world::{Known, World};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Case files, relative to the folder of the data, and the check of one case.
pub(crate) fn kinds() -> Vec<crate::Kind> {
    vec![
        ("cases/parser/lint", lint),
        ("cases/parser/mutations", mutation),
        ("cases/lint/buildkit", check_rules),
        ("cases/lint/hadolint", snippet),
        ("cases/lint/dockerfile-utils", snippet),
        ("corpus/goldens", golden),
        ("corpus/plans", planned),
    ]
}

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The world the answers were recorded in.
pub(crate) struct StandIn {
    pub(crate) ignore: Option<Arc<Patterns>>,
}

impl World for StandIn {
    fn image(&self, _: &Reference, _: &Platform) -> Known<Arc<ImageConfig>> {
        let mut config = ImageConfig::default();
        config.config.env.push(PATH.to_owned());
        config.history.push(HistoryEntry {
            created_by: "base".to_owned(),
            ..HistoryEntry::default()
        });
        Known::Yes(Arc::new(config))
    }

    fn layout_image(&self, _: &str, _: &Platform) -> Known<Arc<ImageConfig>> {
        Known::Unknown
    }

    fn ignore_patterns(&self) -> Option<Arc<Patterns>> {
        self.ignore.clone()
    }
}

/// What planning finds in a text in that world, looking at every stage.
pub(crate) fn diagnostics(source: &str) -> Vec<Diagnostic> {
    planned_text(source.as_bytes(), &options(true), None)
        .map_or_else(|_| Vec::new(), |plan| plan.diagnostics)
}

fn lint(case: &Value) -> Result<(), String> {
    let mut options = options(true);
    for (key, value) in case["build_options"].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default().to_owned();
        match key.strip_prefix("build-arg:") {
            Some(name) => _ = options.build_args.insert(name.to_owned(), value),
            None if key == "target" => options.target = Some(value),
            None => return Err(format!("unknown build option {key}")),
        }
    }
    let ignore = case["dockerignore"].as_str();
    let plan = planned_text(&source(case)?, &options, ignore)?;
    let want: Vec<Value> = case["warnings"].as_array().cloned().unwrap_or_default();
    let got = plan.reported.iter().map(|i| {
        let found = &plan.diagnostics[*i];
        let lint = lints::find(found.code).expect("only rules are reported");
        let line = found.lines.first().map(|l| l.start);
        json!({"rule": found.code, "msg": found.message, "line": line, "description": lint.description, "url": lint.url})
    });
    warnings(got.collect(), want)?;
    let error = plan.official_error.as_ref();
    match (&case["error"], &case["error_regex"]) {
        (Value::String(want), _) => {
            same_text(error.map_or("", |e| &e.message), want)?;
            let line = error.and_then(|e| e.at.first()).map(|l| l.start);
            same("error line", &json!(line), &case["error_line"])
        }
        (_, Value::String(pattern)) => {
            // The patterns in the data are texts with `.*` in them.
            let mut rest = error.map_or("", |e| e.message.as_str());
            for part in pattern.replace('\\', "").split(".*") {
                rest = rest
                    .split_once(part)
                    .ok_or_else(|| format!("error {rest:?} is not like {pattern:?}"))?
                    .1;
            }
            Ok(())
        }
        _ => same("error", &json!(error.map(|e| &e.message)), &Value::Null),
    }
}

fn check_rules(case: &Value) -> Result<(), String> {
    let mut options = options(true);
    for (name, value) in case["build_args"].as_object().into_iter().flatten() {
        options
            .build_args
            .insert(name.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    let plan = planned_text(
        &source(case)?,
        &options,
        case["context"][".dockerignore"].as_str(),
    )?;
    let got = plan.reported.iter().map(|i| {
        let found = &plan.diagnostics[*i];
        let line = found.lines.first().map(|l| l.start);
        json!({"rule": found.code, "line": line, "level": "warning", "message": found.message})
    });
    warnings(
        got.collect(),
        case["expect"].as_array().cloned().unwrap_or_default(),
    )?;
    let error = plan.official_error.as_ref();
    match &case["error"] {
        Value::Null => same("error", &json!(error.map(|e| &e.message)), &Value::Null),
        want => {
            same_text(
                error.map_or("", |e| &e.message),
                want["message"].as_str().unwrap_or_default(),
            )?;
            let line = error.and_then(|e| e.at.first()).map(|l| l.start);
            if want["line"].is_null() {
                Ok(())
            } else {
                same("error line", &json!(line), &want["line"])
            }
        }
    }
}

/// What the reference says of a snippet that another linter is tested with.
fn snippet(case: &Value) -> Result<(), String> {
    let want = &case["buildkit"];
    if !want.is_object() {
        return Ok(());
    }
    let plan = planned_text(&source(case)?, &options(true), None)?;
    let got = plan.reported.iter().map(|i| {
        let found = &plan.diagnostics[*i];
        json!({"found": [found.lines.first().map(|l| l.start), found.code, found.message]})
    });
    let findings = want["findings"].as_array().into_iter().flatten();
    warnings(
        got.collect(),
        findings.map(|f| json!({"found": f})).collect(),
    )?;
    let error = plan.official_error.as_ref();
    match want["error"]["message"].as_str() {
        None => same("error", &json!(error.map(|e| &e.message)), &Value::Null),
        Some(message) => same_text(error.map_or("", |e| &e.message), message),
    }
}

/// The build's verdict on a broken file, and the warnings where there are answers.
fn mutation(case: &Value) -> Result<(), String> {
    let source = source(case)?;
    if case["verdict"] == "build" || case["verdict"] == "ok" {
        let plan = planned_text(&source, &options(true), None)?;
        let error = plan.official_error.as_ref();
        match case["error"].as_str() {
            Some(want) => same_text(error.map_or("", |e| &e.message), want)?,
            None => same("error", &json!(error.map(|e| &e.message)), &Value::Null)?,
        }
        if !case["at"].is_null() {
            same(
                "at",
                &json!(error.and_then(|e| e.at.first()).map(|l| [l.start, l.end])),
                &case["at"],
            )?;
        }
    }
    if case["golden"]["lint"].is_object() {
        lint_golden(&source, &case["golden"]["lint"])
    } else {
        Ok(())
    }
}

fn golden(case: &Value) -> Result<(), String> {
    if case["lint"].is_object() {
        lint_golden(&corpus_file(case)?, &case["lint"])
    } else {
        Ok(())
    }
}

fn lint_golden(source: &[u8], want: &Value) -> Result<(), String> {
    let plan = planned_text(source, &options(true), None)?;
    let got = plan.reported.iter().map(|i| {
        let found = &plan.diagnostics[*i];
        let at = found.lines.first().map(|l| [l.start, l.end]);
        json!({"rule": found.code, "msg": found.message, "at": at})
    });
    warnings(
        got.collect(),
        want["warnings"].as_array().cloned().unwrap_or_default(),
    )?;
    let error = plan.official_error.as_ref();
    match &want["build"] {
        Value::Null => same("error", &json!(error.map(|e| &e.message)), &Value::Null),
        build => {
            same_text(error.map_or("", |e| &e.message), &lossy(&build["error"]))?;
            same(
                "at",
                &json!(error.and_then(|e| e.at.first()).map(|l| [l.start, l.end])),
                &build["at"],
            )
        }
    }
}

fn planned(case: &Value) -> Result<(), String> {
    let plan = planned_text(&corpus_file(case)?, &options(false), None)?;
    let want = &case["plan"];
    if !want["error"].is_null() {
        let error = plan.official_error.as_ref().ok_or("no error")?;
        same_text(&error.message, &lossy(&want["error"]))?;
        let at: Vec<_> = error.at.iter().map(|l| [l.start, l.end]).collect();
        let at = if at.is_empty() {
            Value::Null
        } else {
            json!(at)
        };
        return same("at", &at, &want["at"]);
    }
    same(
        "error",
        &json!(plan.official_error.as_ref().map(|e| &e.message)),
        &Value::Null,
    )?;
    image(&plan, want)?;
    graph(&plan, &want["steps"])
}

fn image(plan: &Plan, want: &Value) -> Result<(), String> {
    let config = &plan.config.config;
    let history: Vec<Value> = plan
        .config
        .history
        .iter()
        .map(|h| {
            if h.empty_layer {
                json!([h.created_by, "empty"])
            } else {
                json!([h.created_by])
            }
        })
        .collect();
    let some = |list: &[String]| {
        if list.is_empty() {
            Value::Null
        } else {
            json!(list)
        }
    };
    let got = json!({
        "author": plan.config.author,
        "cmd": config.cmd,
        "entrypoint": config.entrypoint,
        "env": config.env,
        "healthcheck": config.healthcheck,
        "labels": if config.labels.is_empty() { Value::Null } else { json!(config.labels) },
        "onbuild": some(&config.on_build),
        "shell": some(&config.shell),
        "stopsignal": config.stop_signal,
        "user": config.user,
        "workdir": config.working_dir,
        "history": history,
    });
    for (key, got) in got.as_object().into_iter().flatten() {
        let want = match key.as_str() {
            "labels" if want[key] == json!({}) => &Value::Null,
            _ => &want[key],
        };
        same(key, &sorted(got), &sorted(&utf8(want)))?;
    }
    let ports: Vec<_> = config.exposed_ports.keys().collect();
    let volumes: Vec<_> = config.volumes.keys().collect();
    same("ports", &json!(ports), &want["ports"])?;
    same("volumes", &json!(volumes), &utf8(&want["volumes"]))
}

fn graph(plan: &Plan, want: &Value) -> Result<(), String> {
    let (ours, our_result) = our_lines(plan);
    let (theirs, their_result) = their_lines(want)?;
    for (line, names) in &theirs {
        let Some(known) = ours.get(line) else {
            let near = ours
                .iter()
                .find(|(_, n)| !n.is_disjoint(names))
                .map(|(line, _)| line);
            return Err(format!(
                "missing step {names:?}\n      theirs {line}\n      ours   {near:?}"
            ));
        };
        if !known.contains(ANY_NAME) && !names.is_subset(known) {
            return Err(format!(
                "name of step {line}\n      ours   {known:?}\n      theirs {names:?}"
            ));
        }
    }
    if let Some((line, names)) = ours.iter().find(|(line, _)| !theirs.contains_key(*line)) {
        return Err(format!("additional step {names:?} {line}"));
    }
    same("result", &json!(our_result), &json!(their_result))
}

/// Lines of our steps, and the hash of the result.
fn our_lines(plan: &Plan) -> (Lines, String) {
    let mut lines = Lines::new();
    let mut hashes: Vec<String> = Vec::new();
    for step in &plan.steps {
        let root = step
            .root
            .map_or_else(|| "-".to_owned(), |root| hashes[root.0 as usize].clone());
        let hash = match &step.op {
            Op::Source(Source::Scratch) => "-".to_owned(),
            Op::Source(source) => {
                // A source of several stages has a name from one of them.
                let name = if step.stage.is_some() {
                    step.name()
                } else {
                    ANY_NAME.to_owned()
                };
                add(&mut lines, json!({"source": address(source), "name": name}))
            }
            Op::Exec(exec) => our_exec(&mut lines, &hashes, step, exec, &root),
            Op::Copy(copy) => our_copy(&mut lines, &hashes, step, copy, &root),
            Op::Mkdir(mkdir) => {
                let owner = owner(&mkdir.user).unwrap_or_else(|| "<nil>".to_owned());
                let action = json!({"mkdir": {"mode": 0o755, "owner": owner, "parents": true, "path": mkdir.path}});
                add(
                    &mut lines,
                    json!({"root": root, "file": [action], "name": step.name()}),
                )
            }
        };
        hashes.push(hash);
    }
    let result = plan
        .result
        .map_or_else(String::new, |r| hashes[r.0 as usize].clone());
    (lines, result)
}

fn our_exec(lines: &mut Lines, hashes: &[String], step: &Step, exec: &Exec, root: &str) -> String {
    let mut mounts = Vec::new();
    let mut secret_env = Vec::new();
    for mount in &exec.mounts {
        if let MountKind::Secret {
            id,
            required,
            env: Some(name),
            ..
        } = &mount.kind
        {
            secret_env.push(json!({"id": id, "name": name, "optional": !required}));
        }
        mounts.extend(our_mount(lines, hashes, mount));
    }
    for (name, content) in &exec.scripts {
        let input = inline(lines, name, content, 0o755);
        mounts.push(json!({"dest": "/dev/pipes/", "ro": true, "selector": "/", "from": input}));
    }
    mounts.sort_by_key(|m| m["dest"].to_string());
    let env: Vec<String> = exec.env.iter().map(|(n, v)| format!("{n}={v}")).collect();
    let args: Vec<Value> = exec.argv.iter().map(|a| text(a)).collect();
    add(
        lines,
        json!({"root": root, "args": args, "env": env, "cwd": exec.cwd, "user": exec.user, "mounts": mounts,
               "secretenv": secret_env, "name": step.name()}),
    )
}

fn our_mount(lines: &mut Lines, hashes: &[String], mount: &Mount) -> Option<Value> {
    let mut out = json!({"dest": mount.target, "from": "-"});
    let mut set = |key: &str, value: Value| out[key] = value;
    let permissions = |id: &str, required: bool, mode: u32, uid: u32, gid: u32| json!({"gid": gid, "id": id, "mode": mode, "optional": !required, "uid": uid});
    match &mount.kind {
        MountKind::Bind { from, source } => {
            set("from", json!(hashes[from.0 as usize]));
            if source != "/" {
                set("selector", json!(source));
            }
            if mount.read_only {
                set("ro", json!(true));
            }
        }
        MountKind::Cache {
            id,
            sharing,
            from,
            source,
            mode,
            uid,
            gid,
        } => {
            let sharing = match sharing {
                Sharing::Shared => "SHARED",
                Sharing::Private => "PRIVATE",
                Sharing::Locked => "LOCKED",
            };
            set("type", json!("CACHE"));
            set("cache", json!([format!("/{id}"), sharing]));
            let mut input = from.map_or("-".to_owned(), |f| hashes[f.0 as usize].clone());
            if source != "/" {
                set("selector", json!(source));
            } else if mode.is_some() || uid.is_some() || gid.is_some() {
                let owner = format!(
                    "user:{{byID:{}}} group:{{byID:{}}}",
                    uid.unwrap_or(0),
                    gid.unwrap_or(0)
                );
                let folder = json!({"mkdir": {"mode": mode.unwrap_or(0o755), "owner": owner, "parents": false, "path": "/cache"}});
                let name = "[internal] setting cache mount permissions";
                input = add(
                    lines,
                    json!({"root": input, "file": [folder], "name": name}),
                );
                set("selector", json!("/cache"));
            }
            set("from", json!(input));
            if mount.read_only {
                set("ro", json!(true));
            }
        }
        MountKind::Tmpfs { size } => {
            set("type", json!("TMPFS"));
            set("tmpfs_size", json!(size.unwrap_or(0)));
            if mount.read_only {
                set("ro", json!(true));
            }
        }
        MountKind::Secret { file: false, .. } => return None,
        MountKind::Secret {
            id,
            required,
            mode,
            uid,
            gid,
            ..
        } => {
            set("type", json!("SECRET"));
            set("secret", permissions(id, *required, *mode, *uid, *gid));
        }
        MountKind::Ssh {
            id,
            required,
            mode,
            uid,
            gid,
        } => {
            set("type", json!("SSH"));
            set("ssh", permissions(id, *required, *mode, *uid, *gid));
        }
    }
    Some(out)
}

fn our_copy(lines: &mut Lines, hashes: &[String], step: &Step, copy: &Copy, root: &str) -> String {
    let actions: Vec<Value> = copy
        .sources
        .iter()
        .map(|source| our_action(lines, hashes, copy, source))
        .collect();
    let base = if copy.link { "-" } else { root };
    let file = add(
        lines,
        json!({"root": base, "file": actions, "name": step.name()}),
    );
    // A merge with nothing is left out.
    if !copy.link || root == "-" {
        return file;
    }
    let name = step.name();
    let (label, text) = name.split_once("] ").unwrap_or(("", &name));
    let name = if label.is_empty() {
        format!("LINK {text}")
    } else {
        format!("{label}] LINK {text}")
    };
    add(lines, json!({"merge": [root, file], "name": name}))
}

fn our_action(lines: &mut Lines, hashes: &[String], copy: &Copy, source: &CopySource) -> Value {
    let mut flags = vec!["mkdest"];
    let mut out = Map::new();
    out.insert("dest".into(), json!(copy.dest));
    let from = match source {
        CopySource::Path { from, path } => {
            flags.extend(["dircontents", "emptywildcard", "follow", "wildcard"]);
            if copy.unpack.unwrap_or(copy.add) {
                flags.push("unpack");
            }
            let (source, below) = match path.split_once("/./").filter(|_| copy.parents) {
                Some((source, below)) => {
                    (if source.is_empty() { "/" } else { source }, Some(below))
                }
                None => (path.as_str(), None),
            };
            out.insert("src".into(), json!(source));
            if let Some(below) = below {
                out.insert("include".into(), json!([below]));
            }
            hashes[from.0 as usize].clone()
        }
        CopySource::Http { from, name } => {
            if copy.unpack.unwrap_or(false) {
                flags.push("unpack");
            }
            out.insert("src".into(), json!(format!("/{name}")));
            hashes[from.0 as usize].clone()
        }
        CopySource::Git { from } => {
            out.insert("src".into(), json!("/"));
            hashes[from.0 as usize].clone()
        }
        CopySource::Inline { name, content } => {
            out.insert("src".into(), json!(format!("/{name}")));
            inline(lines, name, content, 0o644)
        }
    };
    flags.sort_unstable();
    out.insert("flags".into(), json!(flags));
    if !copy.exclude.is_empty() {
        out.insert("exclude".into(), json!(copy.exclude));
    }
    if let Some(owner) = copy.chown.as_deref().and_then(owner) {
        out.insert("owner".into(), json!(owner));
    }
    if let Some(mode) = &copy.chmod {
        let octal = ModeChange::parse(mode).ok().and_then(|m| m.octal());
        out.insert(
            "mode".into(),
            octal.map_or_else(|| json!(mode), |octal| json!(octal)),
        );
    }
    json!({"copy": sorted(&Value::Object(out)), "from": from})
}

fn inline(lines: &mut Lines, name: &str, content: &BString, mode: u32) -> String {
    let action =
        json!({"mkfile": {"data": text(content), "mode": mode, "path": format!("/{name}")}});
    add(
        lines,
        json!({"root": "-", "file": [action], "name": "[internal] preparing inline document"}),
    )
}

/// `user:{byName:{name:"a"}} group:{byID:0}`, as their dump shows an owner.
fn owner(text: &str) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    let part = |part: &str| match part.parse::<u32>() {
        Ok(id) => format!("byID:{id}"),
        Err(_) if part.is_empty() || part == "root" => "byID:0".to_owned(),
        Err(_) => format!("byName:{{name:{part:?}}}"),
    };
    Some(match text.split_once(':') {
        Some((user, group)) => format!("user:{{{}}} group:{{{}}}", part(user), part(group)),
        None => format!("user:{{{}}}", part(text)),
    })
}

/// Lines of their steps, and the hash of the result.
fn their_lines(steps: &Value) -> Result<(Lines, String), String> {
    let mut lines = Lines::new();
    let mut hashes: BTreeMap<String, String> = BTreeMap::new();
    let mut result = "-".to_owned();
    for step in steps.as_array().into_iter().flatten() {
        let inputs: Vec<String> = step["in"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|input| {
                input
                    .as_str()
                    .and_then(|i| hashes.get(i.split(':').next()?))
                    .cloned()
                    .unwrap_or_default()
            })
            .collect();
        let name = utf8(&step["name"]);
        let hash = if step["result"] == true {
            result = inputs.first().cloned().unwrap_or_else(|| "-".to_owned());
            continue;
        } else if let Some(source) = step["source"].as_str() {
            add(&mut lines, json!({"source": source, "name": name}))
        } else if step["args"].is_array() {
            their_exec(&mut lines, step, &inputs, &name)
        } else if step["file"].is_array() {
            their_file(&mut lines, step, &inputs, &name)?
        } else if step["merge"].is_number() {
            add(&mut lines, json!({"merge": inputs, "name": name}))
        } else {
            return Err(format!("unknown step {step}"));
        };
        hashes.insert(step["id"].to_string(), hash);
    }
    Ok((lines, result))
}

fn their_exec(lines: &mut Lines, step: &Value, inputs: &[String], name: &Value) -> String {
    let from = |mount: &Value| {
        let input = mount["input"]
            .as_i64()
            .and_then(|i| usize::try_from(i).ok());
        input
            .and_then(|i| inputs.get(i))
            .cloned()
            .unwrap_or_else(|| "-".to_owned())
    };
    let mut root = "-".to_owned();
    let mut mounts = Vec::new();
    for mount in step["mounts"].as_array().into_iter().flatten() {
        if mount["dest"] == "/" {
            root = from(mount);
            continue;
        }
        let mut out = mount.clone();
        out["from"] = json!(from(mount));
        // Theirs is joined when the command runs.
        if let (Some(dest), Some(cwd)) = (mount["dest"].as_str(), step["cwd"].as_str())
            && !dest.starts_with('/')
        {
            out["dest"] = json!(format!("{}/{dest}", cwd.trim_end_matches('/')));
        }
        if let Some(map) = out.as_object_mut() {
            map.remove("input");
            map.remove("output");
        }
        mounts.push(out);
    }
    mounts.sort_by_key(|m| m["dest"].to_string());
    let or = |key: &str, default: Value| {
        if step[key].is_null() {
            default
        } else {
            step[key].clone()
        }
    };
    add(
        lines,
        json!({"root": root, "args": step["args"], "env": utf8(&step["env"]), "cwd": utf8(&step["cwd"]),
               "user": or("user", json!("")), "mounts": utf8(&json!(mounts)), "secretenv": or("secretenv", json!([])),
               "name": name}),
    )
}

fn their_file(
    lines: &mut Lines,
    step: &Value,
    inputs: &[String],
    name: &Value,
) -> Result<String, String> {
    let mut root = None;
    let mut actions = Vec::new();
    let pick = |index: &Value| match index.as_i64().and_then(|i| usize::try_from(i).ok()) {
        None => Some("-".to_owned()),
        Some(i) => inputs.get(i).cloned(),
    };
    for (number, action) in step["file"].as_array().into_iter().flatten().enumerate() {
        let before = pick(&action["input"]);
        if number == 0 {
            root = before;
        } else if before.is_some() {
            return Err("a file operation does not continue the one before it".to_owned());
        }
        let mut out = action.clone();
        if let Some(map) = out.as_object_mut() {
            for key in ["input", "output", "secondary"] {
                map.remove(key);
            }
            if action["copy"].is_object() {
                map.insert("from".into(), json!(pick(&action["secondary"])));
            }
        }
        // File content is compared as it is, everything else as text.
        if action["mkfile"].is_object() {
            out["mkfile"]["path"] = utf8(&action["mkfile"]["path"]);
        } else {
            out = utf8(&out);
        }
        actions.push(out);
    }
    Ok(add(
        lines,
        json!({"root": root.unwrap_or_else(|| "-".to_owned()), "file": actions, "name": name}),
    ))
}

fn address(source: &Source) -> String {
    match source {
        Source::Scratch => "-".to_owned(),
        Source::Image { reference, .. } => format!("docker-image://{reference}"),
        Source::OciLayout { layout, .. } => format!("oci-layout://{layout}"),
        Source::Local { name } => format!("local://{name}"),
        Source::Http { url, .. } => url.clone(),
        Source::Git { url, .. } => format!(
            "git://{}",
            url.split_once("://").map_or(url.as_str(), |(_, rest)| rest)
        ),
    }
}

/// What steps are, with the names they show under.
type Lines = BTreeMap<String, BTreeSet<String>>;

/// Stands for whatever name the reference chose.
const ANY_NAME: &str = "*";

fn add(lines: &mut Lines, line: Value) -> String {
    let mut line = sorted(&line);
    // The name is no part of what the step is.
    let name = line
        .as_object_mut()
        .and_then(|m| m.remove("name"))
        .unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    line.to_string().hash(&mut hasher);
    let hash = format!("{:016x}", hasher.finish());
    lines
        .entry(line.to_string())
        .or_default()
        .insert(name.as_str().unwrap_or_default().to_owned());
    hash
}

pub(crate) fn options(all_stages: bool) -> PlanOptions {
    let linux = Platform {
        os: "linux".into(),
        architecture: "amd64".into(),
        ..Platform::default()
    };
    PlanOptions {
        target_platform: Some(linux.clone()),
        build_platform: linux,
        all_stages,
        ..PlanOptions::default()
    }
}

pub(crate) fn planned_text(
    source: &[u8],
    options: &PlanOptions,
    ignore: Option<&str>,
) -> Result<Plan, String> {
    let ignore = ignore
        .map(|text| Patterns::parse_file(text.as_bytes()))
        .transpose();
    let ignore = ignore
        .map_err(|e| format!("ignore file: {e:?}"))?
        .map(Arc::new);
    Ok(plan(
        &instructions::parse(source),
        options,
        &StandIn { ignore },
    ))
}

/// The text of a case: plain, base64 or in repeated parts.
fn source(case: &Value) -> Result<Vec<u8>, String> {
    if let Some(text) = case["dockerfile"].as_str() {
        return Ok(text.as_bytes().to_vec());
    }
    if let Some(text) = case["dockerfile_b64"].as_str() {
        return Ok(decode(text));
    }
    let parts = case["parts"].as_array().ok_or("no text")?;
    let mut out = String::new();
    for part in parts {
        let (text, count) = (
            part[0].as_str().unwrap_or_default(),
            part[1].as_u64().unwrap_or(0),
        );
        for i in 0..count {
            out.push_str(&text.replace("{i}", &i.to_string()));
        }
    }
    Ok(out.into_bytes())
}

pub(crate) fn corpus_file(case: &Value) -> Result<Vec<u8>, String> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var_os("COOPERAGE_CASES").map_or(default, PathBuf::from);
    let sha = case["sha256"].as_str().unwrap_or_default();
    let path = shared
        .join("corpus/dockerfiles")
        .join(format!("{}.Dockerfile", &sha[..12]));
    std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))
}

/// Compares warnings without order; a null line or a missing member in `want` is not compared.
fn warnings(got: Vec<Value>, want: Vec<Value>) -> Result<(), String> {
    let mut rest = got;
    for want in want {
        let equal = |got: &Value| {
            want.as_object()
                .into_iter()
                .flatten()
                .all(|(key, want)| want.is_null() || got[key] == utf8(want))
        };
        let Some(found) = rest.iter().position(equal) else {
            return Err(format!("missing warning {want}; left {rest:?}"));
        };
        rest.swap_remove(found);
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(format!("additional warnings {rest:?}"))
    }
}

/// Compares messages; of several equally near suggestions the reference picks any.
fn same_text(got: &str, want: &str) -> Result<(), String> {
    let cut = |text: &str| {
        text.split(" (did you mean ")
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    if cut(got) == cut(want) {
        Ok(())
    } else {
        Err(format!("error {got:?}, not {want:?}"))
    }
}

fn same(what: &str, got: &Value, want: &Value) -> Result<(), String> {
    if got == want {
        Ok(())
    } else {
        Err(format!("{what}:\n      ours   {got}\n      theirs {want}"))
    }
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let map: BTreeMap<_, _> = map.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
            Value::Object(map.into_iter().collect())
        }
        Value::Array(list) => list.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

/// Text, or `{"b64": …}` when it is not UTF-8.
fn text(bytes: &[u8]) -> Value {
    match bytes.to_str() {
        Ok(text) => json!(text),
        Err(_) => json!({"b64": encode(bytes)}),
    }
}

/// The same with every byte string as text in which each bad byte is U+FFFD, which is what an image config holds.
fn utf8(value: &Value) -> Value {
    match value {
        Value::Object(map) => match map.get("b64").and_then(Value::as_str) {
            Some(bytes) => {
                let bytes = decode(bytes);
                let mut text = String::new();
                for chunk in bytes.utf8_chunks() {
                    text.push_str(chunk.valid());
                    text.extend(chunk.invalid().iter().map(|_| '\u{fffd}'));
                }
                json!(text)
            }
            None => Value::Object(map.iter().map(|(k, v)| (k.clone(), utf8(v))).collect()),
        },
        Value::Array(list) => list.iter().map(utf8).collect(),
        other => other.clone(),
    }
}

fn lossy(value: &Value) -> String {
    utf8(value).as_str().unwrap_or_default().to_owned()
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn decode(text: &str) -> Vec<u8> {
    let (mut bits, mut count, mut out) = (0_u32, 0, Vec::new());
    for value in text
        .bytes()
        .filter_map(|b| DIGITS.iter().position(|d| *d == b))
    {
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    out
}

fn encode(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, b| bits << 8 | u32::from(*b))
            << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let digit = if i <= chunk.len() {
                DIGITS[(bits >> (18 - 6 * i)) as usize & 63]
            } else {
                b'='
            };
            out.push(char::from(digit));
        }
    }
    out
}
