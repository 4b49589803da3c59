//! A few answers that take far longer than all others, and what they have in common.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::errors_at_load::Turns;
use super::failures::clock;
use super::shared::{Values, is_remarkable};
use super::{Case, Finding, Kind};
use crate::report::exclusion::Exclusion;
use crate::report::sketch::Sketch;
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

/// What turns may have in common: its name, and its value in a turn.
type Trait = (&'static str, fn(&RequestRow) -> Option<Cow<'_, str>>);

/// In the order in which they are tried: a replica explains more than the peer it is behind.
const TRAITS: [Trait; 5] = [
    ("replica", |row| Some(row.replica.as_deref()?.into())),
    ("peer", |row| Some(row.peer.as_deref()?.into())),
    ("connection", |row| Some(row.connection?.to_string().into())),
    ("clip", |row| Some(row.clip_id.as_deref()?.into())),
    ("session", |row| Some(session(row))),
];

/// A session as people tell it from others: copies of one have a number.
fn session(row: &RequestRow) -> Cow<'_, str> {
    match row.copy {
        0 => row.session_id.as_str().into(),
        copy => format!("{} (copy {copy})", row.session_id).into(),
    }
}

/// A slow turn.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Slow {
    response_ns: i64,
    at_ns: i64,
    turn: u32,
    session: String,
    trace_id: String,
    traits: [Option<String>; TRAITS.len()],
}

/// The slowest of the requests that headline figures are over.
#[derive(Debug, Default)]
pub(super) struct Slowest {
    slowest: BinaryHeap<Reverse<Slow>>,
    responses: Sketch,
    usual: [Values; TRAITS.len()],
}

impl Slowest {
    /// Takes in a turn.
    pub(super) fn add(&mut self, row: &RequestRow) {
        let Some(response_ns) = row.response_ns.filter(|_| Exclusion::of(row).is_none()) else {
            return;
        };
        self.responses.add(response_ns);
        let traits = TRAITS.map(|(_, of)| of(row));
        for (values, value) in self.usual.iter_mut().zip(&traits) {
            if let Some(value) = value {
                values.add(value);
            }
        }
        let shortest = self.slowest.peek().map(|Reverse(slow)| slow.response_ns);
        if self.slowest.len() == KEPT && shortest >= Some(response_ns) {
            return;
        }
        self.slowest.push(Reverse(Slow {
            response_ns,
            at_ns: row.closed_ns.unwrap_or(row.intended_start_ns),
            turn: row.turn,
            session: session(row).into_owned(),
            trace_id: row.trace_id.clone(),
            traits: traits.map(|value| value.map(Cow::into_owned)),
        }));
        if self.slowest.len() > KEPT {
            self.slowest.pop();
        }
    }

    /// Said when the p99 is far beyond the p95.
    pub(super) fn finding(&self, case: Case<'_>, turns: &Turns) -> Option<Finding> {
        let response = case.response?;
        let (p95, p99) = (response.p95_ns?, response.p99_ns?);
        if p99 < p95.saturating_mul(TIMES) || p99 - p95 < LEAST_NS {
            return None;
        }
        let limit = p95.saturating_mul(OUTLIER_TIMES);
        let slow = self.slowest.iter().map(|Reverse(slow)| slow);
        let mut slow: Vec<&Slow> = slow.filter(|slow| slow.response_ns > limit).collect();
        slow.sort_unstable_by(|a, b| b.cmp(a));
        if slow.len() < FEWEST {
            return None;
        }
        let slowest = slow.first()?;
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
        evidence.extend(common.iter().map(|words| format!(" {words}")));
        let together = together(&slow, turns);
        evidence.extend(together.iter().map(|words| format!(" {words}")));
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
                "They share neither replica, connection, clip nor time: follow their trace ids through \
                             the gateway's own traces and logs."
            }
        };
        Some(Finding {
            kind: Kind::Outliers,
            title: "A few answers are far slower than all others".to_owned(),
            evidence,
            advice: advice.to_owned(),
        })
    }

    /// The first thing that nearly all of them have and few others have, in words.
    fn common(&self, slow: &[&Slow]) -> Option<String> {
        let found = TRAITS.iter().enumerate().find_map(|(i, (name, _))| {
            let values = slow.iter().filter_map(|slow| slow.traits[i].as_deref());
            let (value, count, usual) =
                self.usual[i].shared(values, slow.len(), self.responses.n())?;
            Some((name, value, count, usual))
        });
        let (name, value, count, usual) = found?;
        Some(format!(
            "{count} of {} are of {name} {value}, which has {} of all turns.",
            looked_at(slow.len()),
            share_percent(usual, 1),
        ))
    }
}

/// The stretch of time in which nearly all of them ended and few others did, in words.
fn together(slow: &[&Slow], turns: &Turns) -> Option<String> {
    let mut ends: Vec<i64> = slow.iter().map(|slow| slow.at_ns).collect();
    ends.sort_unstable();
    let most = ends.len() * 9 / 10;
    let windows = ends.windows(most.max(FEWEST));
    let window = windows.min_by_key(|window| window[window.len() - 1] - window[0])?;
    let (from, to) = (*window.first()?, *window.last()?);
    let (inside, all) = turns.within(from, to);
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
