//! The registry client against a registry that lies, and against Debian's `docker-registry`, both on loopback; the sources of
//! `ADD` that use the same transport.

#[path = "registry/fetch.rs"]
mod fetch;
#[path = "registry/lying.rs"]
mod lying;
#[path = "registry/real.rs"]
mod real;
