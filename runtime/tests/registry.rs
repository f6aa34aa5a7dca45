//! The registry client against a registry that lies, and against Debian's `docker-registry`, both on loopback.

#[path = "registry/lying.rs"]
mod lying;
#[path = "registry/real.rs"]
mod real;
