//! A few answers that take far longer than all others, and what they have in common.

use std::collections::BTreeSet;

use super::chance::is_remarkable;
use super::ended::Ended;
use super::failures::clock;
use super::traits::{Numbers, OF_SLOW, Traits, session};
use super::values::most_frequent;
use super::{Finding, Kind, Look, Seen};
use crate::report::sketch::Sketch;
use crate::results::answer::AnswerKind;
use crate::results::exclusion::Exclusion;
use crate::results::row::RequestRow;
use crate::units::{Human, NS_PER_MS, counted, grouped, percent, share_percent};

/// Slowest turns that are looked at.
const KEPT: usize = 256;
/// The p99 is far from the p95 when it is so many times as long, and so much longer.
const TIMES: i64 = 3;
const LEAST_NS: i64 = 100 * NS_PER_MS;
/// A turn is an outlier beyond so many times the p95.
const OUTLIER_TIMES: i64 = 2;
/// Fewer are no evidence.
const FEWEST: usize = 4;

/// A slow turn.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Slow {
    response_ns: i64,
    at_ns: i64,
    turn: u32,
    session: String,
    trace_id: String,
    traits: Numbers,
}

/// The slowest of the requests that headline figures are over.
#[derive(Debug)]
pub(super) struct Slowest {
    answers: AnswerKind,
    slowest: BTreeSet<Slow>,
    responses: Sketch,
    traits: Traits,
}

impl Slowest {
    pub(super) fn of(answers: AnswerKind) -> Slowest {
        Slowest {
            answers,
            slowest: BTreeSet::new(),
            responses: Sketch::default(),
            traits: Traits::of(&OF_SLOW),
        }
    }
}

impl Look for Slowest {
    fn add(&mut self, row: &RequestRow) {
        let is_measured = Exclusion::of(row).is_none();
        let response_ns = self.answers.latency_ns(row).filter(|_| is_measured);
        let Some(response_ns) = response_ns else {
            return;
        };
        self.responses.add(response_ns);
        let traits = self.traits.add(row, |_| true);
        let shortest = self.slowest.first().map(|slow| slow.response_ns);
        if self.slowest.len() == KEPT && shortest >= Some(response_ns) {
            return;
        }
        self.slowest.insert(Slow {
            response_ns,
            at_ns: row.closed_ns.unwrap_or(row.intended_start_ns),
            turn: row.turn,
            session: session(row).into_owned(),
            trace_id: row.trace_id.clone(),
            traits,
        });
        if self.slowest.len() > KEPT {
            self.slowest.pop_first();
        }
    }

    /// Said when the p99 is far beyond the p95.
    fn finding(&self, seen: &mut Seen<'_>) -> Option<Finding> {
        let response = seen.case.response?;
        let (p95, p99) = (response.p95_ns?, response.p99_ns?);
        if p99 < p95.saturating_mul(TIMES) || p99 - p95 < LEAST_NS {
            return None;
        }
        let limit = p95.saturating_mul(OUTLIER_TIMES);
        let slow = self.slowest.iter().filter(|slow| slow.response_ns > limit);
        let slow: Vec<&Slow> = slow.collect();
        let slowest = slow.last().filter(|_| slow.len() >= FEWEST)?;
        let count = (slow.len() as u64).max(self.responses.above(limit));
        let mut evidence = format!(
            "p99 is {} and p95 {}: {} of {} took longer than {}.",
            Human(p99),
            Human(p95),
            grouped(count),
            counted(response.n, "turn"),
            Human(limit),
        );
        let common = self.common(&slow);
        let together = together(&slow, &seen.ended);
        for words in common.iter().chain(&together) {
            evidence += &format!(" {words}");
        }
        evidence += &format!(
            " The slowest: {}, turn {} of session {}, trace {}.",
            Human(slowest.response_ns),
            slowest.turn,
            slowest.session,
            slowest.trace_id,
        );
        let advice = match (&common, &together) {
            (Some(_), _) => "Look at what they share: its log, its load, its hardware.",
            (None, Some(_)) => {
                "Look at what happened in that time: a restart, a garbage collection, another job."
            }
            (None, None) => {
                "They share neither replica, connection, clip nor time: follow their trace ids \
                 through the gateway's own traces and logs."
            }
        };
        Some(Finding {
            kind: Kind::Outliers,
            title: "A few answers are far slower than all others".to_owned(),
            evidence,
            advice: advice.to_owned(),
        })
    }
}

impl Slowest {
    /// The first thing that nearly all of them have and few others have, in words.
    fn common(&self, slow: &[&Slow]) -> Option<String> {
        self.traits.iter().find_map(|(place, one, values)| {
            let (value, count) = most_frequent(slow.iter().filter_map(|slow| slow.traits[place]))?;
            let usual = values.count(value) as f64 / self.responses.n().max(1) as f64;
            let what = format!("{} {}", one.name, values.name(value)?);
            is_remarkable(count, slow.len(), usual).then(|| {
                format!(
                    "{count} of {} are of {what}, which has {} of all turns.",
                    looked_at(slow.len()),
                    share_percent(usual, 1),
                )
            })
        })
    }
}

/// The stretch of time in which nearly all of them ended and few others did, in words.
fn together(slow: &[&Slow], ended: &Ended) -> Option<String> {
    let mut ends: Vec<i64> = slow.iter().map(|slow| slow.at_ns).collect();
    ends.sort_unstable();
    let most = ends.len() * 9 / 10;
    let windows = ends.windows(most.max(FEWEST));
    let window = windows.min_by_key(|window| window[window.len() - 1] - window[0])?;
    let (from, to) = (*window.first()?, *window.last()?);
    let (inside, all) = ended.within(from, to);
    let usual = inside as f64 / all.max(1) as f64;
    is_remarkable(window.len(), ends.len(), usual).then(|| {
        format!(
            "{} of {} ended between {} and {}, with {} of all turns.",
            window.len(),
            looked_at(ends.len()),
            clock(from),
            clock(to),
            percent(inside, all),
        )
    })
}

fn looked_at(count: usize) -> String {
    match count {
        KEPT => format!("the {KEPT} slowest"),
        count => format!("these {count}"),
    }
}
