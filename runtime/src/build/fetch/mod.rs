//! Sources of `ADD` and of contexts that are not on this machine: files over HTTP, git repositories.

pub mod git;
pub mod http;
