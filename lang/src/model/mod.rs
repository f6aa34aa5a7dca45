//! What the words of a Dockerfile mean: variables and expansion, image references, platforms, ignore patterns,
//! ports, signals, durations, modes, mounts. Each is a value with a checked constructor.

pub mod argument;
pub mod bytes;
pub mod device;
pub mod duration;
pub mod expand;
pub mod ignore;
pub mod image;
pub mod label;
pub mod mode;
pub mod mount;
pub mod pattern;
pub mod platform;
pub mod port;
pub mod reference;
pub mod scope;
pub mod signal;
pub mod stage;
pub mod suggest;
pub mod url;
pub mod variable;

#[cfg(test)]
mod properties;
