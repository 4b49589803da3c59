//! How long servers take to be ready once a session is opened: part of what callers wait for, and no
//! fault of the schedule.

use serde::{Deserialize, Serialize};

use super::stats::{Percentiles, Sample};
use crate::results::row::SessionRow;

/// From the upgrade of a WebSocket to the message that says that the server is ready.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadyWait {
    /// Over the sessions of which both are known.
    pub figures: Percentiles,
    /// Sessions whose upgrade was accepted, and whose server never said that it is ready.
    pub never: u64,
}

/// Counts the sessions of a run.
#[derive(Debug, Default)]
pub(super) struct ReadyWaits {
    waits: Sample,
    known: u32,
    never: u64,
}

impl ReadyWaits {
    /// Takes in a session.
    pub(super) fn add(&mut self, row: &SessionRow) {
        match row.opened_ns.zip(row.ready_ns) {
            Some((opened_ns, ready_ns)) => {
                self.waits.push(Some(ready_ns - opened_ns), self.known);
                self.known += 1;
            }
            None => self.never += u64::from(row.http_status == Some(101)),
        }
    }

    /// The figures; `None` where no server said that it is ready, as some protocols have no such message.
    pub(super) fn finish(self) -> Option<ReadyWait> {
        (self.known > 0).then(|| ReadyWait {
            figures: self.waits.percentiles(),
            never: self.never,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample::session;
    use crate::units::NS_PER_MS;

    #[test]
    fn the_wait_is_from_the_upgrade_to_ready_and_who_never_was_is_counted() {
        let waited = |number: u32, ms: Option<i64>| SessionRow {
            http_status: Some(101),
            ready_ns: ms.map(|ms| 5 + ms * NS_PER_MS),
            ..session(number, 5)
        };
        let refused = SessionRow {
            http_status: Some(429),
            ready_ns: None,
            ..session(3, 5)
        };
        let of = |rows: &[SessionRow]| {
            let mut waits = ReadyWaits::default();
            rows.iter().for_each(|row| waits.add(row));
            waits.finish()
        };
        let rows = [
            waited(0, Some(10)),
            waited(1, None),
            waited(2, Some(30)),
            refused,
        ];
        let found = of(&rows).unwrap();
        assert_eq!((found.figures.n, found.never), (2, 1));
        let ends = [found.figures.min_ns, found.figures.max_ns];
        assert_eq!(ends, [10, 30].map(|ms| Some(ms * NS_PER_MS)));
        assert_eq!(
            of(&rows[1..2]),
            None,
            "the protocol may have no such message"
        );
        assert_eq!(of(&[session(0, 5)]), None);
    }
}
