//! The comparison of runs: what differs between a base and others, and whether chance explains it.

pub mod model;

pub use model::Comparison;
