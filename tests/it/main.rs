//! The program as its users meet it: one binary with all integration tests.

mod advice;
mod cache;
mod cli;
mod containers;
mod editors;
mod fmt;
mod forecast;
mod forecast_real;
mod lint;
mod lsp;
mod lsp_client;
mod lsp_features;
mod lsp_hostile;
mod lsp_outside;
mod lsp_protocol;
mod lsp_stuck;
mod prompt;
mod registry;
mod sandbox;
mod tidy;
