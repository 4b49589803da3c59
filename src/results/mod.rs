//! The run: what happened. Rows, their schema, and the files they are written to and read from.

pub mod latency;
pub mod manifest;
pub mod row;
