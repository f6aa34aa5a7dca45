//! Values as script objects.

use super::images::{File, Image, Layer};
use crate::session::Session;
use crate::value::Value;
use rhai::{Array, Dynamic};

/// The object a script gets for a command's answer.
pub fn to_dynamic(session: &Session, value: Value) -> Dynamic {
    match value {
        Value::Nothing => Dynamic::UNIT,
        Value::Text(text) => text.trim_end().to_owned().into(),
        Value::Lines(lines) => array(lines),
        Value::Images(images) | Value::Inspect(images) => {
            array(images.into_iter().map(|image| Image::new(session, image)))
        }
        Value::Image(image) => Dynamic::from(Image::new(session, *image)),
        Value::Built(view) => Dynamic::from(Image::new(session, view.built.image)),
        Value::Plan(view) => Dynamic::from(super::builds::Plan::new(session, *view, None)),
        Value::Layers(layers) => {
            array(layers.into_iter().map(|info| Layer::new(session, "", info)))
        }
        Value::Files(files) => array(files.into_iter().map(File)),
        Value::Exit(exit) => Dynamic::from(super::builds::ExecResult::new(
            exit,
            std::time::Duration::ZERO,
        )),
        other @ (Value::Why(_)
        | Value::History(_)
        | Value::Pruned(_)
        | Value::Findings(_)
        | Value::Lint(_)
        | Value::Rules(_)
        | Value::Formatted(_)) => from_json(&crate::render::json::of(&other)),
    }
}

/// An array of things scripts know.
pub(super) fn array<T: rhai::Variant + Clone>(items: impl IntoIterator<Item = T>) -> Dynamic {
    Dynamic::from_array(items.into_iter().map(Dynamic::from).collect::<Array>())
}

/// JSON as maps, arrays and plain values.
pub(super) fn from_json(json: &serde_json::Value) -> Dynamic {
    rhai::serde::to_dynamic(json).unwrap_or(Dynamic::UNIT)
}

/// A plain value as JSON; sizes are bytes, durations are seconds, objects what their `to_json` gives.
pub fn to_json(value: &Dynamic) -> serde_json::Value {
    if let Some(size) = value.read_lock::<crate::units::Size>() {
        return size.0.into();
    }
    if let Some(span) = value.read_lock::<crate::units::Span>() {
        return span.0.as_secs_f64().into();
    }
    if let Some(image) = value.read_lock::<Image>() {
        return crate::render::json::image(&image.image);
    }
    if let Some(items) = value.read_lock::<Array>() {
        return items.iter().map(to_json).collect();
    }
    if let Some(map) = value.read_lock::<rhai::Map>() {
        return map
            .iter()
            .map(|(key, value)| (key.to_string(), to_json(value)))
            .collect();
    }
    rhai::serde::from_dynamic(value).unwrap_or_else(|_| value.to_string().into())
}

/// A value as one word of a command: an image by its id.
pub fn word_of(value: &Dynamic) -> String {
    super::images::name(value)
}

/// A value as text for people: what `to_string` gives in a script.
pub fn text_of(engine: &rhai::Engine, value: &Dynamic) -> String {
    let mut scope = rhai::Scope::new();
    scope.push_dynamic("value", value.clone());
    let text =
        engine.eval_expression_with_scope::<rhai::ImmutableString>(&mut scope, "value.to_string()");
    text.map_or_else(|_| value.to_string(), |text| text.to_string())
}

/// The value behind an object that is best seen as a table: a forecast, or an array of nothing but images, layers or
/// files.
pub fn as_table(value: &Dynamic) -> Option<Value> {
    if let Some(plan) = value.read_lock::<super::builds::Plan>() {
        return Some(Value::Plan(Box::new(plan.view().clone())));
    }
    let items = value.read_lock::<Array>()?;
    if items.is_empty() {
        return None;
    }
    all(&items, |image: &Image| image.image.clone())
        .map(Value::Images)
        .or_else(|| all(&items, |layer: &Layer| layer.info().clone()).map(Value::Layers))
        .or_else(|| all(&items, |file: &File| file.0.clone()).map(Value::Files))
}

/// What `inner` finds in every item, when all are of one type.
fn all<T: rhai::Variant + Clone, U>(items: &Array, inner: impl Fn(&T) -> U) -> Option<Vec<U>> {
    items
        .iter()
        .map(|item| item.read_lock::<T>().map(|item| inner(&item)))
        .collect()
}
