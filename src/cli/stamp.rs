//! What traces and runs say of their making: the tool, and the time of day.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::clock;
use crate::results::manifest::second;

pub(crate) use crate::results::manifest::TOOL;

/// The zone of local time: that of `TZ` or of the system, else UTC.
pub(crate) fn zone() -> TimeZone {
    TimeZone::system()
}

/// The present second.
pub(crate) fn now() -> Timestamp {
    second(clock::wall_ns())
}
