//! The Dockerfile language server: everything an editor asks of a Dockerfile, and at every step what the next build will
//! do.
//!
//! [`serve`] speaks the protocol on standard input and output. The server only reads: a build that is asked for is a
//! process of its own, and the one thing that it asks the network for, and keeps in the store's cache, are lists of tags.
//! Of other programs it starts ShellCheck alone.

mod around;
mod builds;
mod checker;
mod client;
mod convert;
mod document;
mod forecaster;
mod frames;
mod handlers;
mod jobs;
mod sent;
mod server;
mod session;
mod settings;
mod setup;
mod talk;
mod workspace;

pub use talk::serve;
