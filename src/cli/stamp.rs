//! What traces and runs say of their making: the tool, and the time of day.

use jiff::Timestamp;

use crate::clock;
use crate::units::NS_PER_S;

/// `voicelt` and its version.
pub(crate) const TOOL: &str = concat!("voicelt ", env!("CARGO_PKG_VERSION"));

/// The present second.
pub(crate) fn now() -> Timestamp {
    let second = clock::wall_ns().div_euclid(NS_PER_S);
    Timestamp::from_second(second).unwrap_or_default()
}
