//! The report: what the rows of a run say, as figures and as text.
//!
//! Works on a run directory alone and never sees a trace or a gateway.

mod accumulator;
mod answer_titles;
mod axis;
mod bins;
pub mod breakdown;
mod chart;
pub mod clusters;
pub mod compare;
mod counted;
pub mod counted_sections;
pub mod diagnosis;
mod document;
mod end_code;
pub mod goodput;
pub mod growth;
pub mod guidance;
mod html;
pub mod lag;
pub mod latencies;
pub mod machine;
mod markdown;
pub mod rates;
mod ready_wait;
pub mod receiver_check;
pub mod recorded_baseline;
pub mod render;
pub mod require;
pub mod runs;
mod sections;
pub mod server;
pub mod shares;
mod sketch;
#[cfg(test)]
mod snapshots;
pub mod stats;
pub mod steady;
pub mod summarise;
pub mod summary;
mod text;
pub mod turns;
pub mod waterfall;
pub mod wer;

pub use summary::Summary;
