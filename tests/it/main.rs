//! The program as its users meet it: one binary with all integration tests.

mod cli;
mod forecast;
mod sandbox;
mod tidy;
