//! How fast audio is sent.

use std::fmt;
use std::str::FromStr;

use crate::units::{NS_PER_MS, SampleRate, Samples};

/// Bytes of a chunk at [`Pace::Original`].
const ORIGINAL_BYTES: u64 = 4096;
/// Time between chunks at [`Pace::Original`].
const ORIGINAL_INTERVAL_NS: i64 = 10 * NS_PER_MS;
/// The fastest [`Pace::Fast`].
const FASTEST: f64 = 100.0;

/// How fast audio is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Pace {
    /// As fast as it is spoken.
    #[default]
    RealTime,
    /// 4,096 bytes every 10 ms, whatever the rate: as load tests did that sleep between writes of a
    /// buffer's size. Over 11 times as fast as speech at 16 kHz.
    Original,
    /// So many times as fast as it is spoken.
    Fast(f64),
}

impl Pace {
    /// Samples of a chunk, and the time from one to the next, where a chunk of speech is
    /// `chunk_ns` long.
    #[must_use]
    pub fn chunks(self, chunk_ns: i64, rate: SampleRate) -> (u64, i64) {
        let samples = Samples::in_ns(chunk_ns, rate).0.max(1);
        match self {
            Pace::RealTime => (samples, chunk_ns),
            Pace::Original => (ORIGINAL_BYTES / 2, ORIGINAL_INTERVAL_NS),
            Pace::Fast(times) => (samples, ((chunk_ns as f64 / times) as i64).max(1)),
        }
    }

    /// Whether audio is sent faster than it is spoken: there is then no caller who could wait for
    /// the end of an answer.
    #[must_use]
    pub fn is_faster_than_speech(self) -> bool {
        self != Pace::RealTime
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pace::RealTime => f.pad("realtime"),
            Pace::Original => f.pad("original"),
            Pace::Fast(times) => f.pad(&format!("fast:{times}")),
        }
    }
}

/// What is no pace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no pace; use realtime, original, or fast:FACTOR with a factor over 1 and up to 100"
)]
pub struct PaceError(String);

impl FromStr for Pace {
    type Err = PaceError;

    fn from_str(text: &str) -> Result<Pace, PaceError> {
        let no_pace = || PaceError(text.to_owned());
        match text {
            "realtime" => Ok(Pace::RealTime),
            "original" => Ok(Pace::Original),
            _ => {
                let times = text.strip_prefix("fast:").ok_or_else(no_pace)?;
                let times: f64 = times.parse().map_err(|_| no_pace())?;
                match times > 1.0 && times <= FASTEST {
                    true => Ok(Pace::Fast(times)),
                    false => Err(no_pace()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_read_as_it_is_shown() {
        for text in ["realtime", "original", "fast:2.5"] {
            assert_eq!(text.parse::<Pace>().unwrap().to_string(), text);
        }
        for text in ["fast", "fast:1", "fast:nan", "fast:1000", "slow"] {
            let error = text.parse::<Pace>().unwrap_err().to_string();
            assert!(
                error.contains(text) && error.contains("realtime"),
                "{error}"
            );
        }
    }

    #[test]
    fn the_original_pace_is_over_eleven_times_that_of_speech() {
        let (samples, interval_ns) = Pace::Original.chunks(20 * NS_PER_MS, SampleRate(16_000));
        assert_eq!((samples, interval_ns), (2048, 10 * NS_PER_MS));
        let spoken_ns = Samples(samples).duration_ns(SampleRate(16_000));
        assert!(spoken_ns > 11 * interval_ns);
        let fast = Pace::Fast(4.0).chunks(20 * NS_PER_MS, SampleRate(8_000));
        assert_eq!(fast, (160, 5 * NS_PER_MS));
    }
}
