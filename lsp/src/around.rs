//! What lies around a text, for completion and hover: answers from the store, the context's folder and the last forecast.

use crate::convert;
use crate::session::Snapshot;
use bstr::ByteSlice;
use cooperage_lang::ide::surroundings::{
    Account, Entry, Files, ImageFacts, ImageName, Listing, Surroundings, Tag,
};
use cooperage_lang::model::platform::Platform;
use cooperage_lang::model::reference::Reference;
use cooperage_lang::plan::config::DEFAULT_PATH;
use cooperage_runtime::engine::{self, Engine, Image, host_platform};
use cooperage_runtime::store::DiffId;
use cooperage_runtime::units::{Size, ago};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

/// Programs that are offered at most.
const MANY: usize = 5_000;

/// The surroundings of one version of a document.
pub(crate) struct Around<'a> {
    snapshot: &'a Snapshot,
}

impl<'a> Around<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot) -> Self {
        Self { snapshot }
    }

    fn engine(&self) -> &Engine {
        &self.snapshot.setup.engine
    }

    /// The images of the store; a store that cannot be read has none.
    fn stored(&self) -> Vec<Image> {
        self.engine().images().unwrap_or_default()
    }

    /// Tags of the image called `name` in the store, however the name is spelled.
    fn stored_tags(&self, name: &str) -> BTreeSet<String> {
        let Ok(wanted) = Reference::parse_normalized(name) else {
            return BTreeSet::new();
        };
        let stored = self.stored();
        let names = stored.iter().flat_map(|image| &image.names);
        let references = names.filter_map(|name| Reference::parse_normalized(name).ok());
        references
            .filter(|stored| stored.name() == wanted.name())
            .filter_map(|stored| stored.tag)
            .collect()
    }

    fn files(&self, files: Files<'_>) -> Option<engine::Files> {
        match files {
            Files::Context => {
                let folder = self.snapshot.setup.context_folder(&self.snapshot.uri)?;
                let dockerfile = convert::path(&self.snapshot.uri);
                self.engine().context_files(&folder, dockerfile.as_deref())
            }
            Files::Before(offset) => self.of_layers(&self.layers_before(offset)?),
            Files::Stage(index) => self.of_layers(&self.layers_of_stage(index, u32::MAX)?),
            Files::Named(name) => {
                let image = self.engine().image(name).ok()?;
                self.of_layers(&image.diff_ids())
            }
        }
    }

    fn of_layers(&self, layers: &Arc<[DiffId]>) -> Option<engine::Files> {
        self.engine().files_of_layers(layers)
    }

    /// The layers that the instruction at `offset` finds, as far as they are here.
    fn layers_before(&self, offset: u32) -> Option<Arc<[DiffId]>> {
        let file = self.snapshot.file();
        let start = file
            .instruction_at(offset)
            .map_or(offset, |instruction| instruction.range.start);
        self.layers_of_stage(file.names().stage_at(offset)?, start)
    }

    /// The layers of a stage, its steps that end before `end` done; those that are not here yet are left out.
    fn layers_of_stage(&self, stage: usize, end: u32) -> Option<Arc<[DiffId]>> {
        let chain: Vec<usize> = self.snapshot.file().names().chain(stage).collect();
        self.layers_done(&chain, end)
            .or_else(|| Some(self.base_image(*chain.last()?)?.diff_ids()))
    }

    /// The layers that the last step has made of the first stage of a chain, or of the next one that has any.
    fn layers_done(&self, chain: &[usize], end: u32) -> Option<Arc<[DiffId]>> {
        let depths: HashMap<usize, usize> = chain.iter().copied().zip(0..).collect();
        let forecasted = self.snapshot.last_forecast.as_ref()?;
        // While one types the forecast is of an older text: what stands in front of the first change is as it was.
        let known = if Arc::ptr_eq(&forecasted.text, &self.snapshot.text) {
            usize::MAX
        } else {
            common_prefix(forecasted.text.source(), self.snapshot.text.source())
        };
        let forecast = &forecasted.forecast;
        let done = forecast.steps.iter().rev().filter_map(|step| {
            let planned = forecast.plan.step(step.step);
            let depth = *depths.get(&planned.stage?)?;
            let is_before = depth > 0 || planned.range.end <= end;
            let is_known = (planned.range.end as usize) < known;
            let layers = step.layers.as_ref().filter(|layers| !layers.is_empty())?;
            (is_before && is_known).then_some((depth, layers))
        });
        done.min_by_key(|(depth, _)| *depth)
            .map(|(_, layers)| layers.clone())
    }

    /// The image of the store that a stage stands on.
    fn base_image(&self, stage: usize) -> Option<Image> {
        let file = self.snapshot.file();
        let name = file.names().base_image(file, stage)?;
        self.engine().image(&name.to_str_lossy()).ok()
    }

    fn accounts(&self, files: Files<'_>, file: &str) -> Listing<Account> {
        let Some(files) = self.files(files) else {
            return Listing::unknown();
        };
        let account = |line: &str| {
            let mut fields = line.split(':');
            let name = fields.next().filter(|name| !name.is_empty())?.to_owned();
            let id = fields.nth(1)?.parse().ok()?;
            Some(Account { name, id })
        };
        Listing::of(files.text(file).lines().filter_map(account).collect())
    }

    /// The `PATH` that is in force for `files`.
    fn search_path(&self, files: Files<'_>) -> String {
        let Files::Before(offset) = files else {
            return DEFAULT_PATH.to_owned();
        };
        let names = self.snapshot.file().names();
        let set = names.variables(self.snapshot.file(), offset);
        let own = set.into_iter().rfind(|v| v.name == "PATH" && v.complete);
        let of_image = || {
            let config = self.base_image(names.chain(names.stage_at(offset)?).last()?)?;
            let mut env = config.config.config.env.iter();
            env.find_map(|e| Some(e.strip_prefix("PATH=")?.to_owned()))
        };
        own.and_then(|v| v.value)
            .or_else(of_image)
            .unwrap_or_else(|| DEFAULT_PATH.to_owned())
    }
}

/// Number of bytes with which both texts begin.
fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    let pairs = one.iter().zip(other);
    pairs.take_while(|(a, b)| a == b).count()
}

impl Surroundings for Around<'_> {
    fn images(&self) -> Listing<ImageName> {
        let now = SystemTime::now();
        let stored = self.stored();
        let named = stored.iter().flat_map(|image| {
            let age = image
                .created
                .map(|created| format!(", {}", ago(created, now)));
            let detail = format!("{}{}", Size(image.size), age.unwrap_or_default());
            image.names.iter().map(move |name| ImageName {
                name: name.strip_suffix(":latest").unwrap_or(name).to_owned(),
                detail: detail.clone(),
            })
        });
        Listing::of(named.collect())
    }

    fn tags(&self, name: &str) -> Listing<Tag> {
        let tag = |name: &str, local| Tag {
            name: name.to_owned(),
            local,
        };
        let stored = self.stored_tags(name);
        let mut items: Vec<_> = stored.iter().map(|name| tag(name, true)).collect();
        if !self.snapshot.setup.settings.registry_tags {
            return Listing::of(items);
        }
        let listed = self.engine().tags(name);
        let others = listed.names.iter().filter(|name| !stored.contains(*name));
        items.extend(others.map(|name| tag(name, false)));
        Listing {
            items,
            complete: !listed.asking,
        }
    }

    fn image(&self, reference: &str, platform: Option<&str>) -> Option<Arc<ImageFacts>> {
        let image = self.engine().image(reference).ok()?;
        let own = Platform::new(&image.os, &image.architecture, &image.variant);
        // What is no platform, or only becomes one, says nothing about the image.
        let wanted = platform.and_then(|text| Platform::parse(text, &host_platform()).ok());
        let fits = wanted.is_none_or(|wanted| wanted.matches(&own));
        let own = own.to_string();
        let created = image.created.map(|created| ago(created, SystemTime::now()));
        fits.then(|| {
            Arc::new(ImageFacts {
                reference: image.names.first().cloned().unwrap_or_default(),
                digest: image.digest.to_string(),
                platforms: vec![own.clone()],
                platform: own,
                size: Size(image.size).to_string(),
                created: created.unwrap_or_default(),
                config: image.config,
            })
        })
    }

    fn entries(&self, files: Files<'_>, path: &str) -> Listing<Entry> {
        let Some(files) = self.files(files) else {
            return Listing::unknown();
        };
        let entry = |(name, folder)| Entry { name, folder };
        Listing::of(files.names(path).into_iter().map(entry).collect())
    }

    fn users(&self, files: Files<'_>) -> Listing<Account> {
        self.accounts(files, "/etc/passwd")
    }

    fn groups(&self, files: Files<'_>) -> Listing<Account> {
        self.accounts(files, "/etc/group")
    }

    fn programs(&self, files: Files<'_>) -> Listing<String> {
        let path = self.search_path(files);
        let Some(files) = self.files(files) else {
            return Listing::unknown();
        };
        let folders = path.split(':').filter(|folder| folder.starts_with('/'));
        let names = folders.flat_map(|folder| files.names(folder));
        let programs = names.filter(|(_, folder)| !folder).map(|(name, _)| name);
        let once: BTreeSet<String> = programs.take(MANY).collect();
        Listing::of(once.into_iter().collect())
    }

    fn contexts(&self) -> Vec<String> {
        let request = self.snapshot.setup.request(&self.snapshot.uri);
        request.contexts.into_keys().collect()
    }
}
