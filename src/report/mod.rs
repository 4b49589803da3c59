//! The report: what the rows of a run say, as figures and as text.
//!
//! Works on a run directory alone and never sees a trace or a gateway.

pub mod breakdown;
pub mod clusters;
pub mod compare;
pub mod lag;
pub mod latencies;
mod layout;
#[cfg(test)]
mod snapshots;
pub mod stats;
pub mod summary;
mod tally;
pub mod text;
pub mod witness;
pub mod yardstick;

pub use summary::Summary;
