//! What the store tells a plan.

use crate::image::load::layout_config;
use crate::store::{ImageDetails, ImageRecord, Store};
use cooperage_lang::model::ignore::Patterns;
use cooperage_lang::model::platform::Platform;
use cooperage_lang::model::reference::Reference;
use cooperage_lang::plan::config::ImageConfig;
use cooperage_lang::world::{Known, World};
use std::cell::RefCell;
use std::sync::Arc;

/// Answers from local state alone.
pub struct StoreWorld<'a> {
    store: Option<&'a Store>,
    ignore: Option<Arc<Patterns>>,
    /// Images that a registry was asked for.
    asked: &'a [(Reference, Platform)],
    /// The last image that was looked up: one line of a file asks several things.
    last: RefCell<Option<(Reference, Option<Arc<Found>>)>>,
}

/// An image of the store.
struct Found {
    record: ImageRecord,
    details: ImageDetails,
}

impl<'a> StoreWorld<'a> {
    /// Of a store, if there is one, and the context's ignore patterns.
    pub fn new(store: Option<&'a Store>, ignore: Option<Arc<Patterns>>) -> Self {
        Self {
            store,
            ignore,
            asked: &[],
            last: RefCell::default(),
        }
    }

    /// The same after a registry was asked for these images.
    #[must_use]
    pub(crate) fn with_asked(self, asked: &'a [(Reference, Platform)]) -> Self {
        Self { asked, ..self }
    }

    fn found(&self, reference: &Reference) -> Option<Arc<Found>> {
        if let Some((last, found)) = &*self.last.borrow()
            && last == reference
        {
            return found.clone();
        }
        let found = self
            .store
            .and_then(|store| find(store, reference))
            .map(Arc::new);
        self.last.replace(Some((reference.clone(), found.clone())));
        found
    }
}

fn find(store: &Store, reference: &Reference) -> Option<Found> {
    let record = store.image(reference).ok().flatten()?;
    let details = store.image_config(&record.id).ok().flatten()?;
    Some(Found { record, details })
}

impl Found {
    /// The name means this image and no other: it was made or loaded here. A pulled one may be one of several, of which
    /// a build would pull another.
    fn is_only_one(&self) -> bool {
        self.record.manifest.is_none()
    }
}

/// The platform of the image that a name means in a store, when it was made or loaded there.
pub(crate) fn platform_of_own_image(store: &Store, reference: &Reference) -> Option<Platform> {
    let found = find(store, reference).filter(Found::is_only_one)?;
    platform(&found.details)
}

impl World for StoreWorld<'_> {
    fn image(&self, reference: &Reference, platform: &Platform) -> Known<Arc<ImageConfig>> {
        match self.found(reference) {
            Some(found) if offers(&found.details, platform) => {
                Known::Yes(Arc::new(found.details.config.clone()))
            }
            // Another platform of it may be in the registry.
            _ => Known::Unknown,
        }
    }

    fn image_platform(&self, reference: &Reference, wanted: &Platform) -> Option<Platform> {
        let found = self.found(reference)?;
        let was_asked =
            |(name, platform): &(Reference, Platform)| (name, platform) == (reference, wanted);
        let is_meant = found.is_only_one() || self.asked.iter().any(was_asked);
        platform(&found.details).filter(|_| is_meant)
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

/// Whether an image runs on `wanted`. An image that does not say where it runs is taken at its word.
pub(crate) fn offers(details: &ImageDetails, wanted: &Platform) -> bool {
    platform(details).is_none_or(|offered| wanted.matches(&offered))
}

/// Where an image says that it runs.
fn platform(details: &ImageDetails) -> Option<Platform> {
    let says = !(details.os.is_empty() && details.architecture.is_empty());
    says.then(|| Platform {
        os: details.os.clone(),
        architecture: details.architecture.clone(),
        variant: details.variant.clone(),
        ..Platform::default()
    })
}
