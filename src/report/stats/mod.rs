//! Exact quantiles of values of which some never came, and how far they can be trusted.
//!
//! A quantile is the **nearest rank** (the inverted distribution function, type 1 of Hyndman and
//! Fan 1996): the value at rank ⌈p·n⌉ of the sorted rows. It is always a value that was measured,
//! and it stays defined when the largest values are "never", where an interpolation would not.
//! `interval` has its confidence interval, which is made of measured values too.

mod interval;
mod level;
mod percentiles;
mod sample;
pub(in crate::report) mod special;

pub use level::Level;
pub use percentiles::{PerLevel, Percentiles, Quantile};
pub use sample::Sample;
