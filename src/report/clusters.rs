//! Which requests are alike: those of one session, or of one user of a closed loop.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::results::manifest::RunManifest;
use crate::results::row::RequestRow;

/// What requests that are alike have in common.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockKind {
    /// A session.
    #[default]
    Session,
    /// A user of a closed loop.
    User,
}

impl BlockKind {
    /// What is alike in `run`. The sessions of a user who is alone are distinguished, since there is
    /// no other user to tell from.
    #[must_use]
    pub fn of(run: &RunManifest) -> BlockKind {
        match &run.closed_loop {
            Some(closed_loop) if closed_loop.users > 1 => BlockKind::User,
            _ => BlockKind::Session,
        }
    }

    /// A number for what a request has in common with those that it is like: the same in every run.
    pub(super) fn key(self, row: &RequestRow) -> u64 {
        let mut hash = DefaultHasher::new();
        match (self, row.user) {
            (BlockKind::User, Some(user)) => user.hash(&mut hash),
            _ => (&row.session_id, row.copy).hash(&mut hash),
        }
        hash.finish()
    }
}

/// Numbers clusters from 0 as their first requests come.
#[derive(Debug, Default)]
pub(super) struct Clusters {
    kind: BlockKind,
    numbers: HashMap<u64, u32>,
}

impl Clusters {
    /// The clusters of `run`.
    pub(super) fn of(run: &RunManifest) -> Clusters {
        Clusters {
            kind: BlockKind::of(run),
            numbers: HashMap::new(),
        }
    }

    /// The number of the cluster that a request belongs to.
    pub(super) fn number(&mut self, row: &RequestRow) -> u32 {
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(self.kind.key(row)).or_insert(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::manifest::ClosedLoop;
    use crate::results::sample::{manifest, row};

    fn of_users(users: u32) -> RunManifest {
        RunManifest {
            closed_loop: Some(ClosedLoop {
                scenario: None,
                users,
                pace: "realtime".to_owned(),
                think_ns: [0, 0],
                requests_per_user: None,
                turns_per_session: 1,
                stages: Vec::new(),
            }),
            ..manifest()
        }
    }

    #[test]
    fn requests_of_a_session_or_of_a_user_are_alike() {
        let rows = [0, 190, 1, 2].map(|turn| RequestRow {
            user: Some(turn % 2),
            ..row(turn)
        });
        let numbers = |run: &RunManifest| {
            let mut clusters = Clusters::of(run);
            rows.each_ref().map(|row| clusters.number(row))
        };
        assert_eq!(numbers(&manifest()), [0, 0, 1, 2]);
        assert_eq!(numbers(&of_users(2)), [0, 0, 1, 0]);
        assert_eq!(numbers(&of_users(1)), [0, 0, 1, 2]);
        let copy = RequestRow { copy: 1, ..row(0) };
        assert_ne!(
            BlockKind::Session.key(&copy),
            BlockKind::Session.key(&row(0))
        );
    }
}
