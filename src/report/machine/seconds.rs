//! Seconds as floating point, as the Python load test wrote them; everything of ours is nanoseconds.

use crate::units::NS_PER_S;

/// `ns` in seconds.
pub(super) fn seconds(ns: i64) -> f64 {
    ns as f64 / NS_PER_S as f64
}
