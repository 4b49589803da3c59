//! What is wrong with a turn by itself, where it is wrong with more than a few: callers who are cut off,
//! and answers of which the messages do not tell whose they are.

use super::count::Count;
use super::{Finding, Kind, Look, Seen};
use crate::results::exclusion::{Exclusion, expects_answer};
use crate::results::row::RequestRow;
use crate::units::{counted, grouped};

/// Something that may be wrong with a turn.
#[derive(Debug)]
pub(super) struct Flag {
    kind: Kind,
    /// Whether it is; `None` of a turn that cannot have it.
    is_wrong: fn(&RequestRow) -> Option<bool>,
    /// Fewer turns are no evidence, nor is a smaller share: one in so many.
    fewest: u64,
    one_in: u64,
    title: &'static str,
    evidence: fn(Count) -> String,
    advice: &'static str,
}

/// The gateway begins to answer before callers have spoken.
pub(super) const CUT_OFF: Flag = Flag {
    kind: Kind::CutOff,
    is_wrong: |row| {
        let is_spoken = row.status.is_judged() && row.started_ns.is_some() && expects_answer(row);
        is_spoken.then_some(row.early_endpoint)
    },
    fewest: 3,
    one_in: 20,
    title: "Callers are cut off before they have spoken",
    evidence: |count| {
        format!(
            "In {} PROCESSING came before the end of speech was sent. Headline figures leave them out.",
            count.said("turn", "")
        )
    },
    advice: "Let the gateway wait longer for the next word: raise the silence after which its \
             detection of the end of speech takes a turn for finished, above the pauses that \
             these clips have.",
};

/// A tenth of the headline figures may be those of other turns.
pub(super) const OWNER_UNCERTAIN: Flag = Flag {
    kind: Kind::OwnerUncertain,
    is_wrong: |row| {
        let is_measured = Exclusion::of(row).is_none();
        is_measured.then_some(row.owner_uncertain == Some(true))
    },
    fewest: 20,
    one_in: 10,
    title: "Many turns may have the answers of others",
    evidence: |count| {
        format!(
            "{} of the {} that figures are over ({}) had an answer that may be that of a turn \
             beside them: several waited for one when it began, or the gateway left one \
             unanswered. If so, their latencies are wrong by the time between turns.",
            grouped(count.failed),
            counted(count.turns, "turn"),
            count.percent(),
        )
    },
    advice: "Look in the gateway's log for turns without an answer. With --turn-timing \
             reactive a caller waits for each answer, so that none can be another's.",
};

/// Turns that can have a flag, and those that do.
#[derive(Debug)]
pub(super) struct Flagged(Flag, Count);

impl Flagged {
    /// No turn yet.
    pub(super) fn of(flag: Flag) -> Flagged {
        Flagged(flag, Count::default())
    }
}

impl Look for Flagged {
    fn add(&mut self, row: &RequestRow) {
        if let Some(is_wrong) = (self.0.is_wrong)(row) {
            self.1.turns += 1;
            self.1.failed += u64::from(is_wrong);
        }
    }

    /// Said when more than a few turns have it.
    fn finding(&self, _: &mut Seen<'_>) -> Option<Finding> {
        let Flagged(flag, count) = self;
        let is_evidence = count.failed >= flag.fewest && count.failed * flag.one_in >= count.turns;
        is_evidence.then(|| Finding {
            kind: flag.kind,
            title: flag.title.to_owned(),
            evidence: (flag.evidence)(*count),
            advice: flag.advice.to_owned(),
        })
    }
}
