//! Arrival processes: when sessions start.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::units::{NS_PER_S, duration_text};

/// Most sessions that one trace may hold.
pub const MAX_SESSIONS: usize = 10_000_000;

/// How sessions arrive.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrivals {
    /// Equally spaced, so many a second.
    Constant(f64),
    /// A Poisson process with so many a second on average.
    Poisson(f64),
    /// So many, each at a random instant of the duration.
    Uniform(u64),
    /// So many at one instant.
    Burst {
        /// Number of sessions.
        sessions: u64,
        /// Their start, since the start of the trace.
        at_ns: i64,
    },
    /// Starts in seconds, one a line, from a file.
    File(PathBuf),
}

/// Where an arrival process ends: at whichever comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Most sessions.
    pub sessions: Option<u64>,
    /// No start at or after this instant.
    pub duration_ns: Option<i64>,
}

/// What can be wrong with an arrival process.
#[derive(Debug, thiserror::Error)]
pub enum ArrivalError {
    /// The text does not describe one.
    #[error(
        "`{0}` is no arrival process; use constant:RATE, poisson:RATE, uniform:N, burst:N@TIME or \
         file:CSV, with RATE such as 2/s or 30/m"
    )]
    Syntax(String),
    /// It would never end.
    #[error("{0} arrivals need an end: add --duration or --sessions")]
    Endless(&'static str),
    /// It has no length to spread over.
    #[error("uniform arrivals are spread over a length of time: add --duration")]
    NoDuration,
    /// Nothing would start.
    #[error("these arrivals start no session; raise the rate, --duration or --sessions")]
    Nothing,
    /// More than a trace may hold.
    #[error("these arrivals start more than {MAX_SESSIONS} sessions; lower the rate or --duration")]
    TooMany,
    /// A file of starts cannot be read.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What is wrong, and where.
        reason: String,
    },
}

impl FromStr for Arrivals {
    type Err = ArrivalError;

    fn from_str(text: &str) -> Result<Self, ArrivalError> {
        let wrong = || ArrivalError::Syntax(text.to_owned());
        let (kind, rest) = text.split_once(':').ok_or_else(wrong)?;
        match kind {
            "constant" => rate(rest).map(Arrivals::Constant).ok_or_else(wrong),
            "poisson" => rate(rest).map(Arrivals::Poisson).ok_or_else(wrong),
            "uniform" => rest.parse().map(Arrivals::Uniform).map_err(|_| wrong()),
            "burst" => {
                let (sessions, at) = rest.split_once('@').ok_or_else(wrong)?;
                let sessions = sessions.parse().map_err(|_| wrong())?;
                let at_ns = instant(at).ok_or_else(wrong)?;
                Ok(Arrivals::Burst { sessions, at_ns })
            }
            "file" if !rest.is_empty() => Ok(Arrivals::File(rest.into())),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Arrivals::Constant(rate) => write!(f, "constant:{rate}/s"),
            Arrivals::Poisson(rate) => write!(f, "poisson:{rate}/s"),
            Arrivals::Uniform(sessions) => write!(f, "uniform:{sessions}"),
            Arrivals::Burst { sessions, at_ns } => {
                write!(f, "burst:{sessions}@{}", duration_text(*at_ns))
            }
            Arrivals::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

/// Sessions a second from `2`, `2/s`, `30/m` or `100/h`.
fn rate(text: &str) -> Option<f64> {
    let (count, per) = match text.split_once('/') {
        Some((count, "s")) => (count, 1.0),
        Some((count, "m")) => (count, 60.0),
        Some((count, "h")) => (count, 3600.0),
        Some(_) => return None,
        None => (text, 1.0),
    };
    let rate = count.parse::<f64>().ok()? / per;
    (rate.is_finite() && rate > 0.0).then_some(rate)
}

/// Nanoseconds from `10`, `10s`, `500ms` or `2m`.
fn instant(text: &str) -> Option<i64> {
    match text.parse::<f64>() {
        Ok(seconds) => seconds_to_ns(seconds),
        Err(_) => i64::try_from(humantime::parse_duration(text).ok()?.as_nanos()).ok(),
    }
}

fn seconds_to_ns(seconds: f64) -> Option<i64> {
    let ns = seconds * NS_PER_S as f64;
    (ns.is_finite() && (0.0..1e18).contains(&ns)).then_some(ns.round() as i64)
}

impl Arrivals {
    /// The starts, sorted, since the start of the trace.
    ///
    /// # Errors
    /// A process without an end, one that starts nothing or too much, an unreadable file.
    pub fn starts(&self, limits: Limits, rng: &mut ChaCha8Rng) -> Result<Vec<i64>, ArrivalError> {
        let mut starts = match self {
            Arrivals::Constant(rate) => {
                limits.must_end("constant")?;
                limits.take(|k| (k as f64 / rate * NS_PER_S as f64).round() as i64)?
            }
            Arrivals::Poisson(rate) => {
                limits.must_end("poisson")?;
                let mut at = 0.0_f64;
                limits.take(|_| {
                    // An exponential gap by inversion; 1 - u is never 0.
                    at -= (1.0 - rng.random::<f64>()).ln() / rate * NS_PER_S as f64;
                    at.round() as i64
                })?
            }
            Arrivals::Uniform(sessions) => {
                let length = limits.duration_ns.ok_or(ArrivalError::NoDuration)?.max(1);
                let sessions = limits.sessions.unwrap_or(u64::MAX).min(*sessions);
                if sessions as usize > MAX_SESSIONS {
                    return Err(ArrivalError::TooMany);
                }
                (0..sessions).map(|_| rng.random_range(0..length)).collect()
            }
            Arrivals::Burst { sessions, at_ns } => {
                let sessions = limits.sessions.unwrap_or(u64::MAX).min(*sessions);
                Limits {
                    sessions: Some(sessions),
                    ..limits
                }
                .take(|_| *at_ns)?
            }
            Arrivals::File(path) => {
                let starts = read_starts(path)?;
                let bounded = Limits {
                    sessions: Some(starts.len() as u64),
                    ..limits
                };
                let sessions = limits.sessions.unwrap_or(u64::MAX).min(starts.len() as u64);
                Limits {
                    sessions: Some(sessions),
                    ..bounded
                }
                .take(|k| starts[k as usize])?
            }
        };
        if starts.is_empty() {
            return Err(ArrivalError::Nothing);
        }
        starts.sort_unstable();
        Ok(starts)
    }

    /// Whether sessions would start in phase unless their ticks are spread.
    #[must_use]
    pub fn starts_in_phase(&self) -> bool {
        matches!(self, Arrivals::Constant(_) | Arrivals::Burst { .. })
    }
}

impl Limits {
    fn must_end(self, kind: &'static str) -> Result<(), ArrivalError> {
        match self {
            Limits {
                sessions: None,
                duration_ns: None,
            } => Err(ArrivalError::Endless(kind)),
            _ => Ok(()),
        }
    }

    /// Non-decreasing starts from `next` until a limit is met.
    fn take(self, mut next: impl FnMut(u64) -> i64) -> Result<Vec<i64>, ArrivalError> {
        let mut starts = Vec::new();
        for k in 0..self.sessions.unwrap_or(u64::MAX) {
            let at = next(k);
            if self.duration_ns.is_some_and(|end| at >= end) {
                break;
            }
            if starts.len() == MAX_SESSIONS {
                return Err(ArrivalError::TooMany);
            }
            starts.push(at);
        }
        Ok(starts)
    }
}

/// Reads starts in seconds, one a line; blank lines and a header are passed over.
fn read_starts(path: &Path) -> Result<Vec<i64>, ArrivalError> {
    let fail = |reason: String| ArrivalError::File {
        path: path.display().to_string(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|e| fail(e.to_string()))?;
    let mut starts = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let field = line.split(',').next().unwrap_or_default().trim();
        match field.parse::<f64>().ok().and_then(seconds_to_ns) {
            Some(at) => starts.push(at),
            None if field.is_empty() => {}
            None if number == 0 && field.parse::<f64>().is_err() => {}
            None => {
                let number = number + 1;
                return Err(fail(format!(
                    "line {number}: `{field}` is not a start in seconds (0 or more)"
                )));
            }
        }
    }
    starts.sort_unstable();
    Ok(starts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn starts(text: &str, limits: Limits) -> Vec<i64> {
        let arrivals: Arrivals = text.parse().unwrap();
        arrivals
            .starts(limits, &mut ChaCha8Rng::seed_from_u64(1))
            .unwrap()
    }

    fn within(seconds: i64) -> Limits {
        Limits {
            duration_ns: Some(seconds * NS_PER_S),
            ..Limits::default()
        }
    }

    #[test]
    fn constant_arrivals_are_equally_spaced_and_end_at_the_duration() {
        let expected = [0, 500_000_000, 1_000_000_000, 1_500_000_000];
        assert_eq!(starts("constant:2/s", within(2)), expected);
        assert_eq!(starts("constant:120/m", within(2)), expected);
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_the_spread_of_one() {
        let at = starts("poisson:10/s", within(1000));
        assert!((9_700..10_300).contains(&at.len()), "{}", at.len());
        let gaps: Vec<f64> = at.windows(2).map(|w| (w[1] - w[0]) as f64).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        let variation = variance.sqrt() / mean;
        assert!(
            (0.95..1.05).contains(&variation),
            "coefficient of variation {variation}"
        );
        assert_eq!(at, starts("poisson:10/s", within(1000)), "the seed decides");
    }

    #[test]
    fn uniform_and_burst_have_their_number() {
        let at = starts("uniform:500", within(10));
        assert_eq!(at.len(), 500);
        assert!(at.is_sorted() && at.iter().all(|at| (0..10 * NS_PER_S).contains(at)));
        assert_eq!(
            starts("burst:3@1500ms", Limits::default()),
            [1_500_000_000; 3]
        );
    }

    #[test]
    fn a_file_of_starts_may_have_a_header_and_is_sorted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("starts.csv");
        std::fs::write(&path, "start_s\n2.5\n0.25,ignored\n\n").unwrap();
        let text = format!("file:{}", path.display());
        assert_eq!(
            starts(&text, Limits::default()),
            [250_000_000, 2_500_000_000]
        );
        std::fs::write(&path, "0\nsoon\n").unwrap();
        let arrivals: Arrivals = text.parse().unwrap();
        let error = arrivals.starts(Limits::default(), &mut ChaCha8Rng::seed_from_u64(1));
        let said = error.unwrap_err().to_string();
        assert!(
            said.ends_with("line 2: `soon` is not a start in seconds (0 or more)"),
            "{said}"
        );
    }

    #[test]
    fn arrivals_are_written_as_they_are_read() {
        for text in [
            "constant:2/s",
            "poisson:0.1/s",
            "uniform:500",
            "burst:3@1s500ms",
            "file:a/starts.csv",
        ] {
            assert_eq!(text.parse::<Arrivals>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_never_ends_or_makes_no_sense_is_refused() {
        for text in [
            "often",
            "constant:0",
            "poisson:-1",
            "burst:3",
            "uniform:x",
            "constant:2/d",
        ] {
            assert!(text.parse::<Arrivals>().is_err(), "{text}");
        }
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let endless = Arrivals::Poisson(1.0).starts(Limits::default(), &mut rng);
        assert!(matches!(endless, Err(ArrivalError::Endless("poisson"))));
        let nothing = Arrivals::Burst {
            sessions: 5,
            at_ns: NS_PER_S,
        }
        .starts(within(1), &mut rng);
        assert!(matches!(nothing, Err(ArrivalError::Nothing)));
    }
}
