//! The run: what happened. Rows, their schema, and the files they are written to and read from.

pub mod beside;
pub mod error;
pub mod lag;
pub mod latency;
pub mod manifest;
pub mod reader;
pub mod row;
#[doc(hidden)]
pub mod sample;
mod unfinished;
pub mod writer;

pub use error::ResultsError;
