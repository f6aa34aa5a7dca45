//! `Size` and `Duration`: print for people, compare with each other, with numbers and with texts.

use super::Outcome;
use super::error::throw;
use crate::error::CommandError;
use crate::units::{Size, Span};
use rhai::{Engine, FLOAT, INT};
use std::time::Duration;

fn size(text: &str) -> Outcome<Size> {
    text.parse()
        .map_err(|error: crate::units::UnitError| throw(CommandError::invalid(error.to_string())))
}

/// A duration from a script's value: `"30s"`, seconds, a `Duration`.
pub(super) fn span(text: &str) -> Outcome<Span> {
    text.parse()
        .map_err(|error: crate::units::UnitError| throw(CommandError::invalid(error.to_string())))
}

fn seconds(seconds: FLOAT) -> Span {
    Span(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the comparisons hand every type over by reference"
)]
fn bytes(size: &Size) -> FLOAT {
    size.0 as FLOAT
}

fn secs(span: &Span) -> FLOAT {
    span.0.as_secs_f64()
}

/// Registers a comparison of `$type` with itself, numbers and texts, both ways round.
macro_rules! comparisons {
    ($engine:ident, $type:ty, $number:expr, $text:path; $($name:literal $op:tt),*) => {$(
        $engine.register_fn($name, |a: $type, b: $type| a $op b);
        $engine.register_fn($name, |a: $type, b: INT| $number(&a) $op b as FLOAT);
        $engine.register_fn($name, |a: INT, b: $type| (a as FLOAT) $op $number(&b));
        $engine.register_fn($name, |a: $type, b: FLOAT| $number(&a) $op b);
        $engine.register_fn($name, |a: FLOAT, b: $type| a $op $number(&b));
        $engine.register_fn($name, |a: $type, b: &str| -> Outcome<bool> { Ok(a $op $text(b)?) });
        $engine.register_fn($name, |a: &str, b: $type| -> Outcome<bool> { Ok($text(a)? $op b) });
    )*};
}

#[expect(clippy::float_cmp, reason = "a script that compares with == means it")]
pub(super) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Size>("Size")
        .register_type_with_name::<Span>("Duration");
    comparisons!(engine, Size, bytes, size; "==" ==, "!=" !=, "<" <, "<=" <=, ">" >, ">=" >=);
    comparisons!(engine, Span, secs, span; "==" ==, "!=" !=, "<" <, "<=" <=, ">" >, ">=" >=);

    engine.register_fn("size", size);
    engine.register_fn("size", |bytes: INT| Size(bytes.max(0) as u64));
    engine.register_get("bytes", |size: &mut Size| size.0 as INT);
    engine.register_fn("+", |a: Size, b: Size| Size(a.0.saturating_add(b.0)));
    engine.register_fn("-", |a: Size, b: Size| Size(a.0.saturating_sub(b.0)));
    engine.register_fn("+", |a: Size, b: &str| -> Outcome<Size> {
        Ok(Size(a.0.saturating_add(size(b)?.0)))
    });
    engine.register_fn("-", |a: Size, b: &str| -> Outcome<Size> {
        Ok(Size(a.0.saturating_sub(size(b)?.0)))
    });
    engine.register_fn("*", |a: Size, b: INT| {
        Size(a.0.saturating_mul(b.max(0) as u64))
    });
    engine.register_fn("/", |a: Size, b: Size| a.0 as FLOAT / b.0 as FLOAT);
    engine.register_fn("to_json", |a: &mut Size| a.0 as INT);

    engine.register_fn("duration", span);
    engine
        .register_fn("seconds", |n: INT| seconds(n as FLOAT))
        .register_fn("seconds", seconds);
    engine.register_fn("minutes", |n: INT| seconds(n as FLOAT * 60.0));
    engine.register_fn("hours", |n: INT| seconds(n as FLOAT * 3600.0));
    engine.register_fn("days", |n: INT| seconds(n as FLOAT * 86400.0));
    engine.register_get("seconds", |span: &mut Span| span.0.as_secs_f64());
    engine.register_get("milliseconds", |span: &mut Span| span.0.as_millis() as INT);
    engine.register_fn("+", |a: Span, b: Span| Span(a.0.saturating_add(b.0)));
    engine.register_fn("-", |a: Span, b: Span| Span(a.0.saturating_sub(b.0)));
    engine.register_fn("to_json", |a: &mut Span| a.0.as_secs_f64());

    for name in ["to_string", "to_debug"] {
        engine.register_fn(name, |size: &mut Size| size.to_string());
        engine.register_fn(name, |span: &mut Span| span.to_string());
    }
    // `"free: " + size` and the other way round.
    engine.register_fn("+", |a: &str, b: Size| format!("{a}{b}"));
    engine.register_fn("+", |a: &str, b: Span| format!("{a}{b}"));
}
