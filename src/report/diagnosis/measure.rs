//! What a limit on streams may be on.

use crate::units::{Human, NS_PER_MS};

/// How near each other ages of one limit must lie: so long, or a share of the age where that is longer.
pub(super) const NEAR_NS: i64 = 150 * NS_PER_MS;
const NEAR_SHARE: i64 = 40;
/// How near sizes must lie: a few chunks, or a share where that is more; small ones a share as well,
/// since callers who all send as fast are alike in size where they are alike in age.
const NEAR_BYTES: i64 = 8_192;
const SMALL_SHARE: i64 = 16;

/// What a limit is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// Time since the stream was opened, nanoseconds.
    Age,
    /// Time since the caller's last chunk, nanoseconds.
    SinceRequest,
    /// Bytes that the caller sent.
    Bytes,
}

/// Something by measure, in the order of [`Measure::ALL`].
pub(super) type ByMeasure<T> = [T; Measure::ALL.len()];

impl Measure {
    pub(super) const ALL: [Measure; 3] = [Measure::Age, Measure::SinceRequest, Measure::Bytes];

    /// How far apart figures of one limit may lie.
    pub(super) fn near(self, figure: i64) -> i64 {
        let least = match self {
            Measure::Bytes => NEAR_BYTES.min(figure / SMALL_SHARE),
            Measure::Age | Measure::SinceRequest => NEAR_NS,
        };
        least.max(figure / NEAR_SHARE)
    }

    /// A figure for people.
    pub(super) fn said(self, figure: i64) -> String {
        match self {
            Measure::Age | Measure::SinceRequest => Human(figure).to_string(),
            Measure::Bytes => self.exactly(figure),
        }
    }

    /// A figure with more digits: a limit is told by how little its figures differ.
    pub(super) fn exactly(self, figure: i64) -> String {
        match self {
            Measure::Age | Measure::SinceRequest => format!("{:.3} s", figure as f64 / 1e9),
            Measure::Bytes => format!("{:.2} MiB", figure as f64 / f64::from(1 << 20)),
        }
    }

    /// Where a figure counts from.
    pub(super) fn origin(self) -> &'static str {
        match self {
            Measure::Age => "after they were opened",
            Measure::SinceRequest => "after the caller's last chunk",
            Measure::Bytes => "into what they sent",
        }
    }
}
