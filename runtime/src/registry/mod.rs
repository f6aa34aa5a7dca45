//! The client side of the OCI distribution protocol: resolving names, pulling images.
//!
//! [`pull::pull`] brings an image into the store. Below it [`client`] speaks the protocol, [`auth`] answers challenges,
//! [`credentials`] finds secrets, [`blob`] downloads with resumption and [`transport`] is the one place that sends
//! requests: redirects, waiting and the rule that a credential stays with the origin it was meant for live there.

pub mod auth;
pub mod blob;
pub mod client;
pub mod credentials;
pub mod endpoint;
pub mod error;
pub mod pull;
pub mod transport;

pub use client::{Client, ClientOptions};
pub use error::{PullError, RegistryError};
pub use pull::{PullEvent, pull, resolve};
