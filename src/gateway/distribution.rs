//! Distributions of durations, as they are written on the command line.

use std::fmt;
use std::str::FromStr;

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use crate::units::{DurationError, duration_ns, duration_text};

/// The standard normal distribution's 95th percentile.
const Z95: f64 = 1.644_853_626_951_472_2;

/// How a duration is spread: `constant:50ms` (or bare `50ms`), `lognormal:p50=49ms,p95=63ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distribution {
    /// Always the same, nanoseconds.
    Constant(i64),
    /// Its logarithm is normal; given by two of its percentiles, `0 < p50_ns <= p95_ns`.
    Lognormal {
        /// Median.
        p50_ns: i64,
        /// 95th percentile.
        p95_ns: i64,
    },
}

/// A text that is not a distribution.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DistributionError {
    /// One of its durations is none.
    #[error(transparent)]
    Duration(#[from] DurationError),
    /// Neither of the two kinds.
    #[error(
        "`{0}` is not a distribution; write `constant:50ms`, `50ms` or `lognormal:p50=49ms,p95=63ms`"
    )]
    Form(String),
    /// The percentiles contradict each other.
    #[error("`{0}`: a lognormal distribution needs 0 < p50 <= p95")]
    Order(String),
}

impl Distribution {
    /// One draw, nanoseconds.
    pub fn sample(&self, rng: &mut impl Rng) -> i64 {
        match *self {
            Distribution::Constant(ns) => ns,
            Distribution::Lognormal { p50_ns, p95_ns } => {
                let z: f64 = rng.sample(StandardNormal);
                let sigma = (p95_ns as f64 / p50_ns as f64).ln() / Z95;
                (p50_ns as f64 * (sigma * z).exp()).round() as i64
            }
        }
    }
}

impl FromStr for Distribution {
    type Err = DistributionError;

    fn from_str(text: &str) -> Result<Self, DistributionError> {
        let Some((kind, rest)) = text.split_once(':') else {
            return Ok(Distribution::Constant(duration_ns(text)?));
        };
        let form = || DistributionError::Form(text.to_owned());
        match kind {
            "constant" => Ok(Distribution::Constant(duration_ns(rest)?)),
            "lognormal" => {
                let (p50, p95) = rest.split_once(',').ok_or_else(form)?;
                let p50_ns = duration_ns(p50.strip_prefix("p50=").ok_or_else(form)?)?;
                let p95_ns = duration_ns(p95.strip_prefix("p95=").ok_or_else(form)?)?;
                if p50_ns == 0 || p95_ns < p50_ns {
                    return Err(DistributionError::Order(text.to_owned()));
                }
                Ok(Distribution::Lognormal { p50_ns, p95_ns })
            }
            _ => Err(form()),
        }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Distribution::Constant(ns) => write!(f, "constant:{}", duration_text(ns)),
            Distribution::Lognormal { p50_ns, p95_ns } => {
                let (p50, p95) = (duration_text(p50_ns), duration_text(p95_ns));
                write!(f, "lognormal:p50={p50},p95={p95}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["lognormal:p50=49ms,p95=63ms", "constant:1s500ms"] {
            let read: Distribution = text.parse().expect("well formed");
            assert_eq!(read.to_string(), text);
        }
        let bare: Distribution = "50ms".parse().expect("a duration");
        assert_eq!(bare, Distribution::Constant(50_000_000));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for text in [
            "normal:5ms",
            "lognormal:p50=5ms",
            "lognormal:5ms,6ms",
            "constant:soon",
            "lognormal:p50=0,p95=5ms",
            "lognormal:p50=9ms,p95=5ms",
        ] {
            let said = text.parse::<Distribution>().unwrap_err().to_string();
            let named = said.contains(text) || said.contains("`soon`");
            assert!(named, "{said}");
        }
    }

    #[test]
    fn draws_have_the_percentiles_asked_for() {
        let spread = Distribution::Lognormal {
            p50_ns: 190_000_000,
            p95_ns: 490_000_000,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut draws: Vec<i64> = (0..20_000).map(|_| spread.sample(&mut rng)).collect();
        draws.sort_unstable();
        assert!((draws[10_000] - 190_000_000).abs() < 4_000_000);
        assert!((draws[19_000] - 490_000_000).abs() < 20_000_000);
    }
}
