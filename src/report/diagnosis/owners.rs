//! Answers of which the messages do not tell whose they are, in more than a few turns.

use super::{Finding, Kind};
use crate::report::exclusion::Exclusion;
use crate::results::row::RequestRow;
use crate::units::{counted, grouped, percent};

/// Fewer are no evidence.
const FEWEST: u64 = 20;
/// One turn in so many is enough to move the figures.
const ONE_IN: u64 = 10;

/// The requests that headline figures are over.
#[derive(Debug, Default)]
pub(super) struct Owners {
    turns: u64,
    uncertain: u64,
}

impl Owners {
    /// Takes in a turn.
    pub(super) fn add(&mut self, row: &RequestRow) {
        if Exclusion::of(row).is_none() {
            self.turns += 1;
            self.uncertain += u64::from(row.owner_uncertain == Some(true));
        }
    }

    /// Said when a tenth of the headline figures may be those of other turns.
    pub(super) fn finding(&self) -> Option<Finding> {
        if self.uncertain < FEWEST || self.uncertain * ONE_IN < self.turns {
            return None;
        }
        Some(Finding {
            kind: Kind::OwnerUncertain,
            title: "Many turns may have the answers of others".to_owned(),
            evidence: format!(
                "{} of the {} that figures are over ({}) had an answer that may be that of a turn \
                 beside them: several waited for one when it began, or the gateway left one \
                 unanswered. If so, their latencies are wrong by the time between turns.",
                grouped(self.uncertain),
                counted(self.turns, "turn"),
                percent(self.uncertain, self.turns),
            ),
            advice: "Look in the gateway's log for turns without an answer. With --turn-timing \
                     reactive a caller waits for each answer, so that none can be another's."
                .to_owned(),
        })
    }
}
