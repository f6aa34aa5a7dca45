//! The questions a [`Plan`](crate::plan::Plan) asks about the world outside the text.

use crate::model::platform::Platform;
use crate::model::reference::Reference;
use crate::plan::config::ImageConfig;
use std::sync::Arc;

/// Answers from local state, or says "not known". An implementation never waits for a network.
pub trait World {
    /// Config of the image that `reference` names for `platform`.
    fn image(&self, reference: &Reference, platform: &Platform) -> Known<Arc<ImageConfig>>;

    /// Config of the image in the OCI layout folder or archive of a named context (`oci-layout://…`).
    fn layout_image(&self, layout: &str, platform: &Platform) -> Known<Arc<ImageConfig>>;

    /// Platform that the image in local state has, for the lint about images of another platform than asked for.
    fn image_platform(&self, reference: &Reference, platform: &Platform) -> Option<Platform> {
        let _ = (reference, platform);
        None
    }

    /// Lines of the ignore file that applies to the main context, for the lint about ignored sources.
    fn ignore_patterns(&self) -> Option<Arc<crate::model::ignore::Patterns>> {
        None
    }
}

/// A fact that may not be at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known<T> {
    /// The fact.
    Yes(T),
    /// It is known not to exist; the text says why.
    No(String),
    /// Local state does not tell; only a build would find out.
    Unknown,
}
