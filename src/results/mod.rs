//! The run: what happened. Rows, their schema, and the files they are written to and read from.

pub mod answer;
pub mod error;
pub mod exclusion;
pub mod lag;
pub mod latency;
pub mod manifest;
mod merge;
pub mod metrics;
pub mod neighbours;
mod parts;
pub mod protocol;
pub mod reader;
pub mod row;
#[doc(hidden)]
pub mod sample;
pub mod settings;
pub mod standing;
pub mod tables;
mod unfinished;
pub mod writer;

pub use error::ResultsError;
