//! What the types of scripts have, for completion and help.

/// Properties and methods of a type; all that occur for a type nobody knows.
pub fn members(kind: &str) -> &'static [&'static str] {
    MEMBERS
        .iter()
        .find(|(name, _)| *name == kind)
        .map_or(ARRAY, |(_, members)| members)
}

/// The type of an expression as far as its text tells: a variable's, or that of a call with one type of result.
pub fn type_of(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let text = text.trim_end();
    let last = |text: &str| {
        text.rsplit(|c: char| !(c.is_alphanumeric() || c == '_'))
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    if let Some(call) = text.strip_suffix(')') {
        let mut depth = 0;
        let open = call.rfind(|c: char| {
            depth += i32::from(c == ')') - i32::from(c == '(');
            depth < 0
        })?;
        let name = last(&call[..open]);
        return RESULTS
            .iter()
            .find(|(function, _)| *function == name)
            .map(|(_, kind)| (*kind).to_owned());
    }
    variable(&last(text))
}

/// Functions that always return one type.
const RESULTS: &[(&str, &str)] = &[
    ("image", "Image"),
    ("build", "Image"),
    ("pull", "Image"),
    ("base", "Image"),
    ("plan", "Plan"),
    ("run", "ExecResult"),
    ("error", "Error"),
    ("size", "Size"),
    ("duration", "Duration"),
    ("now", "Time"),
];

const ARRAY: &[&str] = &[
    "all", "filter", "find", "is_empty", "len", "map", "pop", "push", "reduce", "reverse", "some",
    "sort",
];

const MEMBERS: &[(&str, &[&str])] = &[
    (
        "Image",
        &[
            "arch",
            "cmd",
            "config",
            "created",
            "digest",
            "entrypoint",
            "env",
            "history",
            "id",
            "labels",
            "layers",
            "os",
            "ports",
            "rm",
            "save",
            "size",
            "tag",
            "tags",
            "to_json",
            "to_map",
            "untag",
            "user",
            "volumes",
            "workdir",
        ],
    ),
    (
        "Plan",
        &[
            "build",
            "cached",
            "estimate",
            "first_miss",
            "missed",
            "stages",
            "steps",
            "summary",
            "target",
            "to_json",
            "to_map",
        ],
    ),
    (
        "Step",
        &[
            "cache",
            "digest",
            "duration",
            "end_line",
            "index",
            "inputs",
            "instruction",
            "line",
            "size",
            "stage",
            "text",
            "to_json",
            "to_map",
        ],
    ),
    (
        "CacheStatus",
        &["culprits", "detail", "reason", "saved", "state"],
    ),
    (
        "Layer",
        &[
            "created_by",
            "diff_id",
            "file_count",
            "files",
            "index",
            "size",
            "to_json",
            "to_map",
        ],
    ),
    (
        "FileEntry",
        &[
            "gid", "kind", "link", "mode", "path", "size", "to_map", "uid",
        ],
    ),
    (
        "ExecResult",
        &[
            "check", "code", "duration", "json", "lines", "ok", "stderr", "stdout",
        ],
    ),
    (
        "Error",
        &[
            "causes",
            "column",
            "exit_code",
            "file",
            "hint",
            "kind",
            "line",
            "log",
            "message",
        ],
    ),
    ("Size", &["bytes"]),
    ("Duration", &["milliseconds", "seconds"]),
    ("Time", &["age", "format", "unix"]),
    (
        "string",
        &[
            "contains",
            "ends_with",
            "index_of",
            "len",
            "replace",
            "split",
            "starts_with",
            "to_upper",
            "trim",
        ],
    ),
    (
        "map",
        &["contains", "get", "keys", "len", "remove", "values"],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_from_texts() {
        let none = |_: &str| None;
        assert_eq!(type_of("plan(f(\".\"))", &none).as_deref(), Some("Plan"));
        assert_eq!(
            type_of("let x = image(\"a\")", &none).as_deref(),
            Some("Image")
        );
        assert_eq!(
            type_of("x", &|name| (name == "x").then(|| "Size".to_owned())).as_deref(),
            Some("Size")
        );
        assert_eq!(type_of("unknown()", &none), None);
    }

    #[test]
    fn no_member_is_a_reserved_word() {
        let parser = rhai::Engine::new_raw();
        for (_, members) in MEMBERS {
            for member in *members {
                assert!(parser.compile(format!("x.{member}")).is_ok(), "{member}");
            }
        }
        for name in super::super::FUNCTIONS {
            assert!(parser.compile(format!("{name}(1)")).is_ok(), "{name}");
        }
    }
}
