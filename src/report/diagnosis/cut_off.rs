//! Callers whom the gateway often cuts off: it begins to answer before they have spoken.

use super::{Finding, Kind};
use crate::report::exclusion::expects_answer;
use crate::results::row::RequestRow;
use crate::units::{counted, grouped, percent};

/// Fewer turns are no evidence, nor is a smaller share: one in so many.
const FEWEST: u64 = 3;
const ONE_IN: u64 = 20;

/// Turns whose clip has speech.
#[derive(Debug, Default)]
pub(super) struct CutOff {
    turns: u64,
    cut_off: u64,
}

impl CutOff {
    /// Takes in a turn.
    pub(super) fn add(&mut self, row: &RequestRow) {
        if row.status.is_judged() && row.started_ns.is_some() && expects_answer(row) {
            self.turns += 1;
            self.cut_off += u64::from(row.early_endpoint);
        }
    }

    /// Said when one turn of twenty is cut off.
    pub(super) fn finding(&self) -> Option<Finding> {
        if self.cut_off < FEWEST || self.cut_off * ONE_IN < self.turns {
            return None;
        }
        Some(Finding {
            kind: Kind::CutOff,
            title: "Callers are cut off before they have spoken".to_owned(),
            evidence: format!(
                "In {} of {} ({}) PROCESSING came before the end of speech was sent. Headline figures \
                 leave them out.",
                grouped(self.cut_off),
                counted(self.turns, "turn"),
                percent(self.cut_off, self.turns),
            ),
            advice: "Let the gateway wait longer for the next word: raise the silence after which its \
                     detection of the end of speech takes a turn for finished, above the pauses that \
                     these clips have."
                .to_owned(),
        })
    }
}
