//! The Dockerfile language, exactly as BuildKit's front end reads it: lossless tree, typed instructions, model,
//! diagnostics and the one [`plan::Plan`] of a build.
//!
//! Pure: no I/O, no clock, no environment. What a build needs to know of the world outside the text it asks
//! through [`world::World`].

pub mod diagnostic;
pub mod format;
pub mod ide;
pub mod instructions;
pub mod lints;
pub mod model;
pub mod plan;
pub mod quote;
pub mod rune;
pub mod shell;
pub mod syntax;
pub mod text;
pub mod world;
