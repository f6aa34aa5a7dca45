//! Links. Every recorded link has to be among ours, at the same place; a recorded `data` stands for the page below
//! `https://hub.docker.com/`. Where no link to a page was recorded there is to be none. Ours carry their target from
//! the start: what resolving adds to a link has to be the target that we give to the image it was made of.

use super::{Case, Kind};
use cooperage_lang::ide::File;
use cooperage_lang::ide::links::{LinkTarget, links};
use serde_json::Value;

pub(super) const KIND: Kind = Kind {
    name: "links",
    bar: 98.0,
    check,
};

const HUB: &str = "https://hub.docker.com/";

fn check(case: &Case<'_>) -> Result<(), String> {
    if case.method() == "resolveLink" {
        return resolved(case);
    }
    let found: Vec<_> = links(&case.file)
        .into_iter()
        .filter_map(|link| match link.target {
            LinkTarget::Url(url) => Some((link.range, url)),
            LinkTarget::ContextPath(_) => None,
        })
        .collect();
    let recorded = case
        .expected()
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let recorded: Vec<_> = recorded
        .iter()
        .map(|link| (case.range(&link["range"]), target(link)))
        .collect();
    if recorded.iter().all(|link| found.contains(link)) && recorded.is_empty() == found.is_empty() {
        return Ok(());
    }
    Err(format!("found {found:?}, recorded {recorded:?}"))
}

fn target(link: &Value) -> String {
    match link["data"].as_str() {
        Some(data) => format!("{HUB}{data}"),
        None => link["target"].as_str().unwrap_or_default().to_owned(),
    }
}

/// Builds the image back from the `data` of a link; a link with a target is resolved already.
fn resolved(case: &Case<'_>) -> Result<(), String> {
    let recorded = case.expected()["target"].as_str().unwrap_or_default();
    let link = &case.value["args"][0];
    let Some(data) = link["data"].as_str() else {
        return same(link["target"].as_str().unwrap_or_default(), recorded);
    };
    let image = data.trim_end_matches('/');
    let image = image
        .strip_prefix("_/")
        .or_else(|| image.strip_prefix("r/"));
    let text = format!("FROM {}\n", image.unwrap_or_default());
    match links(&File::new(text.into_bytes()))
        .first()
        .map(|link| &link.target)
    {
        Some(LinkTarget::Url(url)) => same(url, recorded),
        other => Err(format!("found {other:?}, recorded {recorded}")),
    }
}

fn same(found: &str, recorded: &str) -> Result<(), String> {
    if found == recorded {
        Ok(())
    } else {
        Err(format!("found {found}, recorded {recorded}"))
    }
}
