//! Functions that expressions of bake files may call: those of buildx's library that names, paths and conditions are made
//! with. One table; a function that is not in it is a mistake that is named.
//!
//! **Source:** buildx, `bake/hclparser/stdlib.go`; what the functions mean: go-cty, `function/stdlib`.

use super::evaluate::text_of;
use hcl::eval::{Context, Func, FuncArgs, FuncDef, ParamType};
use hcl::{Identifier, Map, Value};

/// Most bytes of a text, or items of a list, that a function gives: no file grows without end.
const MOST: usize = 1 << 12;

/// What a function is given.
#[derive(Clone, Copy)]
enum Takes {
    Texts(usize),
    Numbers(usize),
    Booleans(usize),
    /// So many of any kind.
    Any(usize),
    /// So many of any kind, and more.
    More(usize),
}

/// Name, what it takes, what it gives.
const FUNCTIONS: &[(&str, Takes, Func)] = &[
    ("add", Takes::Numbers(2), |a| number(&a, |x, y| x + y)),
    ("and", Takes::Booleans(2), |a| is(yes(&a, 0) && yes(&a, 1))),
    ("basename", Takes::Texts(1), |a| {
        says(split_path(text(&a, 0)).1)
    }),
    ("coalesce", Takes::More(1), coalesce),
    ("compact", Takes::Any(1), compact),
    ("concat", Takes::More(0), concat),
    ("contains", Takes::Any(2), |a| {
        is(list(&a, 0)?.contains(&a[1]))
    }),
    ("dirname", Takes::Texts(1), |a| {
        says(split_path(text(&a, 0)).0)
    }),
    ("divide", Takes::Numbers(2), |a| number(&a, |x, y| x / y)),
    ("equal", Takes::Any(2), |a| is(a[0] == a[1])),
    ("flatten", Takes::Any(1), flatten),
    ("greaterthan", Takes::Numbers(2), |a| {
        is(real(&a, 0) > real(&a, 1))
    }),
    ("greaterthanorequalto", Takes::Numbers(2), |a| {
        is(real(&a, 0) >= real(&a, 1))
    }),
    ("join", Takes::More(1), join),
    ("keys", Takes::Any(1), keys),
    ("length", Takes::Any(1), length),
    ("lessthan", Takes::Numbers(2), |a| {
        is(real(&a, 0) < real(&a, 1))
    }),
    ("lessthanorequalto", Takes::Numbers(2), |a| {
        is(real(&a, 0) <= real(&a, 1))
    }),
    ("lookup", Takes::Any(3), lookup),
    ("lower", Takes::Texts(1), |a| {
        says(&text(&a, 0).to_lowercase())
    }),
    ("max", Takes::Numbers(2), |a| number(&a, f64::max)),
    ("merge", Takes::More(0), merge),
    ("min", Takes::Numbers(2), |a| number(&a, f64::min)),
    ("modulo", Takes::Numbers(2), |a| number(&a, |x, y| x % y)),
    ("multiply", Takes::Numbers(2), |a| number(&a, |x, y| x * y)),
    ("not", Takes::Booleans(1), |a| is(!yes(&a, 0))),
    ("notequal", Takes::Any(2), |a| is(a[0] != a[1])),
    ("or", Takes::Booleans(2), |a| is(yes(&a, 0) || yes(&a, 1))),
    ("replace", Takes::Texts(3), replace),
    ("reverselist", Takes::Any(1), |a| {
        items(list(&a, 0)?.iter().rev().cloned())
    }),
    ("sanitize", Takes::Texts(1), sanitize),
    ("sort", Takes::Any(1), sort),
    ("split", Takes::Texts(2), split),
    ("strlen", Takes::Texts(1), |a| {
        Ok(text(&a, 0).chars().count().into())
    }),
    ("substr", Takes::Any(3), substr),
    ("subtract", Takes::Numbers(2), |a| number(&a, |x, y| x - y)),
    ("trim", Takes::Texts(2), trim),
    ("trimprefix", Takes::Texts(2), |a| {
        says(trimmed(text(&a, 0).strip_prefix(text(&a, 1)), &a))
    }),
    ("trimspace", Takes::Texts(1), |a| says(text(&a, 0).trim())),
    ("trimsuffix", Takes::Texts(2), |a| {
        says(trimmed(text(&a, 0).strip_suffix(text(&a, 1)), &a))
    }),
    ("upper", Takes::Texts(1), |a| {
        says(&text(&a, 0).to_uppercase())
    }),
    ("values", Takes::Any(1), values),
];

/// Makes the functions known.
pub(super) fn declare(context: &mut Context<'_>) {
    for (name, takes, function) in FUNCTIONS {
        let (kind, count) = match *takes {
            Takes::Texts(count) => (ParamType::String, count),
            Takes::Numbers(count) => (ParamType::Number, count),
            Takes::Booleans(count) => (ParamType::Bool, count),
            Takes::Any(count) | Takes::More(count) => (ParamType::Any, count),
        };
        let mut definition = FuncDef::builder().params(vec![kind; count]);
        if matches!(takes, Takes::More(_)) {
            definition = definition.variadic_param(ParamType::Any);
        }
        context.declare_func(Identifier::unchecked(*name), definition.build(*function));
    }
}

type Outcome = Result<Value, String>;

/// An argument that was checked to be a text.
fn text(args: &FuncArgs, index: usize) -> &str {
    args[index].as_str().unwrap_or_default()
}

fn yes(args: &FuncArgs, index: usize) -> bool {
    args[index].as_bool().unwrap_or_default()
}

fn real(args: &FuncArgs, index: usize) -> f64 {
    args[index].as_f64().unwrap_or_default()
}

fn list(args: &FuncArgs, index: usize) -> Result<&[Value], String> {
    let list = args[index].as_array();
    list.map(Vec::as_slice)
        .ok_or_else(|| format!("argument {} is no list", index + 1))
}

fn object(args: &FuncArgs, index: usize) -> Result<&Map<String, Value>, String> {
    args[index]
        .as_object()
        .ok_or_else(|| format!("argument {} is no object", index + 1))
}

#[expect(clippy::unnecessary_wraps, reason = "what functions give")]
fn is(yes: bool) -> Outcome {
    Ok(yes.into())
}

fn says(text: &str) -> Outcome {
    if text.len() > MOST {
        return Err(format!("the text is longer than {MOST} bytes"));
    }
    Ok(text.into())
}

fn items(items: impl IntoIterator<Item = Value>) -> Outcome {
    let items: Vec<Value> = items.into_iter().take(MOST + 1).collect();
    if items.len() > MOST {
        return Err(format!("the list has more than {MOST} items"));
    }
    Ok(items.into())
}

/// A number of two; whole ones stay whole.
fn number(args: &FuncArgs, operation: fn(f64, f64) -> f64) -> Outcome {
    let result = operation(real(args, 0), real(args, 1));
    if result.fract() == 0.0 && result.abs() < (1_u64 << 53) as f64 {
        return Ok((result as i64).into());
    }
    if result.is_finite() {
        Ok(result.into())
    } else {
        Err("the result is no number".to_owned())
    }
}

/// Folder and last name of a path. **Source:** Go, `path.Dir` and `path.Base`.
fn split_path(path: &str) -> (&str, &str) {
    let bare = path.trim_end_matches('/');
    match bare.rsplit_once('/') {
        _ if path.is_empty() => (".", "."),
        _ if bare.is_empty() => ("/", "/"),
        Some(("", name)) => ("/", name),
        Some((folder, name)) => (folder, name),
        None => (".", bare),
    }
}

fn trimmed<'a>(trimmed: Option<&'a str>, args: &'a FuncArgs) -> &'a str {
    trimmed.unwrap_or_else(|| text(args, 0))
}

fn coalesce(args: FuncArgs) -> Outcome {
    let found = args.iter().find(|value| !value.is_null());
    found
        .cloned()
        .ok_or_else(|| "all arguments are null".to_owned())
}

fn compact(args: FuncArgs) -> Outcome {
    let is_empty = |value: &&Value| value.is_null() || value.as_str() == Some("");
    let kept = list(&args, 0)?.iter().filter(|value| !is_empty(value));
    items(kept.cloned())
}

fn concat(args: FuncArgs) -> Outcome {
    let lists: Result<Vec<_>, _> = (0..args.len()).map(|index| list(&args, index)).collect();
    items(lists?.into_iter().flatten().cloned())
}

fn flatten(args: FuncArgs) -> Outcome {
    let mut flat = Vec::new();
    let mut rest: Vec<&Value> = list(&args, 0)?.iter().rev().collect();
    while let Some(value) = rest.pop() {
        match value {
            Value::Array(inner) => rest.extend(inner.iter().rev()),
            value if flat.len() <= MOST => flat.push(value.clone()),
            _ => break,
        }
    }
    items(flat)
}

fn join(args: FuncArgs) -> Outcome {
    let separator = args[0].as_str().ok_or("argument 1 is no text")?;
    let mut words = Vec::new();
    for index in 1..args.len() {
        for value in list(&args, index)? {
            words.push(text_of(value).ok_or_else(|| format!("`{value}` is no text"))?);
        }
    }
    says(&words.join(separator))
}

fn keys(args: FuncArgs) -> Outcome {
    let mut keys: Vec<_> = object(&args, 0)?.keys().cloned().collect();
    keys.sort();
    items(keys.into_iter().map(Value::from))
}

fn values(args: FuncArgs) -> Outcome {
    let mut fields: Vec<_> = object(&args, 0)?.iter().collect();
    fields.sort_by_key(|(key, _)| *key);
    items(fields.into_iter().map(|(_, value)| value.clone()))
}

fn length(args: FuncArgs) -> Outcome {
    match &args[0] {
        Value::Array(items) => Ok(items.len().into()),
        Value::Object(fields) => Ok(fields.len().into()),
        other => Err(format!("`{other}` has no length")),
    }
}

fn lookup(args: FuncArgs) -> Outcome {
    let key = args[1].as_str().ok_or("a key is a text")?;
    Ok(object(&args, 0)?.get(key).unwrap_or(&args[2]).clone())
}

fn merge(args: FuncArgs) -> Outcome {
    let mut merged = Map::new();
    for index in 0..args.len() {
        merged.extend(object(&args, index)?.clone());
    }
    if merged.len() > MOST {
        return Err(format!("the object has more than {MOST} fields"));
    }
    Ok(Value::Object(merged))
}

fn replace(args: FuncArgs) -> Outcome {
    let (whole, from, to) = (text(&args, 0), text(&args, 1), text(&args, 2));
    // Checked before it is made: every byte may become a text.
    let found = whole.matches(from).count();
    if whole.len() + found * to.len() > 2 * MOST {
        return Err(format!("the text is longer than {MOST} bytes"));
    }
    says(&whole.replace(from, to))
}

fn sanitize(args: FuncArgs) -> Outcome {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let clean = text(&args, 0).chars();
    let clean: String = clean.map(|c| if allowed(c) { c } else { '_' }).collect();
    says(&clean)
}

fn sort(args: FuncArgs) -> Outcome {
    let words: Option<Vec<&str>> = list(&args, 0)?.iter().map(Value::as_str).collect();
    let mut words = words.ok_or("an item is no text")?;
    words.sort_unstable();
    items(words.into_iter().map(Value::from))
}

fn split(args: FuncArgs) -> Outcome {
    let (separator, whole) = (text(&args, 0), text(&args, 1));
    if separator.is_empty() {
        return items(whole.chars().map(|c| c.to_string().into()));
    }
    items(whole.split(separator).map(Value::from))
}

/// A part of a text by characters: from an offset, which counts from the end when negative; length -1 is all.
fn substr(args: FuncArgs) -> Outcome {
    let whole: Vec<char> = args[0]
        .as_str()
        .ok_or("argument 1 is no text")?
        .chars()
        .collect();
    let offset = args[1].as_i64().ok_or("argument 2 is no number")?;
    let length = args[2].as_i64().ok_or("argument 3 is no number")?;
    let start = match usize::try_from(offset) {
        Ok(start) => start.min(whole.len()),
        Err(_) => whole.len().saturating_sub(offset.unsigned_abs() as usize),
    };
    let rest = &whole[start..];
    let length = usize::try_from(length).map_or(rest.len(), |length| length.min(rest.len()));
    says(&rest[..length].iter().collect::<String>())
}

fn trim(args: FuncArgs) -> Outcome {
    let cut: Vec<char> = text(&args, 1).chars().collect();
    says(text(&args, 0).trim_matches(&*cut))
}

#[cfg(test)]
mod tests {
    use super::super::evaluate::Evaluator;
    use std::collections::BTreeMap;

    fn value(text: &str) -> String {
        let definitions = BTreeMap::new();
        let mut evaluator = Evaluator::new(&definitions, &|_| None);
        match evaluator.value(&text.parse().unwrap(), &[]) {
            Ok(value) => value.to_string(),
            Err(why) => why,
        }
    }

    /// **Source:** the examples of go-cty's documentation of each function.
    #[test]
    fn functions_mean_what_they_mean_there() {
        for (expression, expected) in [
            ("add(1, 2.5)", "3.5"),
            ("divide(6, 3)", "2"),
            ("divide(1, 0)", "function `divide`: the result is no number"),
            ("modulo(7, 4)", "3"),
            ("basename(\"/a/b.c\")", "b.c"),
            ("dirname(\"/a/b.c\")", "/a"),
            ("dirname(\"b.c\")", "."),
            ("coalesce(null, \"\", 1)", ""),
            ("join(\",\", compact([\"a\", \"\", \"b\"]), [1])", "a,b,1"),
            ("join(\"\", flatten([[\"a\", [\"b\"]], \"c\"]))", "abc"),
            ("contains([1, 2], 2) && notequal(1, 2)", "true"),
            ("join(\",\", keys(merge({b = 1}, {a = 2})))", "a,b"),
            ("lookup({a = 1}, \"b\", 3)", "3"),
            ("length(split(\".\", \"1.2.3\"))", "3"),
            ("replace(\"1.2.3\", \".\", \"-\")", "1-2-3"),
            ("sanitize(\"a/b:c\")", "a_b_c"),
            ("join(\"\", sort([\"b\", \"a\"]))", "ab"),
            ("substr(\"hello\", 1, 3)", "ell"),
            ("substr(\"hello\", -2, -1)", "lo"),
            ("trim(\"?!a!?\", \"!?\")", "a"),
            ("trimprefix(\"v1\", \"v\")", "1"),
            ("trimsuffix(\"1\", \"v\")", "1"),
            ("upper(lower(\"Ab\"))", "AB"),
        ] {
            assert_eq!(
                value(expression).trim_matches('"'),
                expected,
                "{expression}"
            );
        }
    }
}
