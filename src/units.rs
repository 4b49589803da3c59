//! Typed time and sample counts: trace time, run time, signed lag and samples cannot be mixed up.
//!
//! Everything is integer nanoseconds or whole samples. Conversion between trace and run time
//! (offset, speed) happens in `replay::plan` and nowhere else.

mod bars;
mod codes;
mod columns;
mod outside;
pub mod priority;
mod share;
pub mod spelling;
pub mod terminal;

use std::fmt;

pub use bars::bars;
pub use codes::{close_code, grpc_code_name, http_status};
pub use columns::columns;
pub use outside::{html_text, plain, plain_json, plain_lines, spreadsheet_cell};
pub use share::{percent, share_percent};

/// Nanoseconds in one second.
pub const NS_PER_S: i64 = 1_000_000_000;
/// Nanoseconds in one millisecond.
pub const NS_PER_MS: i64 = 1_000_000;

/// Nanoseconds since the start of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TraceTime(pub i64);

/// Nanoseconds since the epoch of a run, on the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RunTime(pub i64);

/// Signed nanoseconds between an intended instant and what happened; positive is late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lag(pub i64);

/// The instant a run counts from, on both clocks, and the boot that the monotonic one belongs to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Epoch {
    /// Wall clock, nanoseconds since 1970-01-01 UTC.
    pub realtime_ns: i64,
    /// Monotonic clock, nanoseconds since an arbitrary start that one boot shares.
    pub monotonic_ns: i64,
    /// The kernel's boot id; empty where the system has none.
    pub boot_id: String,
}

impl RunTime {
    /// How far `self` lies after `intended`.
    #[must_use]
    pub fn lag_from(self, intended: RunTime) -> Lag {
        Lag(self.0 - intended.0)
    }
}

/// Samples a second of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleRate(pub u32);

impl SampleRate {
    /// The rate of every prepared clip.
    pub const PREPARED: SampleRate = SampleRate(16_000);
}

/// A count of samples of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Samples(pub u64);

impl Samples {
    /// The length of these samples in nanoseconds, rounded down; saturates instead of overflowing.
    #[must_use]
    pub fn duration_ns(self, rate: SampleRate) -> i64 {
        let ns = u128::from(self.0) * NS_PER_S as u128 / u128::from(rate.0.max(1));
        i64::try_from(ns).unwrap_or(i64::MAX)
    }

    /// The number of samples that fit into `ns`, rounded down; 0 for negative lengths.
    #[must_use]
    pub fn in_ns(ns: i64, rate: SampleRate) -> Samples {
        let samples = ns.max(0) as u128 * u128::from(rate.0) / NS_PER_S as u128;
        Samples(u64::try_from(samples).unwrap_or(u64::MAX))
    }
}

/// A text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration; write it as `250ms`, `1m30s`, or a bare number of seconds")]
pub struct DurationError(pub String);

/// The nanoseconds of `250ms`, `1m30s`, or a bare number, which is seconds.
///
/// # Errors
/// Anything else, negative durations, and what does not fit.
pub fn duration_ns(text: &str) -> Result<i64, DurationError> {
    let refused = || DurationError(text.to_owned());
    let parsed = match text.parse::<f64>() {
        Ok(seconds) => std::time::Duration::try_from_secs_f64(seconds).map_err(|_| refused())?,
        Err(_) => humantime::parse_duration(text).map_err(|_| refused())?,
    };
    i64::try_from(parsed.as_nanos()).map_err(|_| refused())
}

/// `ns` as [`duration_ns`] reads it back: `250ms`, `1m30s`; negative values as 0.
#[must_use]
pub fn duration_text(ns: i64) -> String {
    let duration = std::time::Duration::from_nanos(ns.max(0).unsigned_abs());
    let text = humantime::format_duration(duration).to_string();
    text.replace(' ', "")
}

/// Nanoseconds shown for a person: `850 ns`, `12.3 µs`, `4.56 ms`, `1.23 s`, `2m05s`.
#[derive(Debug, Clone, Copy)]
pub struct Human(pub i64);

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let ns = self.0.unsigned_abs();
        let text = match ns {
            0..1_000 => format!("{sign}{ns} ns"),
            1_000..1_000_000 => format!("{sign}{} µs", three_digits(ns as f64 / 1e3)),
            1_000_000..1_000_000_000 => format!("{sign}{} ms", three_digits(ns as f64 / 1e6)),
            1_000_000_000..120_000_000_000 => format!("{sign}{} s", three_digits(ns as f64 / 1e9)),
            _ => {
                let s = ns / 1_000_000_000;
                match s / 3600 {
                    0 => format!("{sign}{}m{:02}s", s / 60, s % 60),
                    h => format!("{sign}{h}h{:02}m{:02}s", s / 60 % 60, s % 60),
                }
            }
        };
        f.pad(&text)
    }
}

fn three_digits(v: f64) -> String {
    match v {
        v if v < 10.0 => format!("{v:.2}"),
        v if v < 100.0 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

/// `n` with its digits in groups of three.
#[must_use]
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `n` and its noun: `1 turn`, `12 turns`.
#[must_use]
pub fn counted(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_20_ms_chunk_at_16_khz_is_320_samples_both_ways() {
        assert_eq!(
            Samples(320).duration_ns(SampleRate::PREPARED),
            20 * NS_PER_MS
        );
        assert_eq!(
            Samples::in_ns(20 * NS_PER_MS, SampleRate::PREPARED),
            Samples(320)
        );
    }

    #[test]
    fn extreme_lengths_saturate() {
        assert_eq!(Samples(u64::MAX).duration_ns(SampleRate(0)), i64::MAX);
        assert_eq!(Samples::in_ns(-5, SampleRate::PREPARED), Samples(0));
    }

    #[test]
    fn durations_are_read_and_written() {
        for (text, ns) in [
            ("250ms", 250_000_000),
            ("1m30s", 90 * NS_PER_S),
            ("2", 2 * NS_PER_S),
            ("0.25", 250_000_000),
            ("1.5s", 1_500_000_000),
            ("0", 0),
        ] {
            assert_eq!(duration_ns(text), Ok(ns));
            assert_eq!(duration_ns(&duration_text(ns)), Ok(ns));
        }
        assert_eq!(duration_text(1_500_000_000), "1s500ms");
    }

    #[test]
    fn what_is_not_a_duration_is_named() {
        for text in ["", "-1", "-1s", "5 parsecs", "nan", "inf", "1e30"] {
            assert_eq!(duration_ns(text), Err(DurationError(text.to_owned())));
        }
    }

    #[test]
    fn counts_read_well() {
        let shown = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [counted(1, "turn"), counted(0, "turn")],
            ["1 turn", "0 turns"]
        );
    }

    #[test]
    fn human_times_keep_three_digits() {
        let shown = [
            850,
            12_340,
            4_560_000,
            1_230_000_000,
            125_000_000_000,
            -12_340,
        ]
        .map(|ns| Human(ns).to_string());
        assert_eq!(
            shown,
            [
                "850 ns",
                "12.3 µs",
                "4.56 ms",
                "1.23 s",
                "2m05s",
                "-12.3 µs"
            ]
        );
    }
}
