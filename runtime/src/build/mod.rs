//! Builds: one request, one [`Plan`](cooperage_lang::plan::Plan), one decision for each step.
//!
//! [`forecast`](forecast::forecast) and [`execute`](exec::execute) walk the same plan and call the same
//! [`decide`](cache::decide); nothing else computes a cache key.

pub mod advice;
pub mod cache;
pub mod content;
pub mod context;
pub mod error;
pub mod events;
pub mod exec;
pub mod fetch;
pub mod forecast;
pub mod ops;
pub mod output;
pub(crate) mod pool;
pub mod request;
pub mod runner;
pub mod selection;
pub mod stack;
pub mod tree;
pub mod words;
