//! The variables of a stage: its environment and the arguments it has declared.

use crate::model::expand::Env as _;
use crate::model::scope::{Origin, Scope, is_setting};
use crate::plan::Variable;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is set and declared at an instruction.
#[derive(Clone, Default)]
pub(super) struct Variables {
    env: Scope,
    /// `ARG`s in order, also those without value.
    args: Vec<(String, Option<String>)>,
    /// What commands have in common until something changes.
    shared: OnceCell<Shared>,
}

/// The variables as a command's step has them.
#[derive(Clone)]
pub(super) struct Shared {
    /// Names and values in order.
    pub(super) env: Arc<[(String, String)]>,
    /// Those that are set, then those that are only declared.
    pub(super) variables: Arc<[Variable]>,
}

impl Variables {
    /// The environment.
    pub(super) fn env(&self) -> &Scope {
        &self.env
    }

    /// `ARG`s in order, also those without value.
    pub(super) fn args(&self) -> &[(String, Option<String>)] {
        &self.args
    }

    /// Tells whether an `ARG` declares that name.
    pub(super) fn is_declared(&self, name: &str) -> bool {
        self.args.iter().any(|(arg, _)| arg == name)
    }

    /// Does what `ENV` does.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.shared.take();
        self.env.set(name, value, Origin::Env);
    }

    /// Does what `ARG` does.
    pub(super) fn declare(&mut self, name: String, value: Option<String>) {
        self.shared.take();
        if let Some(value) = value.as_ref().filter(|_| !is_setting(&name)) {
            self.env.set(&name, value, Origin::Arg);
        }
        self.args.push((name, value));
    }

    /// Some of them.
    pub(super) fn of(&self, names: &BTreeSet<String>) -> Arc<[Variable]> {
        names.iter().map(|name| self.variable(name)).collect()
    }

    fn variable(&self, name: &str) -> Variable {
        Variable {
            keyword: self.env.origin(name).map_or("ARG", Origin::keyword),
            name: name.to_owned(),
            value: self.env.get(name).map(str::to_owned),
        }
    }

    /// All of them.
    pub(super) fn shared(&self) -> &Shared {
        self.shared.get_or_init(|| {
            let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
            let set = self.env.iter().map(|(name, _)| name);
            let mut variables: Vec<Variable> = set.map(|name| self.variable(name)).collect();
            for (name, _) in &self.args {
                if !variables.iter().any(|variable| variable.name == *name) {
                    variables.push(self.variable(name));
                }
            }
            Shared {
                env: self.env.iter().map(owned).collect(),
                variables: variables.into(),
            }
        })
    }
}
