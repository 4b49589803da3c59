//! What can be seen of a run while it goes on.

pub mod gauges;
