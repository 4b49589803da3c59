//! Reports for programs: the JSON document, one record a request as JSON and as CSV, and JUnit.
//!
//! The document is the [`Summary`](super::Summary), and beside it the fields of the Python load test
//! that voicelt took the place of, under the names that its readers know.

mod config;
pub mod csv;
pub mod document;
pub mod junit;
mod latency;
mod original;
pub mod raw;
mod seconds;

pub use document::Document;
