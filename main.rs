//! Picks a front end and turns its answer into the exit status.

use std::process::ExitCode;

fn main() -> ExitCode {
    // A container's first process is this program again: it must be found before anything starts a thread.
    cooperage_runtime::container::dispatch_hidden(std::env::args_os());
    let services = cooperage_repl::Services {
        lsp: cooperage_lsp::serve,
    };
    ExitCode::from(cooperage_repl::main(std::env::args_os().skip(1), services))
}
