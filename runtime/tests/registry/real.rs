//! Debian's registry.
