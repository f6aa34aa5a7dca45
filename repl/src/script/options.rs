//! Options maps of script calls: the last argument, with keys that are checked.

use super::Outcome;
use super::error::throw;
use crate::error::CommandError;
use crate::near::nearest;
use rhai::{Dynamic, Map};

/// The options of one call. Each accessor takes its key; what the call does not know was refused before.
pub(super) struct Options {
    call: &'static str,
    map: Map,
}

impl Options {
    /// Checks the keys of `map`.
    pub(super) fn new(call: &'static str, map: Map, known: &[&str]) -> Outcome<Self> {
        for key in map.keys() {
            if !known.contains(&key.as_str()) {
                let mut error = CommandError::invalid(format!("{call}: unknown option `{key}`"));
                if let Some(near) = nearest(key, known.iter().copied()) {
                    error = error.hint(format!("did you mean `{near}`?"));
                }
                return Err(throw(
                    error.hint(format!("options of {call} are: {}", known.join(", "))),
                ));
            }
        }
        Ok(Self { call, map })
    }

    #[expect(
        clippy::unnecessary_box_returns,
        reason = "script functions return their errors boxed"
    )]
    fn wrong(&self, key: &str, wanted: &str, value: &Dynamic) -> Box<rhai::EvalAltResult> {
        let found = value.type_name();
        throw(CommandError::invalid(format!(
            "{}: option `{key}` should be {wanted}, not {found}",
            self.call
        )))
    }

    /// A text; numbers count as such.
    pub(super) fn text(&mut self, key: &str) -> Outcome<Option<String>> {
        match self.map.remove(key) {
            None => Ok(None),
            Some(value) if value.is_unit() => Ok(None),
            Some(value) if value.is_string() || value.is_int() || value.is_float() => {
                Ok(Some(value.to_string()))
            }
            Some(value) => Err(self.wrong(key, "a text", &value)),
        }
    }

    /// A truth value; absent is false.
    pub(super) fn flag(&mut self, key: &str) -> Outcome<bool> {
        match self.map.remove(key) {
            None => Ok(false),
            Some(value) => value
                .as_bool()
                .map_err(|_| self.wrong(key, "true or false", &value)),
        }
    }

    /// A text or an array of texts.
    pub(super) fn list(&mut self, key: &str) -> Outcome<Vec<String>> {
        match self.map.remove(key) {
            None => Ok(Vec::new()),
            Some(value) if value.is_array() => Ok(value
                .into_array()
                .expect("checked above")
                .iter()
                .map(ToString::to_string)
                .collect()),
            Some(value) if value.is_string() => Ok(vec![value.to_string()]),
            Some(value) => Err(self.wrong(key, "a text or an array", &value)),
        }
    }

    /// A map of texts, `NAME=VALUE` each; an array of such texts will do.
    pub(super) fn pairs(&mut self, key: &str) -> Outcome<Vec<String>> {
        match self.map.get(key) {
            Some(value) if value.is_map() => {
                let map = self
                    .map
                    .remove(key)
                    .and_then(Dynamic::try_cast::<Map>)
                    .unwrap_or_default();
                Ok(map
                    .into_iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect())
            }
            _ => self.list(key),
        }
    }

    /// A function.
    pub(super) fn function(&mut self, key: &str) -> Outcome<Option<rhai::FnPtr>> {
        match self.map.remove(key) {
            None => Ok(None),
            Some(value) => match value.clone().try_cast::<rhai::FnPtr>() {
                Some(function) => Ok(Some(function)),
                None => Err(self.wrong(key, "a function", &value)),
            },
        }
    }
}
