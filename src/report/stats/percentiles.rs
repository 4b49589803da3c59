//! The usual quantiles of a latency, as reports and `run.json` hold them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::level::Level;
use crate::units::Human;

/// What a quantile turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantile {
    /// Nanoseconds.
    Value(i64),
    /// It falls among the rows whose value never came: longer than every value there is.
    NoAnswer,
    /// Fewer effective rows than [`Level::min_rows`].
    NotEnough,
}

/// As people read it: `∞` among the rows without a value, `–` where the data are too few.
impl fmt::Display for Quantile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Quantile::Value(ns) => Human(*ns).fmt(f),
            Quantile::NoAnswer => f.pad("∞"),
            Quantile::NotEnough => f.pad("–"),
        }
    }
}

impl Quantile {
    /// The value, if there is one.
    #[must_use]
    pub fn value(self) -> Option<i64> {
        match self {
            Quantile::Value(ns) => Some(ns),
            Quantile::NoAnswer | Quantile::NotEnough => None,
        }
    }
}

/// Something of each of the usual quantiles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerLevel<T> {
    /// Of the median.
    pub p50: T,
    /// Of the 90th percentile.
    pub p90: T,
    /// Of the 95th percentile.
    pub p95: T,
    /// Of the 99th percentile.
    pub p99: T,
}

impl<T> PerLevel<T> {
    /// What `of` says of each.
    pub fn of(mut of: impl FnMut(Level) -> T) -> PerLevel<T> {
        PerLevel {
            p50: of(Level::P50),
            p90: of(Level::P90),
            p95: of(Level::P95),
            p99: of(Level::P99),
        }
    }

    /// What `of` makes of each.
    pub fn map<U>(self, mut of: impl FnMut(T) -> U) -> PerLevel<U> {
        PerLevel {
            p50: of(self.p50),
            p90: of(self.p90),
            p95: of(self.p95),
            p99: of(self.p99),
        }
    }
}

/// The usual quantiles of a latency in nanoseconds.
///
/// A quantile is null with fewer effective rows than it needs ([`Level::min_rows`]), and when it
/// falls among the rows that have no value; [`Percentiles::quantiles`] tells which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Rows that the quantiles are over.
    pub n: u64,
    /// Rows among them that have a value.
    pub answered: u64,
    /// Median.
    pub p50_ns: Option<i64>,
    /// 90th percentile.
    pub p90_ns: Option<i64>,
    /// 95th percentile.
    pub p95_ns: Option<i64>,
    /// 99th percentile.
    pub p99_ns: Option<i64>,
    /// Largest; null when a row has no value.
    pub max_ns: Option<i64>,
    /// Smallest; null when no row has a value.
    pub min_ns: Option<i64>,
    /// Mean; null when a row has no value.
    pub mean_ns: Option<i64>,
    /// 95 % confidence interval of each quantile: from, to. Null where there is none; an end is
    /// null where it falls among the rows that have no value, above every other.
    #[serde(default)]
    pub interval_ns: PerLevel<Option<[Option<i64>; 2]>>,
    /// How many independent rows say as much about each quantile; null when all rows are of one
    /// session (or user), so that there is nothing to tell it from.
    #[serde(default)]
    pub effective_n: Option<PerLevel<u64>>,
}

impl Percentiles {
    /// The median and the 95th percentile, as people read them.
    #[must_use]
    pub fn p50_p95(&self) -> [String; 2] {
        let [p50, _, p95, ..] = self.quantiles();
        [p50, p95].map(|at| at.to_string())
    }

    /// The five figures in order, each with why it is missing where it is.
    #[must_use]
    pub fn quantiles(&self) -> [Quantile; 5] {
        let rows = self.rows_that_count();
        let one = |ns: Option<i64>, rows: u64, needed: u64| match ns {
            Some(ns) => Quantile::Value(ns),
            None if rows < needed => Quantile::NotEnough,
            None => Quantile::NoAnswer,
        };
        [
            one(self.p50_ns, rows.p50, Level::P50.min_rows()),
            one(self.p90_ns, rows.p90, Level::P90.min_rows()),
            one(self.p95_ns, rows.p95, Level::P95.min_rows()),
            one(self.p99_ns, rows.p99, Level::P99.min_rows()),
            one(self.max_ns, self.n, 1),
        ]
    }

    /// The rows that count for the usual quantile nearest to `level`, at or below it.
    pub(in crate::report) fn rows_at(&self, level: Level) -> u64 {
        let rows = self.rows_that_count();
        match level {
            level if level >= Level::P99 => rows.p99,
            level if level >= Level::P95 => rows.p95,
            level if level >= Level::P90 => rows.p90,
            _ => rows.p50,
        }
    }

    /// The rows that [`Level::min_rows`] is held against: the effective ones, where those are known.
    #[must_use]
    pub fn rows_that_count(&self) -> PerLevel<u64> {
        self.effective_n.unwrap_or(PerLevel::of(|_| self.n))
    }
}
