//! The report: what the rows of a run say, as figures and as text.
//!
//! Works on a run directory alone and never sees a trace or a gateway.

mod accumulator;
mod bins;
pub mod breakdown;
pub mod clusters;
pub mod compare;
pub mod diagnosis;
pub mod exclusion;
pub mod growth;
pub mod guidance;
pub mod html;
pub mod lag;
pub mod latencies;
pub mod machine;
pub mod markdown;
pub mod rates;
pub mod recorded_baseline;
pub mod require;
pub mod runs;
pub mod server;
mod sketch;
#[cfg(test)]
mod snapshots;
pub mod stats;
pub mod steady;
pub mod summary;
pub mod text;
mod trust;
pub mod turns;
pub mod wer;
pub mod witness;

pub use summary::Summary;
