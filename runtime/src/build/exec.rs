//! Execution of a plan.
