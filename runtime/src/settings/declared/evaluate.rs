//! Values of the expressions in bake files: variables with their defaults and the environment above them, and functions.
//!
//! **Source:** buildx, *Bake file reference*: *Variables*, *Expressions*; `bake/hclparser/hclparser.go`.

use super::functions;
use hcl::eval::{Context, ErrorKind, Evaluate};
use hcl::{Expression, Identifier, Number, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Most bytes of a variable's value.
const MOST_TEXT: usize = 1 << 12;

/// Most loops in one expression: more of them, one in the other, could take for ever.
const MOST_LOOPS: usize = 2;

/// Variables in a row that one is made of the other.
const MOST_IN_A_ROW: usize = 64;

/// Looks a variable of the environment up.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What a name of a file stands for.
#[derive(Clone, Debug)]
pub(super) enum Definition {
    /// A `variable` block with its default; the environment goes before it.
    Variable(Option<Expression>),
    /// An attribute outside of all blocks.
    Attribute(Expression),
}

/// Names that an expression may use beside those of the file: of a matrix.
pub(super) type Locals = [(String, Value)];

/// Gives expressions their values.
pub(super) struct Evaluator<'a> {
    definitions: &'a BTreeMap<String, Definition>,
    environment: Environment<'a>,
    context: Context<'static>,
    /// Names that are being resolved.
    open: BTreeSet<String>,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(
        definitions: &'a BTreeMap<String, Definition>,
        environment: Environment<'a>,
    ) -> Self {
        let mut context = Context::new();
        functions::declare(&mut context);
        context.declare_var(Identifier::unchecked("BAKE_CMD_CONTEXT"), "cwd://");
        let platform = crate::engine::host_platform().to_string();
        context.declare_var(Identifier::unchecked("BAKE_LOCAL_PLATFORM"), platform);
        Self {
            definitions,
            environment,
            context,
            open: BTreeSet::new(),
        }
    }

    /// A variable of the environment.
    pub(super) fn environment(&self, name: &str) -> Option<String> {
        (self.environment)(name)
    }

    /// The value of an expression.
    ///
    /// # Errors
    /// What keeps it from having one.
    pub(super) fn value(
        &mut self,
        expression: &Expression,
        locals: &Locals,
    ) -> Result<Value, String> {
        match expression {
            Expression::String(text) => return Ok(text.as_str().into()),
            Expression::Bool(yes) => return Ok((*yes).into()),
            Expression::Number(number) => return Ok((*number).into()),
            _ => {}
        }
        let loops = expression.to_string().matches("for ").count();
        if loops > MOST_LOOPS {
            return Err(format!("more than {MOST_LOOPS} loops in one expression"));
        }
        // What is missing is resolved when it is missed; every round resolves one name more.
        loop {
            let mut context = self.context.clone();
            for (name, value) in locals {
                context.declare_var(Identifier::unchecked(name), value.clone());
            }
            let error = match expression.evaluate(&context) {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::UndefinedVar(name) => self.resolve(name.as_str())?,
                ErrorKind::UndefinedFunc(name) => {
                    return Err(format!("there is no function `{name}`"));
                }
                ErrorKind::FuncCall(name, why) => return Err(format!("function `{name}`: {why}")),
                kind => return Err(first_line(&kind.to_string())),
            }
        }
    }

    /// Makes the value of a name known.
    fn resolve(&mut self, name: &str) -> Result<(), String> {
        let Some(definition) = self.definitions.get(name) else {
            return Err(format!("there is no variable `{name}`"));
        };
        if self.open.len() >= MOST_IN_A_ROW {
            return Err(format!(
                "more than {MOST_IN_A_ROW} variables are made of one another"
            ));
        }
        if !self.open.insert(name.to_owned()) {
            return Err(format!("`{name}` is made of itself"));
        }
        let value = match definition {
            Definition::Attribute(expression) => self.value(expression, &[]),
            Definition::Variable(None) => Ok(Value::from("")),
            Definition::Variable(Some(default)) => self.value(default, &[]),
        };
        self.open.remove(name);
        let mut value = value?;
        if let Definition::Variable(_) = definition
            && let Some(said) = self.environment(name)
        {
            value =
                like(&value, said).map_err(|why| format!("`{name}` of the environment: {why}"))?;
        }
        if value.as_str().is_some_and(|text| text.len() > MOST_TEXT) {
            return Err(format!("`{name}` is longer than {MOST_TEXT} bytes"));
        }
        self.context.declare_var(Identifier::unchecked(name), value);
        Ok(())
    }
}

/// What the environment says, as the kind of value that the default is.
fn like(default: &Value, said: String) -> Result<Value, String> {
    match default {
        Value::Bool(_) => match said.as_str() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true.into()),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false.into()),
            _ => Err(format!("`{said}` is no boolean")),
        },
        Value::Number(_) => {
            let whole = said.parse::<i64>().ok().map(Number::from);
            let number = whole.or_else(|| Number::from_f64(said.parse().ok()?));
            number
                .map(Value::from)
                .ok_or_else(|| format!("`{said}` is no number"))
        }
        Value::Null | Value::String(_) => Ok(said.into()),
        Value::Array(_) | Value::Object(_) => {
            Err("only texts, numbers and booleans are taken".to_owned())
        }
    }
}

/// A value where a text is wanted.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The first line of a message, as far as one reads it.
pub(super) fn first_line(message: &str) -> String {
    message
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect()
}
