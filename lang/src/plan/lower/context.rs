//! Named contexts: `--build-context NAME=…` in the place of an image or stage.

use super::base::Start;
use super::steps::Label;
use super::{Place, Planner};
use crate::model::platform::Platform;
use crate::model::reference::Reference;
use crate::model::url::{SourceKind, classify};
use crate::plan::{Copy, CopySource, NamedContext, Op, Source, StepId};
use std::sync::Arc;

impl<'a> Planner<'a> {
    /// The context that takes the place of `name`, preferring one for the platform (`name::linux/arm64`).
    ///
    /// **Source:** BuildKit `frontend/dockerui/config.go`, `NamedContext`.
    pub(super) fn context(&self, name: &str, platform: &Platform) -> Option<&'a NamedContext> {
        let contexts = &self.options.contexts;
        if contexts.is_empty()
            || ["scratch", "context"]
                .iter()
                .any(|n| name.eq_ignore_ascii_case(n))
        {
            return None;
        }
        let wanted = short(name)?;
        let suffix = format!("::{}", platform.normalize().format_all());
        let find = |key: &str| {
            contexts
                .iter()
                .find(|(k, _)| short(k).as_deref() == Some(key) || *k == key)
        };
        let exact = contexts
            .iter()
            .find(|(k, _)| k.strip_suffix(&suffix).and_then(short).as_ref() == Some(&wanted));
        exact.or_else(|| find(&wanted)).map(|(_, context)| context)
    }

    /// The stage that a context is, of those that are known by now.
    pub(super) fn stage_of(&self, context: &NamedContext) -> Option<usize> {
        match context {
            NamedContext::Stage(stage) => self.names.find(stage),
            _ => None,
        }
    }

    /// The stage that a context puts in the place of the image `name`.
    pub(super) fn stage_in_place(&self, name: &str) -> Option<usize> {
        self.stage_of(self.context(name, &self.target_platform)?)
    }

    /// Lets a stage or image begin with a context.
    pub(super) fn use_context(
        &mut self,
        index: usize,
        name: &str,
        context: &NamedContext,
        platform: &Platform,
    ) {
        let shown = short(name).unwrap_or_else(|| name.to_owned());
        let label = |text: &str| Label::internal(format!("[context {shown}] {text}"));
        let start = match context {
            NamedContext::Local(_) => {
                let source = Source::Local {
                    name: shown.clone(),
                };
                Start::Source {
                    source,
                    label: label("load from client"),
                    assumed: false,
                }
            }
            NamedContext::Image(reference) => {
                let reference = reference.clone().with_default_tag();
                let known = self.world.image(&reference, platform);
                let assumed = self.take_config(index, known, &reference.to_string());
                let label = label(&reference.to_string());
                Start::Source {
                    source: Source::Image {
                        reference,
                        platform: platform.clone(),
                    },
                    label,
                    assumed,
                }
            }
            NamedContext::OciLayout(layout) => {
                let known = self.world.layout_image(layout, platform);
                let assumed = self.take_config(index, known, layout);
                let source = Source::OciLayout {
                    layout: layout.clone(),
                    platform: platform.clone(),
                };
                Start::Source {
                    source,
                    label: label(layout),
                    assumed,
                }
            }
            NamedContext::Url(url) => match classify(url) {
                Ok(SourceKind::Git(_)) => {
                    let source = Source::Git {
                        url: url.clone(),
                        keep_git_dir: false,
                        checksum: None,
                    };
                    Start::Source {
                        source,
                        label: label(url),
                        assumed: false,
                    }
                }
                Ok(_) => Start::Archive {
                    source: Source::Http {
                        url: url.clone(),
                        checksum: None,
                    },
                    label: label(url),
                },
                Err(error) => return self.context_error(index, &error),
            },
            // One that is a stage was taken for it where it was named.
            NamedContext::Stage(stage) => {
                let message =
                    format!("context {shown} names stage {stage}, which is not defined before it");
                return self.context_error(index, &message);
            }
        };
        self.states[index].start = start;
    }

    fn context_error(&mut self, index: usize, message: &str) {
        let state = &self.states[index];
        let (range, lines) = (state.base_range, state.base_lines.clone());
        self.report.error("bad-context", range, &lines, message);
    }

    /// An archive's files, unpacked onto nothing.
    pub(super) fn unpacked(
        &mut self,
        index: usize,
        source: Source,
        place: Place,
        label: Label,
    ) -> StepId {
        let archive = self.source(source, None, place, label.clone());
        let root = self.source(
            Source::Scratch,
            None,
            place,
            Label::internal("FROM scratch"),
        );
        self.states[index].root = Some(root);
        let copy = Copy {
            add: true,
            sources: vec![CopySource::Http {
                from: archive,
                name: "context".to_owned(),
            }],
            dest: "/".to_owned(),
            chown: None,
            chmod: None,
            link: false,
            parents: false,
            exclude: Vec::new(),
            unpack: Some(true),
        };
        self.step(
            index,
            Op::Copy(Box::new(copy)),
            place,
            label,
            Arc::default(),
        );
        self.states[index].root.unwrap_or(root)
    }
}

/// A name as contexts are keyed: familiar, without `:latest`.
fn short(name: &str) -> Option<String> {
    let familiar = Reference::parse_normalized(name).ok()?.familiar();
    Some(
        familiar
            .strip_suffix(":latest")
            .map(str::to_owned)
            .unwrap_or(familiar),
    )
}
