//! Waiting for something asynchronous on a thread that may block.

use crate::cancel::Cancel;
use std::io;

/// Runs `future` to its end; `None` when `cancel` was called before. What the future owns is dropped then.
///
/// # Errors
/// The runtime cannot be started: no descriptors or threads are left.
pub(crate) fn block_on<T>(
    cancel: &Cancel,
    future: impl Future<Output = T>,
) -> io::Result<Option<T>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let (stop, mut stopped) = tokio::sync::watch::channel(false);
    let _guard = cancel.on_cancel(move || {
        // Nobody listens when the work ended meanwhile.
        let _ = stop.send(true);
    });
    Ok(runtime.block_on(async {
        tokio::select! {
            result = future => Some(result),
            Ok(_) = stopped.wait_for(|stop| *stop) => None,
        }
    }))
}
