//! What the store tells a plan.

use crate::image::load::layout_config;
use crate::store::{ImageDetails, Store};
use cooperage_lang::model::ignore::Patterns;
use cooperage_lang::model::platform::Platform;
use cooperage_lang::model::reference::Reference;
use cooperage_lang::plan::config::ImageConfig;
use cooperage_lang::world::{Known, World};
use std::sync::Arc;

/// Answers from local state alone.
pub struct StoreWorld<'a> {
    store: Option<&'a Store>,
    ignore: Option<Arc<Patterns>>,
}

impl<'a> StoreWorld<'a> {
    /// Of a store, if there is one, and the context's ignore patterns.
    pub fn new(store: Option<&'a Store>, ignore: Option<Arc<Patterns>>) -> Self {
        Self { store, ignore }
    }
}

impl World for StoreWorld<'_> {
    fn image(&self, reference: &Reference, platform: &Platform) -> Known<Arc<ImageConfig>> {
        let details = self.store.and_then(|store| {
            let record = store.image(reference).ok().flatten()?;
            store.image_config(&record.id).ok().flatten()
        });
        match details {
            Some(details) if offers(&details, platform) => Known::Yes(Arc::new(details.config)),
            // Another platform of it may be in the registry.
            _ => Known::Unknown,
        }
    }

    fn layout_image(&self, layout: &str, platform: &Platform) -> Known<Arc<ImageConfig>> {
        match read_layout(layout, platform) {
            Ok(details) => Known::Yes(Arc::new(details.config)),
            Err(error) => Known::No(error),
        }
    }

    fn ignore_patterns(&self) -> Option<Arc<Patterns>> {
        self.ignore.clone()
    }
}

/// Config of a layout's image; a sentence when it has none for `platform`.
pub(crate) fn read_layout(layout: &str, platform: &Platform) -> Result<ImageDetails, String> {
    let config = layout_config(layout, platform).map_err(|e| e.to_string())?;
    ImageDetails::parse(&config).map_err(|e| e.to_string())
}

/// Whether an image runs on `platform`. An image that does not say where it runs is taken at its word.
pub(crate) fn offers(details: &ImageDetails, platform: &Platform) -> bool {
    if details.os.is_empty() && details.architecture.is_empty() {
        return true;
    }
    let offered = Platform {
        os: details.os.clone(),
        architecture: details.architecture.clone(),
        variant: details.variant.clone(),
        ..Platform::default()
    };
    platform.matches(&offered)
}
