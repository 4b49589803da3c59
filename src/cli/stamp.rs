//! What traces and runs say of their making: the tool, and the time of day.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::clock;
use crate::results::manifest::second;
use crate::trace::manifest::Provenance;

pub(crate) use crate::results::manifest::TOOL;

/// The zone of local time: that of `TZ` or of the system, else UTC.
pub(crate) fn zone() -> TimeZone {
    TimeZone::system()
}

/// The present second.
pub(crate) fn now() -> Timestamp {
    second(clock::wall_ns())
}

/// A step of a trace's history that is made now.
pub(crate) fn step(step: &str, settings: Value) -> Provenance {
    Provenance {
        step: step.to_owned(),
        tool: TOOL.to_owned(),
        at: now().to_string(),
        settings,
    }
}
