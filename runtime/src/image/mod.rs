//! Images: their documents, archives and layouts, and images made of this host's programs.

pub mod ingest;
pub mod manifest;
