//! What can be seen of a run while it goes on.
//!
//! `gauges` are written by whoever makes the load, with `spread`s for durations. `snapshot` is what
//! they were at an instant and over the last seconds, `screen` shows it to people. `prometheus` is
//! the text that Prometheus reads, `exporter` hands it out over HTTP.

pub mod exporter;
pub mod gauges;
pub mod histogram;
pub mod prometheus;
pub mod screen;
pub mod snapshot;
