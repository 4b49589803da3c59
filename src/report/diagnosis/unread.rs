//! What was sent was not taken: the gateway, or a proxy before it, stopped reading.

use super::{Finding, Kind, Look, Seen};
use crate::report::sketch::Sketch;
use crate::results::row::RequestRow;
use crate::units::{NS_PER_MS, counted, grouped};

/// Shorter waits are not told from the time that a message takes.
const SHORTEST_NS: i64 = 100 * NS_PER_MS;
/// Fewer turns are no evidence, unless there are no others.
const FEWEST: u64 = 3;

/// Turns whose chunks waited on a stream that was open.
#[derive(Debug, Default)]
pub(super) struct Waits {
    turns: u64,
    /// Those that began in time, but the first of their sessions.
    waited: u64,
    /// The waits of the first: they contain that for a server to be ready, where it says so.
    first: Sketch,
}

impl Look for Waits {
    fn add(&mut self, row: &RequestRow) {
        self.turns += 1;
        // A session that was opened late waited for that, and so did its chunks.
        let opened_in_time = row
            .opened_ns
            .is_some_and(|opened_ns| opened_ns - row.intended_start_ns < SHORTEST_NS);
        let waited = opened_in_time && row.blocked_ns >= SHORTEST_NS;
        match row.turn {
            0 if waited => self.first.add(row.blocked_ns),
            _ => self.waited += u64::from(waited),
        }
    }

    fn finding(&self, seen: &mut Seen<'_>) -> Option<Finding> {
        let first = match seen.case.ready_wait_max_ns {
            0 => self.first.n(),
            ns => self.first.above(ns.saturating_add(SHORTEST_NS)),
        };
        let waited = self.waited + first;
        if waited < FEWEST.min(self.turns.max(1)) {
            return None;
        }
        let is_websocket = seen.case.run.spec.dialect().is_websocket();
        let seconds = || seen.case.timeline.iter();
        let blocked: u64 = seconds().filter_map(|second| second.blocked_chunks).sum();
        let mut evidence = format!(
            "{} of {} had chunks that waited on an open stream, {}since the socket was full",
            grouped(waited),
            counted(self.turns, "turn"),
            match is_websocket {
                true => "",
                false => "by HTTP/2 flow control or ",
            },
        );
        if blocked > 0 {
            let due: u64 = seconds().map(|second| second.offered_chunks).sum();
            evidence += &format!(
                ": {} of {} left more than an interval late or not at all for that reason",
                grouped(blocked),
                counted(due, "chunk"),
            );
        }
        Some(Finding {
            kind: Kind::NotRead,
            title: "The gateway did not take what was sent".to_owned(),
            evidence: evidence + ".",
            advice: format!(
                "See whether the server reads the request stream all the time, also while it recognises and \
                 answers: a handler that waits for something else leaves it unread, and the caller's audio \
                 arrives late. Where a proxy stands before it, look at its buffers{} too.",
                match is_websocket {
                    true => "",
                    false => " and its HTTP/2 windows",
                }
            ),
        })
    }
}
