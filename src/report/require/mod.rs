//! What must hold of a run: `response.p95 < 800ms`, `errors < 1%`, as text and as a value.
//!
//! `METRIC[.STATISTIC] OP VALUE`: it states what must hold, never what fails. Whether it holds is
//! decided in `judge`.

mod judge;
mod parse;

use std::fmt;

pub use judge::{Judged, Judgement, Unit, judge};
pub use parse::RequirementError;

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
    const ALL: [(&'static str, Statistic); 7] = [
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
    const ALL: [(&'static str, LagStatistic); 4] = [
        ("p50", LagStatistic::P50),
        ("p99", LagStatistic::P99),
        ("p99.9", LagStatistic::P999),
        ("max", LagStatistic::Max),
    ];
}

/// A figure of a run that can be required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// A latency, by its name in [`LATENCIES`](super::latencies::LATENCIES); nanoseconds.
    Latency(&'static str, Statistic),
    /// The schedule lag of all chunks of the run; nanoseconds.
    Lag(LagStatistic),
    /// Share of the requests that were no success, the cancelled aside.
    Errors,
    /// Share of the requests that were a success, the cancelled aside.
    Success,
    /// Requests that ended, a second.
    Throughput,
    /// Word error rate: a share of the words that were said.
    Wer,
}

/// How a figure must compare with the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Below it.
    Less,
    /// At it or below.
    AtMost,
    /// Above it.
    Greater,
    /// At it or above.
    AtLeast,
}

impl Comparison {
    /// The longer signs come first, so that the first that fits is the whole sign.
    const ALL: [(&'static str, Comparison); 4] = [
        ("<=", Comparison::AtMost),
        (">=", Comparison::AtLeast),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];

    /// Whether `figure` compares so with `limit`.
    #[must_use]
    pub fn holds(self, figure: f64, limit: f64) -> bool {
        match self {
            Comparison::Less => figure < limit,
            Comparison::AtMost => figure <= limit,
            Comparison::Greater => figure > limit,
            Comparison::AtLeast => figure >= limit,
        }
    }

    /// Whether it bounds from above.
    fn is_ceiling(self) -> bool {
        matches!(self, Comparison::Less | Comparison::AtMost)
    }

    fn sign(self) -> &'static str {
        let named = Comparison::ALL.iter().find(|(_, other)| *other == self);
        named.map_or("", |(sign, _)| sign)
    }
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
    limit_text: String,
}

impl Requirement {
    /// A requirement as a run directory keeps it: in those of earlier versions a bare number of a
    /// latency is seconds.
    ///
    /// # Errors
    /// What cannot be read.
    pub(super) fn kept(text: &str) -> Result<Requirement, RequirementError> {
        let is_bare = text.trim_end().ends_with(|c: char| c.is_ascii_digit());
        let in_seconds = || format!("{}s", text.trim_end()).parse::<Requirement>().ok();
        text.parse::<Requirement>()
            .or_else(|refused| in_seconds().filter(|_| is_bare).ok_or(refused))
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

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Metric::Latency(name, statistic) => {
                write!(f, "{name}.{}", parse::name_of(&Statistic::ALL, *statistic))
            }
            Metric::Lag(statistic) => {
                write!(f, "lag.{}", parse::name_of(&LagStatistic::ALL, *statistic))
            }
            Metric::Errors => f.write_str("errors"),
            Metric::Success => f.write_str("success"),
            Metric::Throughput => f.write_str("throughput"),
            Metric::Wer => f.write_str("wer"),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (metric, sign) = (self.metric, self.comparison.sign());
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

    #[test]
    fn a_limit_itself_is_met_by_the_signs_that_say_so() {
        let holds = |sign: Comparison| [0.5, 1.0, 1.5].map(|figure| sign.holds(figure, 1.0));
        assert_eq!(holds(Comparison::Less), [true, false, false]);
        assert_eq!(holds(Comparison::AtMost), [true, true, false]);
        assert_eq!(holds(Comparison::Greater), [false, false, true]);
        assert_eq!(holds(Comparison::AtLeast), [false, true, true]);
    }
}
