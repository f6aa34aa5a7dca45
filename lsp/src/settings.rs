//! What a user sets in the editor, section `cooper`.

use serde_json::Value;
use std::collections::BTreeMap;

/// The settings, complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The forecast as diagnostics of level hint too, for editors that show neither inlay hints nor lenses.
    pub(crate) hint_diagnostics: bool,
    /// Values of variables as inlay hints.
    pub(crate) variable_values: bool,
    /// Lenses above each step, beside those above each stage.
    pub(crate) step_lenses: bool,
    /// An installed ShellCheck looks at the shell in `RUN`.
    pub(crate) shellcheck: bool,
    /// Registries are asked for the tags of images.
    pub(crate) registry_tags: bool,
    /// Stage that is forecast and built; the last one when absent.
    pub(crate) target: Option<String>,
    /// Platform that is forecast and built; this machine's when absent.
    pub(crate) platform: Option<String>,
    /// Values of `ARG`s.
    pub(crate) build_args: BTreeMap<String, String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hint_diagnostics: false,
            variable_values: false,
            step_lenses: true,
            shellcheck: true,
            registry_tags: true,
            target: None,
            platform: None,
            build_args: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// Reads the section over these settings; what has the wrong type is named and left as it is.
    pub(crate) fn with(mut self, section: &Value) -> (Self, Vec<String>) {
        let mut problems = Vec::new();
        match section {
            Value::Object(fields) => {
                for (name, value) in fields {
                    if let Err(expected) = self.set(name, value) {
                        problems.push(wrong(name, expected, value));
                    }
                }
            }
            Value::Null => {}
            other => problems.push(wrong("", "an object", other)),
        }
        (self, problems)
    }

    /// Sets one; the type it should have when it has another. Names that are not ours belong to the client's side.
    fn set(&mut self, name: &str, value: &Value) -> Result<(), &'static str> {
        match name {
            _ if value.is_null() => {}
            "hintDiagnostics" => self.hint_diagnostics = boolean(value)?,
            "variableValues" => self.variable_values = boolean(value)?,
            "stepLenses" => self.step_lenses = boolean(value)?,
            "shellcheck" => self.shellcheck = boolean(value)?,
            "registryTags" => self.registry_tags = boolean(value)?,
            "target" => self.target = text(value)?,
            "platform" => self.platform = text(value)?,
            "buildArgs" => self.build_args = texts(value)?,
            _ => {}
        }
        Ok(())
    }
}

fn wrong(name: &str, expected: &str, value: &Value) -> String {
    let dot = if name.is_empty() { "" } else { "." };
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    format!("setting `cooper{dot}{name}` should be {expected} and is {found}: the default is used")
}

fn boolean(value: &Value) -> Result<bool, &'static str> {
    value.as_bool().ok_or("a boolean")
}

/// An empty string is as good as none: settings pages have no other way to take one away.
fn text(value: &Value) -> Result<Option<String>, &'static str> {
    let text = value.as_str().ok_or("a string")?;
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

fn texts(value: &Value) -> Result<BTreeMap<String, String>, &'static str> {
    const EXPECTED: &str = "an object of strings";
    let fields = value.as_object().ok_or(EXPECTED)?;
    fields
        .iter()
        .map(|(name, value)| Ok((name.clone(), value.as_str().ok_or(EXPECTED)?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn wrong_types_are_named_and_the_rest_is_used() {
        let (settings, problems) = Settings::default().with(&json!({
            "hintDiagnostics": "yes", "stepLenses": false, "target": "", "platform": null,
            "buildArgs": {"V": "1"}, "path": 5,
        }));
        assert!(!settings.hint_diagnostics && !settings.step_lenses);
        assert_eq!((&settings.target, &settings.platform), (&None, &None));
        assert_eq!(settings.build_args["V"], "1");
        assert_eq!(
            problems,
            [
                "setting `cooper.hintDiagnostics` should be a boolean and is a string: the default is used"
            ]
        );
        let (settings, problems) = Settings::default().with(&json!([1]));
        assert_eq!(settings, Settings::default());
        assert!(problems[0].starts_with("setting `cooper` should be an object and is a list"));
        assert!(Settings::default().with(&Value::Null).1.is_empty());
    }

    #[test]
    fn what_is_not_named_stays() {
        let (begun, _) =
            Settings::default().with(&json!({"hintDiagnostics": true, "target": "web"}));
        for nothing in [json!({}), Value::Null] {
            assert_eq!(begun.clone().with(&nothing).0, begun);
        }
        let (settings, _) = begun.with(&json!({"target": ""}));
        assert!(settings.hint_diagnostics && settings.target.is_none());
    }
}
