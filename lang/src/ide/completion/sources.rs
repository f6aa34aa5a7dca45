//! Where files come from: stages, images and named contexts, behind `FROM`, `--from=` and `from=`.

use super::{Entry, Item, ItemKind, Menu, Slot, Spot};
use crate::ide::File;
use crate::ide::cursor::Line;
use crate::ide::names::Stage;
use crate::ide::surroundings::Files;
use crate::model::image::USUAL_IMAGES;
use crate::syntax::Keyword;
use bstr::ByteSlice;
use std::ops::Range;

/// Most tags that are offered at once; a registry may have thousands, and what is typed chooses among them.
const MOST_TAGS: usize = 200;

/// What a number means in place of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// A stage by its position: `COPY --from`.
    Stages,
    /// An image of that name: `from=` of a mount.
    Images,
}

/// The image of a `FROM`, and what follows it.
pub(super) fn offer_base(menu: &mut Menu<'_>, line: &Line<'_>, word: Spot) {
    let slot = Slot::of(line, word.from);
    match word.index {
        0 => {
            offer_stages(menu, line, &slot, Numbers::Images, line.stages_above());
            menu.offer(
                &slot,
                Entry::new(ItemKind::Image, "scratch")
                    .detail("nothing")
                    .doc("No image: the stage begins empty."),
            );
            offer_images(menu, line, &slot);
            offer_usual_images(menu, &slot);
        }
        1 => {
            let entry = Entry::template(ItemKind::Keyword, "AS ${1:name}");
            menu.offer(&slot, entry.text("AS").doc("Gives the stage a name."));
        }
        _ => {}
    }
}

/// What `--from=` or `from=` may name; the value starts at `from`.
pub(super) fn offer_from(menu: &mut Menu<'_>, line: &Line<'_>, from: usize, numbers: Numbers) {
    let slot = Slot::of(line, from);
    // A stage cannot copy from itself.
    let before = line.stages_above().saturating_sub(1);
    offer_stages(menu, line, &slot, numbers, before);
    for name in menu.around.contexts() {
        menu.offer(
            &slot,
            Entry::new(ItemKind::Stage, name).detail("named context"),
        );
    }
    offer_images(menu, line, &slot);
}

/// The first `count` stages, the nearest first: by name, else by number where that means a stage. A `FROM` knows names
/// in small letters only; elsewhere they are written as they were given.
fn offer_stages(menu: &mut Menu<'_>, line: &Line<'_>, slot: &Slot, numbers: Numbers, count: usize) {
    let as_given = line.known != Some(Keyword::From);
    let file = line.file();
    let names = file.names();
    let stages = names.stages();
    for (index, stage) in stages.iter().enumerate().take(count).rev() {
        let name = match names.stage_name(stage) {
            Some(_) if as_given => given_name(file, stage),
            Some(name) => name.to_str_lossy().into_owned(),
            None if numbers == Numbers::Stages => index.to_string(),
            None => continue,
        };
        let is_this = |item: &Item| item.label.eq_ignore_ascii_case(&name);
        if menu.found.items.iter().any(is_this) {
            continue;
        }
        let from = file.text(stage.from).to_str_lossy();
        let entry = Entry::new(ItemKind::Stage, name)
            .detail(format!("stage {index}"))
            .doc(format!("```dockerfile\n{from}\n```"));
        menu.offer(slot, entry.rank(2));
    }
}

/// The name of a stage as its `FROM` line has it.
fn given_name(file: &File, stage: &Stage) -> String {
    let name = stage.name.map(|name| file.names().get(name).range);
    let name = name.map_or(&b""[..], |range| file.text(range));
    name.to_str_lossy().into_owned()
}

/// Images of the local store, or the tags of the one whose name is there already.
fn offer_images(menu: &mut Menu<'_>, line: &Line<'_>, slot: &Slot) {
    if let Some((name, _)) = slot.typed.split_once('@') {
        offer_digest(menu, slot, name);
        return;
    }
    if let Some(name) = name_before_tag(&slot.typed) {
        offer_tags(menu, line, slot, name);
        return;
    }
    let images = menu.around.images();
    for image in menu.listed(images) {
        let entry = Entry::new(ItemKind::Image, image.name).detail(image.detail);
        menu.offer(slot, entry.rank(4));
    }
}

/// The tags of the image called `name`, in which variables may stand.
fn offer_tags(menu: &mut Menu<'_>, line: &Line<'_>, slot: &Slot, name: &str) {
    let file = line.file();
    let known = file
        .names()
        .expanded(file, name.as_bytes(), slot.edit.start);
    let Some(image) = known else { return };
    let tags = menu.around.tags(&image);
    for tag in menu.listed(tags) {
        if menu.found.items.len() >= MOST_TAGS {
            menu.found.incomplete = true;
            return;
        }
        let text = format!("{name}:{}", tag.name);
        let detail = if tag.local { "in the local store" } else { "" };
        let rank = if tag.local {
            3
        } else {
            later(menu.found.items.len())
        };
        let entry = Entry::new(ItemKind::Tag, text).detail(detail);
        menu.offer(slot, entry.rank(rank));
    }
}

/// Names to build on that are not in the local store yet.
fn offer_usual_images(menu: &mut Menu<'_>, slot: &Slot) {
    if slot.typed.contains([':', '@']) {
        return;
    }
    for usual in USUAL_IMAGES {
        let tagged = format!("{}:", usual.name);
        let is_here = |item: &Item| *item.label == *usual.name || item.label.starts_with(&tagged);
        if !menu.found.items.iter().any(is_here) {
            let entry = Entry::new(ItemKind::Image, usual.name).detail(usual.about);
            menu.offer(slot, entry.rank(7));
        }
    }
}

/// The digest that a name has now.
fn offer_digest(menu: &mut Menu<'_>, slot: &Slot, name: &str) {
    let known = menu.around.image(name, None);
    let Some(facts) = known.filter(|facts| !facts.digest.is_empty()) else {
        return;
    };
    let entry = Entry::new(ItemKind::Tag, format!("{name}@{}", facts.digest));
    let doc = "Pins exactly the image that the name has in the local store.";
    menu.offer(slot, entry.detail(facts.created.clone()).doc(doc).rank(3));
}

/// Ranks that keep the order in which a registry's tags were given, as far as ranks go.
fn later(index: usize) -> u8 {
    u8::try_from(index).unwrap_or(u8::MAX).saturating_add(6)
}

/// The name in front of the colon of a tag; a colon with a `/` behind it belongs to a port.
fn name_before_tag(typed: &str) -> Option<&str> {
    let (name, tag) = typed.rsplit_once(':')?;
    (!name.is_empty() && !tag.contains(['/', '$', '{'])).then_some(name)
}

/// The files that a value of `--from=` or `from=` means; without one the build context.
pub(super) fn files<'t>(line: &Line<'_>, from: Option<&'t str>, numbers: Numbers) -> Files<'t> {
    let Some(from) = from else {
        return Files::Context;
    };
    let names = line.file().names();
    let before: Range<usize> = 0..line.stages_above();
    let by_name = before.clone().rev().find(|i| {
        names
            .stages()
            .get(*i)
            .and_then(|stage| names.stage_name(stage))
            .is_some_and(|name| name.eq_ignore_ascii_case(from.as_bytes()))
    });
    let by_number = from
        .parse()
        .ok()
        .filter(|n| numbers == Numbers::Stages && before.contains(n));
    by_name
        .or(by_number)
        .map_or(Files::Named(from), Files::Stage)
}
