//! What became of the turns of a run, over all its phases.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::results::row::Status;

/// What became of the turns of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Turns {
    /// Planned.
    pub planned: u64,
    /// Rows of the run.
    pub rows: u64,
    /// Turns that started.
    pub started: u64,
    /// Turns among them that were under way when the run ended, or still are: no successes and no
    /// errors.
    #[serde(default)]
    pub in_flight: u64,
    /// Successes: `ok` and `barged_in`.
    pub successes: u64,
    /// Successes over all rows but the cancelled and those in flight; null without any.
    pub success_rate: Option<f64>,
    /// Turns whose clip has speech, so that an answer is expected.
    pub answer_expected: u64,
    /// Turns among them that were answered.
    pub answered: u64,
    /// Turns that began before the answer to the one before had ended.
    #[serde(default)]
    pub overlapped: u64,
    /// Turns of which the messages do not tell whose answer they had.
    #[serde(default)]
    pub owner_uncertain: u64,
    /// Rows by status.
    pub outcomes: BTreeMap<String, u64>,
}

impl Turns {
    /// Turns that shares of successes and errors are over: neither in flight nor cancelled by us.
    #[must_use]
    pub fn judged(&self) -> u64 {
        let statuses = Status::ALL.iter().filter(|status| status.is_judged());
        let counts = statuses.filter_map(|status| self.outcomes.get(status.name()));
        counts.sum()
    }
}
