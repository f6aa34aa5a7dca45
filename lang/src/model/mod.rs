//! What the words of a Dockerfile mean: variables and expansion, image references, platforms, ignore patterns,
//! ports, signals, durations, modes, mounts. Each is a value with a checked constructor.

pub mod device;
pub mod duration;
pub mod expand;
pub mod ignore;
pub mod platform;
pub mod reference;
pub mod suggest;
