//! The Dockerfile language server: diagnostics at every edit, and at every step what the next build will do.
//!
//! [`serve`] speaks the protocol on standard input and output. The server only reads: it executes nothing, writes
//! nothing into the store and asks no network.

mod convert;
mod document;
mod hints;
mod hover;
mod server;
mod transport;

pub use server::serve;
