//! Values as JSON: stable snake_case names, full ids, bytes as numbers, RFC 3339 times.

use super::{diagnostic, forecast};
use crate::units::rfc3339;
use crate::value::{PlanView, Value};
use cooperage_runtime::build::cache::CacheStatus;
use cooperage_runtime::build::forecast::StepForecast;
use cooperage_runtime::engine::{FileInfo, Image, LayerInfo, Why};
use serde_json::{Map, Value as Json, json};
use std::time::{Duration, SystemTime};

/// The value as one document; lists are arrays.
pub fn of(value: &Value) -> Json {
    match value {
        Value::Nothing => Json::Null,
        Value::Text(text) => json!(text),
        Value::Lines(lines) => json!(lines),
        Value::Images(images) => images.iter().map(image).collect(),
        Value::Image(one) => image(one),
        Value::Inspect(images) => images.iter().map(inspect).collect(),
        Value::Built(view) => {
            let built = &view.built;
            json!({
                "image": image(&built.image),
                "steps": built.forecast.numbered().count(),
                "cached": built.cached,
                "ran": built.ran,
                "new_bytes": view.new_bytes,
                "ms": millis(built.took),
                "warnings": built.warnings,
            })
        }
        Value::Plan(view) => plan(view),
        Value::Why(why) => why.as_ref().map_or(Json::Null, why_json),
        Value::Layers(layers) => layers.iter().map(layer).collect(),
        Value::Files(files) => files.iter().map(file).collect(),
        Value::History(rows) => rows
            .iter()
            .map(|row| {
                json!({
                    "created": row.entry.created,
                    "created_by": row.entry.created_by,
                    "comment": row.entry.comment,
                    "empty_layer": row.entry.empty_layer,
                    "size": row.size,
                })
            })
            .collect(),
        Value::Exit(exit) => json!({
            "exit_code": exit.code,
            "stdout": String::from_utf8_lossy(&exit.stdout),
            "stderr": String::from_utf8_lossy(&exit.stderr),
        }),
        Value::Pruned(pruned) => {
            json!({"layers": pruned.layers, "blobs": pruned.blobs, "records": pruned.records, "bytes": pruned.bytes})
        }
        Value::Lint(view) => super::lint::array(view),
        Value::Rules(rows) => rows.iter().map(super::lint::rule).collect(),
        Value::Formatted(view) => super::fmt::array(view),
        Value::Findings(found) => found
            .list
            .iter()
            .map(|finding| {
                json!({
                    "code": finding.code,
                    "severity": finding.severity,
                    "message": finding.message,
                    "file": found.name,
                    "line": diagnostic::line_of(finding, &found.source),
                    "range": finding.range,
                })
            })
            .collect(),
    }
}

/// Whole milliseconds.
pub fn millis(time: Duration) -> u64 {
    time.as_millis() as u64
}

fn time(time: Option<SystemTime>) -> Option<String> {
    time.map(rfc3339)
}

/// An image as list entry.
pub fn image(image: &Image) -> Json {
    json!({
        "id": image.id.to_string(),
        "digest": image.digest.to_string(),
        "names": image.names,
        "created": time(image.created),
        "size": image.size,
        "os": image.os,
        "architecture": image.architecture,
        "variant": image.variant,
        "layers": image.layers,
    })
}

/// An image as `docker inspect` shows it, so that scripts written for that read it.
pub fn inspect(image: &Image) -> Json {
    json!({
        "Id": image.id.to_string(),
        "RepoTags": image.names,
        "RepoDigests": [],
        "Digest": image.digest.to_string(),
        "Created": time(image.created),
        "Author": image.config.author,
        "Architecture": image.architecture,
        "Variant": image.variant,
        "Os": image.os,
        "Size": image.size,
        "Config": image.config.config,
        "RootFS": {"Type": "layers", "Layers": image.layers},
    })
}

/// A layer.
pub fn layer(layer: &LayerInfo) -> Json {
    json!({
        "index": layer.index,
        "diff_id": layer.diff_id,
        "size": layer.size,
        "files": layer.files,
        "created_by": layer.created_by,
    })
}

/// A file of a layer.
pub fn file(file: &FileInfo) -> Json {
    json!({
        "path": file.path,
        "kind": file.kind,
        "size": file.size,
        "mode": file.mode,
        "uid": file.uid,
        "gid": file.gid,
        "link": file.link,
    })
}

fn why_json(why: &Why) -> Json {
    json!({
        "when": rfc3339(why.when),
        "dockerfile": why.dockerfile,
        "steps": why.steps.iter().map(|step| json!({
            "line": step.line,
            "text": step.text,
            "outcome": step.outcome,
            "reason": step.reason,
            "detail": step.reason.as_ref().map(ToString::to_string),
            "ms": step.took.map(millis),
            "size": step.size,
        })).collect::<Vec<_>>(),
    })
}

fn plan(view: &PlanView) -> Json {
    let plan = &view.forecast.plan;
    json!({
        "dockerfile": view.name,
        "target": plan.target.map(|stage| plan.stages[stage].name.clone()),
        "steps": view.forecast.numbered().map(|step| plan_step(view, step)).collect::<Vec<_>>(),
        "total": view.forecast.numbered().count(),
        "cached": view.forecast.cached(),
        "estimate_ms": view.forecast.estimate().map(millis),
        "warnings": plan.diagnostics,
    })
}

/// A step with its forecast.
pub fn plan_step(view: &PlanView, step: &StepForecast) -> Json {
    let plan = &view.forecast.plan;
    let planned = plan.step(step.step);
    json!({
        "index": step.step.0,
        "name": planned.name(),
        "text": planned.text,
        "stage": planned.stage.map(|stage| plan.stages[stage].name.clone()),
        "number": planned.number.map(|(number, _)| number),
        "line": planned.lines.start,
        "end_line": planned.lines.end,
        "cache": cache(view, step),
        "estimate_ms": step.estimate.map(millis),
        "size": step.size,
    })
}

fn cache(view: &PlanView, step: &StepForecast) -> Json {
    let mut object = Map::new();
    object.insert("state".into(), json!(forecast::state(&step.status)));
    object.insert(
        "detail".into(),
        json!(forecast::sentence(
            step,
            &view.forecast.plan,
            SystemTime::now()
        )),
    );
    object.insert("reason".into(), json!(forecast::reason(&step.status)));
    match &step.status {
        CacheStatus::Hit(hit) => {
            object.insert("created".into(), json!(rfc3339(hit.created)));
            object.insert("saved_ms".into(), json!(hit.took.map(millis)));
        }
        CacheStatus::Miss(reason) => {
            object.insert("culprits".into(), json!(reason.culprits));
        }
        CacheStatus::Depends { on } => {
            object.insert("depends_on".into(), json!(on.0));
        }
        CacheStatus::Never => {}
    }
    Json::Object(object)
}
