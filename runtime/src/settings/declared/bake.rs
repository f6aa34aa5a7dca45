//! Targets of bake files: HCL or JSON, the files of a folder together.
//!
//! What a target says is evaluated as buildx does it: variables with defaults and environment, functions of a table,
//! inheritance, a matrix. Functions that a file defines itself, and references to what other targets say, are left out and
//! named.
//!
//! **Source:** buildx, *Bake file reference*; `bake/bake.go`, `Config.target` and `Target.Merge`.

use super::evaluate::{Definition, Environment, Evaluator, Locals, first_line, text_of};
use super::{Declared, Found, Mistake, Said};
use hcl::expr::TemplateExpr;
use hcl::{Body, Expression, Value};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Names of bake files; what a later one says goes before what an earlier one does.
pub(super) const FILES: [&str; 4] = [
    "docker-bake.json",
    "docker-bake.hcl",
    "docker-bake.override.json",
    "docker-bake.override.hcl",
];

/// Targets that one matrix may give.
const MOST_IN_MATRIX: usize = 256;

/// Targets in a row that one inherits from the other.
const GENERATIONS: usize = 64;

/// What is read of a target.
const READ: [&str; 8] = [
    "context",
    "contexts",
    "dockerfile",
    "dockerfile-inline",
    "target",
    "platforms",
    "args",
    "inherits",
];

/// A block of a file that has a name.
struct Block {
    name: String,
    file: PathBuf,
    attributes: Vec<(String, Expression)>,
}

/// The files of a folder.
#[derive(Default)]
struct Files {
    definitions: BTreeMap<String, Definition>,
    targets: Vec<Block>,
    groups: Vec<Block>,
    /// Functions that the files define.
    functions: BTreeSet<String>,
}

/// What a target says, evaluated.
struct Target {
    name: String,
    file: PathBuf,
    values: BTreeMap<String, Value>,
}

/// The builds that the bake files of a folder declare, those of the group `default` first.
pub(super) fn read(
    folder: &Path,
    files: &[(PathBuf, String)],
    environment: Environment<'_>,
) -> Found {
    let mut found = Found::default();
    let mut read = Files::default();
    for (file, text) in files {
        let is_json = file
            .extension()
            .is_some_and(|extension| extension == "json");
        let outcome = if is_json {
            read.take_json(file, text)
        } else {
            read.take_hcl(file, text)
        };
        if let Err(message) = outcome {
            found.mistakes.push(Mistake::new(file, message));
        }
    }
    let mut evaluator = Evaluator::new(&read.definitions, environment);
    let mut targets: Vec<Target> = Vec::new();
    let mut made: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for block in &read.targets {
        let mut reader = Reader {
            evaluator: &mut evaluator,
            functions: &read.functions,
            mistakes: &mut found.mistakes,
            block,
        };
        let all = reader.targets();
        if all.iter().any(|target| target.name != block.name) {
            made.entry(block.name.clone())
                .or_default()
                .extend(all.iter().map(|target| target.name.clone()));
        }
        for target in all {
            merge_into(&mut targets, target);
        }
    }
    for block in &read.groups {
        let mut reader = Reader {
            evaluator: &mut evaluator,
            functions: &read.functions,
            mistakes: &mut found.mistakes,
            block,
        };
        let members = reader
            .value("targets", &[])
            .as_ref()
            .map_or_else(Vec::new, texts);
        made.entry(block.name.clone()).or_default().extend(members);
    }
    let environment = |name: &str| evaluator.environment(name);
    let mut heirs = Heirs::new(&targets);
    let declared = targets.iter().filter_map(|target| {
        let values = heirs.values(target);
        declare(target, &values, folder, &environment)
    });
    let mut builds: Vec<_> = declared.collect();
    let usual = members(&made, "default");
    builds.sort_by_key(|build| !usual.contains(build.name.as_str()));
    found.builds = builds;
    found
}

impl Files {
    fn take_hcl(&mut self, file: &Path, text: &str) -> Result<(), String> {
        let body: Body = hcl::parse(text).map_err(|error| parse_error(&error))?;
        for attribute in body.attributes() {
            let definition = Definition::Attribute(attribute.expr().clone());
            self.definitions
                .insert(attribute.key().to_owned(), definition);
        }
        for block in body.blocks() {
            let Some(name) = block.labels().first() else {
                continue;
            };
            let attributes = block.body().attributes();
            let attributes = attributes.map(|a| (a.key().to_owned(), a.expr().clone()));
            self.take(
                block.identifier(),
                Block {
                    name: name.as_str().to_owned(),
                    file: file.to_owned(),
                    attributes: attributes.collect(),
                },
            );
        }
        Ok(())
    }

    /// The JSON notation: texts are templates.
    fn take_json(&mut self, file: &Path, text: &str) -> Result<(), String> {
        let root: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let Json::Object(fields) = root else {
            return Err("the file is no JSON object".to_owned());
        };
        for (kind, value) in fields {
            match (kind.as_str(), value) {
                ("variable" | "target" | "group" | "function", Json::Object(blocks)) => {
                    for (name, said) in blocks {
                        let Json::Object(said) = said else { continue };
                        let attributes = said
                            .into_iter()
                            .map(|(key, value)| (key, expression(value)));
                        self.take(
                            &kind,
                            Block {
                                name,
                                file: file.to_owned(),
                                attributes: attributes.collect(),
                            },
                        );
                    }
                }
                (_, value) => {
                    let definition = Definition::Attribute(expression(value));
                    self.definitions.insert(kind, definition);
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, kind: &str, block: Block) {
        match kind {
            "target" => self.targets.push(block),
            "group" => self.groups.push(block),
            "function" => {
                self.functions.insert(block.name);
            }
            "variable" => {
                let mut attributes = block.attributes.into_iter();
                let default = attributes.find(|(key, _)| key == "default");
                let definition = Definition::Variable(default.map(|(_, value)| value));
                self.definitions.insert(block.name, definition);
            }
            _ => {}
        }
    }
}

/// An expression of a JSON value.
fn expression(value: Json) -> Expression {
    match value {
        Json::Null => Expression::Null,
        Json::Bool(yes) => Expression::Bool(yes),
        Json::Number(number) => {
            let whole = number.as_i64().map(Expression::from);
            whole
                .or_else(|| number.as_f64().map(Expression::from))
                .unwrap_or(Expression::Null)
        }
        Json::String(text) if text.contains("${") || text.contains("%{") => {
            Expression::TemplateExpr(Box::new(TemplateExpr::from(text)))
        }
        Json::String(text) => Expression::String(text),
        Json::Array(items) => items.into_iter().map(expression).collect(),
        Json::Object(fields) => {
            let fields = fields
                .into_iter()
                .map(|(key, value)| (key, expression(value)));
            fields.collect()
        }
    }
}

fn parse_error(error: &hcl::Error) -> String {
    match error {
        hcl::Error::Parse(error) => {
            let place = error.location();
            format!(
                "line {}, column {}: {}",
                place.line(),
                place.column(),
                first_line(error.message())
            )
        }
        other => first_line(&other.to_string()),
    }
}

/// Evaluates one block.
struct Reader<'r, 'e> {
    evaluator: &'r mut Evaluator<'e>,
    functions: &'r BTreeSet<String>,
    mistakes: &'r mut Vec<Mistake>,
    block: &'r Block,
}

impl Reader<'_, '_> {
    /// The target of the block, or those that its matrix makes of it.
    fn targets(&mut self) -> Vec<Target> {
        let mut targets = Vec::new();
        for locals in self.matrix() {
            let name = match self.value("name", &locals).as_ref().and_then(text_of) {
                Some(name) => name,
                None => self.block.name.clone(),
            };
            let read = READ.into_iter();
            let values = read.filter_map(|key| Some((key.to_owned(), self.value(key, &locals)?)));
            targets.push(Target {
                values: values.collect(),
                file: self.block.file.clone(),
                name,
            });
        }
        targets
    }

    /// Every choice of values that a matrix has; one of nothing without a matrix.
    fn matrix(&mut self) -> Vec<Vec<(String, Value)>> {
        let mut choices = vec![Vec::new()];
        let Some(Value::Object(axes)) = self.value("matrix", &[]) else {
            return choices;
        };
        for (name, values) in &axes {
            let values = values.as_array().map_or(&[][..], Vec::as_slice);
            if choices.len() * values.len() > MOST_IN_MATRIX {
                self.mistake(format!("`matrix`: more than {MOST_IN_MATRIX} targets"));
                return Vec::new();
            }
            let longer = choices.iter().flat_map(|choice: &Vec<(String, Value)>| {
                let with = |value: &Value| {
                    let mut choice = choice.clone();
                    choice.push((name.clone(), value.clone()));
                    choice
                };
                values.iter().map(with)
            });
            choices = longer.collect();
        }
        choices
    }

    /// The value of an attribute; what has none is named. Of an object every field that has one.
    fn value(&mut self, key: &str, locals: &Locals) -> Option<Value> {
        let mut attributes = self.block.attributes.iter();
        let (_, expression) = attributes.find(|(name, _)| name == key)?;
        let Expression::Object(fields) = expression else {
            return self.evaluated(key, expression, locals);
        };
        let mut values = hcl::Map::new();
        for (name, expression) in fields {
            let name = match name {
                hcl::ObjectKey::Identifier(name) => name.to_string(),
                hcl::ObjectKey::Expression(name) => {
                    let Some(name) = self.evaluated(key, name, locals) else {
                        continue;
                    };
                    text_of(&name).unwrap_or_default()
                }
                _ => continue,
            };
            if let Some(value) = self.evaluated(&format!("{key}.{name}"), expression, locals) {
                values.insert(name, value);
            }
        }
        Some(Value::Object(values))
    }

    fn evaluated(&mut self, key: &str, expression: &Expression, locals: &Locals) -> Option<Value> {
        let outcome = self.evaluator.value(expression, locals);
        outcome
            .map_err(|why| self.mistake(format!("`{key}`: {}", self.explained(why))))
            .ok()
    }

    /// Says of what the file defines but is not read that it is not.
    fn explained(&self, why: String) -> String {
        let is_called = |name: &&String| why.contains(&format!("`{name}`"));
        match self.functions.iter().find(is_called) {
            Some(name) => format!("function `{name}` of the file is not evaluated"),
            None => why,
        }
    }

    fn mistake(&mut self, what: String) {
        let message = format!("`{}`: {what}", self.block.name);
        self.mistakes.push(Mistake::new(&self.block.file, message));
    }
}

/// Takes a target in; what it says goes before what one of its name said.
fn merge_into(targets: &mut Vec<Target>, target: Target) {
    match targets.iter_mut().find(|known| known.name == target.name) {
        Some(known) => merge(&mut known.values, target.values),
        None => targets.push(target),
    }
}

/// Puts values over others. **Source:** buildx, `Target.Merge`.
fn merge(below: &mut BTreeMap<String, Value>, above: BTreeMap<String, Value>) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Object(known)), Value::Object(fields)) => known.extend(fields),
            (Some(Value::Array(known)), Value::Array(more)) if key == "inherits" => {
                known.extend(more);
            }
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

/// What targets say with what they take over from others.
struct Heirs<'t> {
    targets: &'t [Target],
    done: BTreeMap<&'t str, BTreeMap<String, Value>>,
    open: BTreeSet<&'t str>,
}

impl<'t> Heirs<'t> {
    fn new(targets: &'t [Target]) -> Self {
        Self {
            targets,
            done: BTreeMap::new(),
            open: BTreeSet::new(),
        }
    }

    /// Everything that a target says: of several that it inherits from the last goes before the others.
    fn values(&mut self, target: &'t Target) -> BTreeMap<String, Value> {
        if let Some(values) = self.done.get(&*target.name) {
            return values.clone();
        }
        let mut values = BTreeMap::new();
        // One that inherits from itself has nothing from there.
        if self.open.len() >= GENERATIONS || !self.open.insert(&target.name) {
            return values;
        }
        for parent in target.values.get("inherits").map_or_else(Vec::new, texts) {
            if let Some(parent) = self.targets.iter().find(|other| other.name == parent) {
                merge(&mut values, self.values(parent));
            }
        }
        self.open.remove(&*target.name);
        merge(&mut values, target.values.clone());
        // Whom it inherits from concerns nobody who inherits from it.
        values.remove("inherits");
        self.done.insert(&target.name, values.clone());
        values
    }
}

fn declare(
    target: &Target,
    values: &BTreeMap<String, Value>,
    folder: &Path,
    environment: Environment<'_>,
) -> Option<Declared> {
    // Its Dockerfile is no file.
    if values.contains_key("dockerfile-inline") {
        return None;
    }
    let text = |key: &str| values.get(key).and_then(text_of);
    let platforms = values.get("platforms").map_or_else(Vec::new, texts);
    let fields = |key: &str| {
        values
            .get(key)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
    };
    let argument = |(name, value): (&String, &Value)| {
        // One without a value has that of the environment.
        let value = text_of(value).or_else(|| environment(name).filter(|_| value.is_null()))?;
        Some((name.clone(), value))
    };
    let context = |(name, value): (&String, &Value)| Some((name.clone(), text_of(value)?));
    let said = Said {
        context: text("context").map(|context| match context.strip_prefix("cwd://") {
            Some(rest) if !rest.is_empty() => rest.to_owned(),
            Some(_) => ".".to_owned(),
            None => context,
        }),
        dockerfile: text("dockerfile"),
        target: text("target"),
        platform: platforms.into_iter().next(),
        args: fields("args").filter_map(argument).collect(),
        contexts: fields("contexts").filter_map(context).collect(),
    };
    said.declare(&target.name, &target.file, folder)
}

/// The targets of a group and of the groups in it.
fn members(groups: &BTreeMap<String, Vec<String>>, name: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = vec![name.to_owned()];
    while let Some(name) = rest.pop() {
        let members = groups.get(&name).into_iter().flatten();
        if found.insert(name.clone()) {
            rest.extend(members.cloned());
        }
    }
    found
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(text_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)], environment: &[(&str, &str)]) -> Found {
        let files = files.iter();
        let files: Vec<_> = files
            .map(|(name, text)| (Path::new("/code").join(name), (*text).to_owned()))
            .collect();
        let environment = |name: &str| {
            let set = environment.iter().find(|(known, _)| *known == name);
            set.map(|(_, value)| (*value).to_owned())
        };
        read(Path::new("/code"), &files, &environment)
    }

    /// One line a build, one a mistake.
    fn shown(found: &Found) -> Vec<String> {
        let build = |declared: &Declared| {
            let build = &declared.build;
            let pairs = |pairs: &[(String, String)]| {
                let mut pairs: Vec<_> = pairs.iter().map(|(n, v)| format!("{n}={v}")).collect();
                pairs.sort();
                pairs.join(",")
            };
            let parts = [
                Some(declared.name.clone()),
                Some(declared.dockerfile.display().to_string()),
                build.target.clone(),
                build.platform.clone(),
                Some(pairs(&build.args)).filter(|args| !args.is_empty()),
            ];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
        };
        let builds = found.builds.iter().map(build);
        let mistakes = found.mistakes.iter().map(ToString::to_string);
        builds.chain(mistakes).collect()
    }

    fn hcl(text: &str) -> Vec<String> {
        shown(&found(&[("docker-bake.hcl", text)], &[]))
    }

    const PROJECT: &str = r#"
        // What is released.
        variable "TAG" { default = "latest" }
        variable "DEBUG" { default = false }
        variable "JOBS" { default = 2 }
        variable "REGION" {}
        base = "debian:${TAG}"
        group "default" { targets = ["web"] }
        target "common" {
          args = { BASE = base, JOBS = JOBS * 2, REGION = REGION }
          platforms = ["linux/arm64", "linux/amd64"]
        }
        target "docs" { context = "docs" }
        target "web" {
          inherits = ["common"]
          dockerfile = "web/${upper("d")}ockerfile"
          target = DEBUG ? "debug" : "run"
          args = { NAME = join("-", ["web", TAG]), FROM_SHELL = null }
          contexts = { shared = "../shared" }
          tags = [nothing_we_read()]
        }
    "#;

    #[test]
    fn variables_functions_and_inheritance() {
        assert_eq!(
            hcl(PROJECT),
            [
                "web /code/web/Dockerfile run linux/arm64 BASE=debian:latest,JOBS=4,NAME=web-latest,REGION=",
                "common /code/Dockerfile linux/arm64 BASE=debian:latest,JOBS=4,REGION=",
                "docs /code/docs/Dockerfile",
            ]
        );
    }

    #[test]
    fn the_environment_goes_before_defaults() {
        let set = [
            ("TAG", "12"),
            ("DEBUG", "1"),
            ("JOBS", "3"),
            ("REGION", "eu"),
            ("FROM_SHELL", "x"),
        ];
        let set = [&set[..], &[("base", "not a variable")]].concat();
        let found = found(&[("docker-bake.hcl", PROJECT)], &set);
        assert_eq!(
            shown(&found)[0],
            "web /code/web/Dockerfile debug linux/arm64 BASE=debian:12,FROM_SHELL=x,JOBS=6,NAME=web-12,REGION=eu"
        );
    }

    #[test]
    fn files_of_a_folder_are_one() {
        let json = r#"{"variable": {"V": {"default": "1"}}, "target": {
            "base": {"context": "app", "args": {"A": "${V}", "B": "\\ \"${V}\""}},
            "web": {"inherits": ["base"], "target": "web", "args": {"A": 2}}}}"#;
        let over = r#"V = "9"
            target "web" { args = { C = "${V}" } }"#;
        let files = [
            ("docker-bake.json", json),
            ("docker-bake.override.hcl", over),
        ];
        assert_eq!(
            shown(&found(&files, &[])),
            [
                "base /code/app/Dockerfile A=9,B=\\ \"9\"",
                "web /code/app/Dockerfile web A=2,B=\\ \"9\",C=9",
            ]
        );
    }

    #[test]
    fn of_several_parents_the_last_goes_first() {
        let text = r#"
            target "a" { target = "a" }
            target "b" { target = "b" }
            target "c" { inherits = ["a", "b"] }
            target "me" { inherits = ["me", "c", "nobody"] }
        "#;
        let all = [
            "a /code/Dockerfile a",
            "b /code/Dockerfile b",
            "c /code/Dockerfile b",
            "me /code/Dockerfile b",
        ];
        assert_eq!(hcl(text), all);
    }

    #[test]
    fn a_matrix_makes_several() {
        let text = r#"
            group "default" { targets = ["app"] }
            target "other" {}
            target "app" {
              name = "app-${replace(os, "/", "-")}-${v}"
              matrix = { os = ["a/b", "c"], v = ["1", "2"] }
              args = { OS = os, V = v }
            }
        "#;
        assert_eq!(
            hcl(text),
            [
                "app-a-b-1 /code/Dockerfile OS=a/b,V=1",
                "app-a-b-2 /code/Dockerfile OS=a/b,V=2",
                "app-c-1 /code/Dockerfile OS=c,V=1",
                "app-c-2 /code/Dockerfile OS=c,V=2",
                "other /code/Dockerfile",
            ]
        );
    }

    #[test]
    fn mistakes_are_named_and_leave_the_rest() {
        let text = r#"
            function "twice" {
              params = [x]
              result = "${x}${x}"
            }
            variable "LOOP" { default = LOOP }
            target "web" {
              target = missing
              args = { A = "1", B = twice("b"), C = LOOP, D = timestamp(), E = split("", 1) }
            }
            target "inline" { dockerfile-inline = "FROM scratch" }
            target "far" { context = "https://example.com/x.git" }
        "#;
        let file = "/code/docker-bake.hcl";
        assert_eq!(
            hcl(text),
            [
                "web /code/Dockerfile A=1".to_owned(),
                format!("{file}: `web`: `target`: there is no variable `missing`"),
                format!("{file}: `web`: `args.B`: function `twice` of the file is not evaluated"),
                format!("{file}: `web`: `args.C`: `LOOP` is made of itself"),
                format!("{file}: `web`: `args.D`: there is no function `timestamp`"),
                format!(
                    "{file}: `web`: `args.E`: function `split`: expected argument at position 1 to be of type `string`, got `1`"
                ),
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let broken = [
            ("docker-bake.hcl", "target \"a\" {\n  x =\n}\n"),
            ("docker-bake.json", "{"),
        ];
        let found = found(&broken, &[]);
        assert_eq!(
            shown(&found),
            [
                "/code/docker-bake.hcl: line 2, column 6: invalid expression; expected `\"`, `[`, `{`, `-`, `!`, `(`, `_`, `<`, letter or digit",
                "/code/docker-bake.json: EOF while parsing an object at line 1 column 1",
            ]
        );
        for odd in [
            "",
            "target",
            "target {}",
            "x",
            "{",
            "target \"a\" \"b\" { matrix = 5 }",
            "[1]",
            "\u{0}",
        ] {
            hcl(odd);
            shown(&super::tests::found(&[("docker-bake.json", odd)], &[]));
        }
    }

    #[test]
    fn no_file_takes_for_ever() {
        let deep = |open: &str, close: &str| {
            format!(
                "target \"a\" {{ target = {}1{} }}",
                open.repeat(20_000),
                close.repeat(20_000)
            )
        };
        let mut chain = String::from("a0 = \"x\"\n");
        for i in 1..5_000 {
            chain += &format!("a{i} = \"${{a{}}}${{a{}}}\"\n", i - 1, i - 1);
        }
        chain += "target \"a\" { target = a4999\n args = { B = a20 } }";
        let mut parents = String::from("target \"t0\" {}\n");
        for i in 1..1_000 {
            parents += &format!(
                "target \"t{i}\" {{ inherits = [\"t{}\", \"t{}\"] }}\n",
                i - 1,
                i - 1
            );
        }
        let loops = format!(
            "target \"a\" {{ target = {}1{} }}",
            "[for x in [1, 2] : ".repeat(40),
            "]".repeat(40)
        );
        let lists = format!(
            "target \"a\" {{ platforms = {}[1]{} }}",
            "concat([1, 2], ".repeat(30),
            ")".repeat(30)
        );
        for text in [
            deep("(", ")"),
            deep("[", "]"),
            deep("!", ""),
            chain,
            parents,
            loops,
            lists,
        ] {
            hcl(&text);
        }
    }
}
