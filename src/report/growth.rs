//! Whether answers take longer while more callers are there.

use serde::{Deserialize, Serialize};

use super::stats::{Percentiles, Quantile, Sample};
use crate::results::answer::AnswerKind;
use crate::results::exclusion::Exclusion;
use crate::results::row::{Phase, RequestRow};

/// The fewest requests of a quarter whose medians are compared.
const FEWEST: u64 = 20;

/// The response times under the lightest and under the heaviest load of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Growth {
    /// The quarter of the requests with the fewest sessions at once.
    pub low: Quarter,
    /// The quarter of the requests with the most sessions at once.
    pub high: Quarter,
}

/// A quarter of the requests, by the sessions that were open when their speech ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarter {
    /// Fewest sessions at once.
    pub least_sessions: u32,
    /// Most sessions at once.
    pub most_sessions: u32,
    /// Their times to the answer.
    pub response: Percentiles,
}

impl Growth {
    /// The medians of the lightest and the heaviest load, in nanoseconds; `None` where one of them
    /// falls among requests without an answer.
    #[must_use]
    pub fn medians(&self) -> Option<[i64; 2]> {
        let median = |quarter: &Quarter| match quarter.response.quantiles()[0] {
            Quantile::Value(ns) => Some(ns),
            Quantile::NoAnswer | Quantile::NotEnough => None,
        };
        Some([median(&self.low)?, median(&self.high)?])
    }
}

/// Takes in requests with the load that they met.
#[derive(Debug, Default)]
pub(super) struct GrowthAccumulator {
    answers: AnswerKind,
    /// Sessions at once, time to the answer, and cluster of requests that are alike.
    met: Vec<(u32, Option<i64>, u32)>,
}

impl GrowthAccumulator {
    /// For requests to a server that answers with `answers`.
    pub(super) fn of(answers: AnswerKind) -> GrowthAccumulator {
        GrowthAccumulator {
            answers,
            met: Vec::new(),
        }
    }

    /// Takes in a request that would count in the headline, but that those while the load grows and
    /// falls count too: there the load is light.
    pub(super) fn add(&mut self, row: &RequestRow, cluster: u32) {
        let counts = matches!(row.phase, Phase::RampUp | Phase::Steady | Phase::RampDown)
            && Exclusion::in_steady(row).is_none();
        if let Some(sessions) = row.concurrent_sessions.filter(|_| counts) {
            let answered_ns = self.answers.latency_ns(row);
            self.met.push((sessions, answered_ns, cluster));
        }
    }

    /// The two quarters; `None` where the load was much the same for all, or the requests are few.
    pub(super) fn finish(mut self) -> Option<Growth> {
        self.met.sort_unstable_by_key(|(sessions, ..)| *sessions);
        let quarter = self.met.len().div_ceil(4);
        let (lowest, ..) = *self.met.get(quarter.checked_sub(1)?)?;
        let (highest, ..) = *self.met.get(self.met.len() - quarter)?;
        if lowest >= highest {
            return None;
        }
        let low = self.quarter(|sessions| sessions <= lowest)?;
        let high = self.quarter(|sessions| sessions >= highest)?;
        Some(Growth { low, high })
    }

    fn quarter(&self, belongs: impl Fn(u32) -> bool) -> Option<Quarter> {
        let mut sample = Sample::default();
        let mut extent: Option<(u32, u32)> = None;
        let met = self.met.iter();
        for (sessions, response_ns, cluster) in met.filter(|(sessions, ..)| belongs(*sessions)) {
            sample.push(*response_ns, *cluster);
            let (least, most) = extent.unwrap_or((*sessions, *sessions));
            extent = Some((least.min(*sessions), most.max(*sessions)));
        }
        let (least_sessions, most_sessions) = extent?;
        let response = sample.percentiles();
        (response.n >= FEWEST).then_some(Quarter {
            least_sessions,
            most_sessions,
            response,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::Status;
    use crate::results::sample::{row, unanswered};
    use crate::units::NS_PER_MS;

    /// Requests answered after 10 ms for each session that is open.
    fn growing(turn: u32, sessions: u32) -> RequestRow {
        RequestRow {
            concurrent_sessions: Some(sessions),
            response_ns: Some(i64::from(sessions) * 10 * NS_PER_MS),
            phase: if sessions < 5 {
                Phase::RampUp
            } else {
                Phase::Steady
            },
            ..row(turn)
        }
    }

    fn growth(rows: &[RequestRow]) -> Option<Growth> {
        let mut accumulator = GrowthAccumulator::default();
        rows.iter().for_each(|row| accumulator.add(row, row.turn));
        accumulator.finish()
    }

    #[test]
    fn the_quarters_with_fewest_and_most_sessions_are_compared() {
        let mut rows: Vec<_> = (0..100).map(|turn| growing(turn, 1 + turn / 10)).collect();
        rows.push(RequestRow {
            phase: Phase::Warmup,
            ..growing(100, 900)
        });
        let found = growth(&rows).unwrap();
        assert_eq!((found.low.least_sessions, found.low.most_sessions), (1, 3));
        assert_eq!(
            (found.high.least_sessions, found.high.most_sessions),
            (8, 10)
        );
        assert_eq!(found.low.response.n, 30);
        assert_eq!(found.medians(), Some([20 * NS_PER_MS, 90 * NS_PER_MS]));
        assert_eq!(growth(&rows[..30]), None, "no quarter has enough");
    }

    #[test]
    fn a_steady_load_shows_no_growth() {
        let rows: Vec<_> = (0..100).map(|turn| growing(turn, 7)).collect();
        assert_eq!(growth(&rows), None);
        assert_eq!(growth(&[]), None);
    }

    #[test]
    fn a_quarter_without_answers_has_no_median() {
        let rows: Vec<_> = (0..100)
            .map(|turn| match turn {
                70.. => RequestRow {
                    concurrent_sessions: Some(9),
                    ..unanswered(turn, Status::Timeout)
                },
                _ => growing(turn, 2),
            })
            .collect();
        assert_eq!(growth(&rows).unwrap().medians(), None);
    }
}
