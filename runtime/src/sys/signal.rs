//! A clean slate of signals: Rust's runtime ignores SIGPIPE, and an ignored signal stays ignored over exec.

/// Default actions for the standard signals, none blocked. Handlers go away by exec, so this is about ignored ones, and
/// nobody ignores real-time signals.
pub(crate) fn reset() {
    for signal in 1..=libc::SIGSYS {
        // SAFETY: SIG_DFL is a valid disposition for every signal; for KILL and STOP the call fails and changes nothing.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: an all-zero set is initialised by sigemptyset before use; both pointers are live or null.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}
