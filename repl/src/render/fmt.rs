//! What formatting changed.

use super::{Paint, diff, text};
use crate::value::FormatView;
use serde_json::{Value as Json, json};

impl FormatView {
    /// The files that changed or would, a line or a difference each, and what there is in all.
    pub fn text(&self, paint: Paint) -> String {
        let mut shown = super::lint::faulty(&self.faulty, paint);
        for (path, error) in &self.failed {
            shown += &format!("{}: {}: {error}\n", paint.red("error"), text::strip(path));
        }
        for file in self.changed() {
            shown += &if self.diff {
                diff::of(&file.name, Some(&file.before), &file.after, paint)
            } else {
                format!(
                    "{} {}\n",
                    paint.yellow(self.verb()),
                    text::strip(&file.name)
                )
            };
        }
        if !self.diff {
            shown += &format!("{}\n", self.summary());
        }
        shown
    }

    fn verb(&self) -> &'static str {
        if self.check {
            "not formatted"
        } else {
            "formatted"
        }
    }

    fn summary(&self) -> String {
        let files = self.files.len();
        let excluded = match self.excluded {
            0 => String::new(),
            count => format!("; {count} excluded by the settings"),
        };
        if files == 0 && self.failed.is_empty() {
            return format!("no Dockerfiles found{excluded}");
        }
        let plural = if files == 1 { "" } else { "s" };
        let changed = self.changed().count();
        let would = if self.check {
            "would change"
        } else {
            "changed"
        };
        format!("{changed} of {files} file{plural} {would}{excluded}")
    }
}

/// The files by name, with what was made of them: the text itself when it went to standard output otherwise.
pub fn array(view: &FormatView) -> Json {
    let failed = view
        .failed
        .iter()
        .map(|(path, error)| json!({"file": path, "error": error}));
    let files = view.files.iter().map(|file| {
        let mut object = json!({"file": file.name, "changed": file.before != file.after});
        if view.filter {
            object["text"] = String::from_utf8_lossy(&file.after).into();
        }
        object
    });
    failed.chain(files).collect()
}
