//! Images: their documents, archives and layouts, and images made of this host's programs.
//!
//! [`manifest`] judges documents that come from outside; [`ingest`] takes layers into the store. [`load`] reads OCI
//! layouts and docker archives, [`save`] writes them, [`rootfs`] writes an image's files as archive or folder,
//! [`import`] makes an image of a tree, [`base`] of this host's programs.

pub mod archive;
pub mod base;
pub mod config;
mod elf;
pub mod export;
pub mod import;
pub mod ingest;
pub mod inspect;
pub mod load;
pub mod manifest;
pub mod rootfs;
pub mod save;
pub mod tarball;
