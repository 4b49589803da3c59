//! How often something happened: shares of the requests of the steady phase, by the catalog of metrics.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::results::metrics::SHARES;
use crate::results::row::RequestRow;

/// One share of the catalog.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Occurrence {
    /// Requests in question.
    pub events: u64,
    /// Requests that it is a share of.
    pub turns: u64,
    /// The share; null without any.
    pub share: Option<f64>,
}

impl Occurrence {
    /// So many events among so many turns.
    #[must_use]
    pub fn of(events: u64, turns: u64) -> Occurrence {
        Occurrence {
            events,
            turns,
            share: (turns > 0).then(|| events as f64 / turns as f64),
        }
    }
}

/// Counts the shares of the catalog, request by request: events, and all.
#[derive(Debug, Default)]
pub(super) struct ShareCounts([(u64, u64); SHARES.len()]);

impl ShareCounts {
    /// Takes in a request.
    pub(super) fn add(&mut self, row: &RequestRow) {
        for (share, (events, turns)) in SHARES.iter().zip(&mut self.0) {
            if let Some(is_event) = (share.of)(row) {
                *events += u64::from(is_event);
                *turns += 1;
            }
        }
    }

    /// By name of the share.
    pub(super) fn finish(self) -> BTreeMap<String, Occurrence> {
        let counted = SHARES.iter().zip(self.0);
        let named = counted
            .map(|(share, (events, turns))| (share.name.to_owned(), Occurrence::of(events, turns)));
        named.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::Status;
    use crate::results::sample::{row, unanswered};

    #[test]
    fn each_share_is_over_its_own_requests() {
        let rows = [
            row(0),
            RequestRow {
                underruns: 2,
                ..row(1)
            },
            RequestRow {
                early_endpoint: true,
                ..row(2)
            },
            RequestRow {
                overlapped: true,
                ..row(3)
            },
            unanswered(4, Status::NoAnswer),
        ];
        let mut counts = ShareCounts::default();
        rows.iter().for_each(|row| counts.add(row));
        let shares = counts.finish();
        assert_eq!(shares["errors"], Occurrence::of(1, 5));
        assert_eq!(shares["success"].share, Some(0.8));
        assert_eq!(shares["underruns"], Occurrence::of(1, 2));
        assert_eq!(shares["early_endpoint"], Occurrence::of(1, 5));
        assert_eq!(shares["overlapped"], Occurrence::of(1, 5));
        let none = ShareCounts::default().finish();
        assert!(none.values().all(|share| share.share.is_none()) && none.len() == 5);
    }
}
