//! The trace: what callers do, and when.
//!
//! A trace is a bundle, a folder of Parquet tables and clips (`bundle`), whose rows are declared in
//! `model`. It is compiled from clips and an arrival process (`arrivals`, `compile`). This room is
//! synchronous, reads no clock and knows no gateway.

pub mod model;
