//! The program as its users meet it: one binary with all integration tests.

mod cli;
mod forecast;
mod lsp;
mod neovim;
mod prompt;
mod sandbox;
mod tidy;
