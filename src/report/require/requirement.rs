//! A requirement as a value, and as it is written.

use std::fmt;

use super::comparison::Comparison;
use super::conditions::Conditions;
use super::limit::Unit;

/// A figure of a latency that can be required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// Median.
    P50,
    /// 90th percentile.
    P90,
    /// 95th percentile.
    P95,
    /// 99th percentile.
    P99,
    /// Largest.
    Max,
    /// Mean; without end where a request has no answer.
    Mean,
    /// Smallest.
    Min,
}

impl Statistic {
    /// Every one with its name.
    pub(super) const ALL: [(&'static str, Statistic); 7] = [
        ("p50", Statistic::P50),
        ("p90", Statistic::P90),
        ("p95", Statistic::P95),
        ("p99", Statistic::P99),
        ("max", Statistic::Max),
        ("mean", Statistic::Mean),
        ("min", Statistic::Min),
    ];
}

/// A figure of the schedule lag that can be required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LagStatistic {
    /// Median.
    P50,
    /// 99th percentile.
    P99,
    /// 99.9th percentile.
    P999,
    /// Largest.
    Max,
}

impl LagStatistic {
    /// Every one with its name.
    pub(super) const ALL: [(&'static str, LagStatistic); 4] = [
        ("p50", LagStatistic::P50),
        ("p99", LagStatistic::P99),
        ("p99.9", LagStatistic::P999),
        ("max", LagStatistic::Max),
    ];
}

/// A figure of a run that can be required.
#[derive(Debug, Clone, PartialEq)]
pub enum Metric {
    /// A latency of the catalog, by its name; nanoseconds.
    Latency(&'static str, Statistic),
    /// The schedule lag of all chunks of the run; nanoseconds.
    Lag(LagStatistic),
    /// A share of the catalog, by its name.
    Share(&'static str),
    /// Requests that ended, a second.
    Throughput,
    /// Word error rate: a share of the words that were said.
    Wer,
    /// Share of the measured turns that meet all conditions.
    GoodShare(Conditions),
    /// Turns that meet all conditions, a second.
    GoodRate(Conditions),
}

/// Something that must hold of a run's steady phase.
#[derive(Debug, Clone, PartialEq)]
pub struct Requirement {
    /// What is measured.
    pub metric: Metric,
    /// How it must compare.
    pub comparison: Comparison,
    /// With what: nanoseconds, a share of 1, or a number a second, as the metric has it.
    pub limit: f64,
    /// The limit as it was written.
    pub(super) limit_text: String,
}

impl Requirement {
    /// What makes a turn good, where it is about goodput.
    #[must_use]
    pub fn conditions(&self) -> Option<&Conditions> {
        match &self.metric {
            Metric::GoodShare(conditions) | Metric::GoodRate(conditions) => Some(conditions),
            _ => None,
        }
    }

    /// Whether it bounds the same figure on the same side, so that one of the two is enough.
    #[must_use]
    pub fn is_about_the_same_as(&self, other: &Requirement) -> bool {
        self.metric == other.metric && self.comparison.is_ceiling() == other.comparison.is_ceiling()
    }
}

/// `asked`, and what of `remembered` it does not replace by one about the same, in front of it.
#[must_use]
pub fn merged(remembered: Vec<Requirement>, asked: &[Requirement]) -> Vec<Requirement> {
    let is_replaced = |old: &Requirement| asked.iter().any(|new| new.is_about_the_same_as(old));
    let mut all = remembered;
    all.retain(|old| !is_replaced(old));
    all.extend_from_slice(asked);
    all
}

impl Metric {
    /// The unit of its figures.
    #[must_use]
    pub fn unit(&self) -> Unit {
        match self {
            Metric::Latency(..) | Metric::Lag(_) => Unit::Ns,
            Metric::Share(_) | Metric::Wer | Metric::GoodShare(_) => Unit::Share,
            Metric::Throughput | Metric::GoodRate(_) => Unit::PerS,
        }
    }
}

/// The name of `value` among `named`.
fn name_of<T: PartialEq>(named: &[(&'static str, T)], value: &T) -> &'static str {
    let found = named.iter().find(|(_, other)| other == value);
    found.map_or("", |(name, _)| name)
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Metric::Latency(name, statistic) => {
                write!(f, "{name}.{}", name_of(&Statistic::ALL, statistic))
            }
            Metric::Lag(statistic) => write!(f, "lag.{}", name_of(&LagStatistic::ALL, statistic)),
            Metric::Share(name) => f.write_str(name),
            Metric::Throughput => f.write_str("throughput"),
            Metric::Wer => f.write_str("wer"),
            Metric::GoodShare(conditions) | Metric::GoodRate(conditions) => {
                write!(f, "goodput({conditions})")
            }
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (metric, sign) = (&self.metric, self.comparison.sign());
        f.pad(&format!("{metric} {sign} {}", self.limit_text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requirements(texts: &[&str]) -> Vec<Requirement> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn what_is_asked_replaces_what_was_remembered_about_the_same() {
        let remembered = requirements(&["response.p95 < 800ms", "errors < 1%", "throughput > 5/s"]);
        let asked = requirements(&[
            "response.p95 <= 1s",
            "throughput < 9/s",
            "response.p50 < 1s",
        ]);
        let all = merged(remembered, &asked);
        let texts: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "errors < 1%",
                "throughput > 5/s",
                "response.p95 <= 1s",
                "throughput < 9/s",
                "response.p50 < 1s"
            ]
        );
    }

    #[test]
    fn what_an_earlier_version_kept_in_seconds_is_read_as_such() {
        let kept = Requirement::kept("response.p50 < 800").unwrap();
        assert_eq!(kept.to_string(), "response.p50 < 800s");
        assert_eq!(kept.limit, 800e9);
        let kept = Requirement::kept("lag.p99 < 1ms").unwrap();
        assert_eq!(kept.limit, 1e6);
        for wrong in ["errors < 5", "throughput > 5", "response.p50 < five"] {
            assert_eq!(Requirement::kept(wrong), wrong.parse(), "{wrong}");
        }
    }
}
