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

use crate::cancel::Cancel;
use crate::store::{ImageRecord, Store};
use crate::waiting::block_on;
use cooperage_lang::model::platform::Platform;
use cooperage_lang::model::reference::Reference;
use std::time::Duration;

/// Longest that somebody who types waits for a list of tags.
const TAGS_IN_TIME: Duration = Duration::from_secs(20);

/// The tags of the repository of a reference, from a thread that may wait. Asked once: who wants to know asks again.
///
/// # Errors
/// As [`Client::tags`]; [`RegistryError::TimedOut`] also for a list that does not come to an end.
pub(crate) fn tags_blocking(
    insecure: &[String],
    reference: &Reference,
) -> Result<Vec<String>, RegistryError> {
    let mut options = ClientOptions::from_env(insecure.to_vec());
    options.transport.attempts = 1;
    let client = Client::new(options);
    let asking = async { client.tags(&client.repository(reference).await?).await };
    let asked = block_on(&Cancel::new(), async {
        let in_time = tokio::time::timeout(TAGS_IN_TIME, asking).await;
        in_time.unwrap_or_else(|_| {
            Err(RegistryError::TimedOut {
                host: reference.domain.clone(),
            })
        })
    });
    match asked {
        Ok(Some(tags)) => tags,
        Ok(None) => Err(RegistryError::Canceled),
        Err(error) => Err(RegistryError::Runtime(error)),
    }
}

/// Pulls from a thread that may wait. `progress` is called on this thread.
///
/// # Errors
/// [`PullError`]; [`RegistryError::Canceled`] when `cancel` was called.
pub fn pull_blocking(
    store: &Store,
    insecure: &[String],
    reference: &Reference,
    platform: &Platform,
    progress: &dyn Fn(PullEvent),
    cancel: &Cancel,
) -> Result<ImageRecord, PullError> {
    let failed = |cause| PullError {
        name: reference.familiar(),
        cause,
    };
    let (events, mut received) = tokio::sync::mpsc::unbounded_channel();
    let client = Client::from_env(insecure.to_vec());
    // A receiver that is gone wants no more news.
    let send = std::sync::Arc::new(move |event| drop(events.send(event)));
    let done = block_on(cancel, async {
        let pulling = pull(&client, store, reference, platform, send);
        tokio::pin!(pulling);
        loop {
            tokio::select! {
                result = &mut pulling => break result,
                Some(event) = received.recv() => progress(event),
            }
        }
    });
    while let Ok(event) = received.try_recv() {
        progress(event);
    }
    match done {
        Ok(Some(result)) => result,
        Ok(None) => Err(failed(RegistryError::Canceled)),
        Err(e) => Err(failed(RegistryError::Runtime(e))),
    }
}
