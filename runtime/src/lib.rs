//! Everything of Cooperage that touches the kernel, the disk or the network: store, images, registries, containers and
//! the builder. There is no daemon: every process that opens an [`engine::Paths`] works on the same store.

pub mod build;
pub mod cancel;
pub mod cgroups;
pub mod container;
pub mod dockerfiles;
pub mod engine;
pub mod idmap;
pub mod image;
pub mod registry;
pub mod settings;
pub mod shellcheck;
pub mod store;
pub mod sys;
pub mod units;
pub(crate) mod waiting;
pub mod world;
