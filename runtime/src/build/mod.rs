//! Builds: one request, one [`Plan`](cooperage_lang::plan::Plan), one decision for each step.
//!
//! [`forecast`](forecast::forecast) and [`execute`](exec::execute) walk the same plan and call the same
//! [`decide`](cache::decide); nothing else computes a cache key.

pub mod cache;
pub mod content;
pub mod context;
pub mod events;
pub mod exec;
pub mod forecast;
pub mod ops;
mod pool;
pub mod request;
pub mod selection;
pub mod stack;
pub mod tree;
