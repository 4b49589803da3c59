//! What an anonymised trace still tells.

use std::collections::BTreeMap;

use crate::trace::model::SessionRows;

/// What is left in the sessions of a trace that is to be anonymous.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Left {
    /// Sessions, whose starts and instants of chunks are left.
    pub sessions: u64,
    /// Utterances, whose lengths and extents of speech are left.
    pub turns: u64,
    /// Texts of callers, whose lengths are left.
    pub texts: u64,
    /// Messages of the gateway, whose kinds, instants and sizes are left.
    pub replies: u64,
    /// Sessions by the language that is left.
    pub languages: BTreeMap<String, u64>,
    /// Sessions by the gRPC code that is left of how they ended.
    pub statuses: BTreeMap<String, u64>,
}

impl Left {
    /// Takes in what is left of a session.
    pub(super) fn take_in(&mut self, rows: &SessionRows) {
        let session = &rows.session;
        self.sessions += 1;
        self.turns += rows.turns.len() as u64;
        self.texts += rows
            .events
            .iter()
            .filter(|event| event.text.is_some())
            .count() as u64;
        self.replies += rows.replies.len() as u64;
        *self
            .languages
            .entry(session.language_code.clone())
            .or_default() += 1;
        if let Some(status) = &session.recorded_status {
            *self.statuses.entry(status.clone()).or_default() += 1;
        }
    }
}
