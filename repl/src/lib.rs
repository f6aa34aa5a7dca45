//! The front ends of Cooperage for people: commands, the prompt and scripts. Every command line, prompt line and script
//! call ends in one function `run(&Session, Args) -> Result<Value, CommandError>`; this crate renders the values and is
//! the only one that prints.
//!
//! ```
//! use cooperage_repl::units::Size;
//!
//! assert_eq!(Size(61_400_000).to_string(), "61.4 MB");
//! ```

pub mod cli;
pub mod commands;
pub mod error;
pub mod near;
pub mod render;
pub mod request;
pub mod script;
pub mod session;
pub mod shell;
pub use cooperage_runtime::units;
pub mod value;

pub use cli::main;
pub use session::Services;
