//! Picks a front end and turns its answer into the exit status.

use cooperage_runtime::sys::memory::Heap;
use std::process::ExitCode;

// A long file is planned and looked at in hundreds of thousands of small pieces, from one thread and then another.
#[global_allocator]
static HEAP: Heap = Heap;

fn main() -> ExitCode {
    // A container's first process is this program again: it must be found before anything starts a thread.
    cooperage_runtime::container::dispatch_hidden(std::env::args_os());
    let services = cooperage_repl::Services {
        lsp: cooperage_lsp::serve,
    };
    ExitCode::from(cooperage_repl::main(std::env::args_os().skip(1), services))
}
