//! Where failures come from: by message, by code, by who answered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::end_code::EndCode;
use super::stats::{Percentiles, Sample};
use crate::results::answer::AnswerKind;
use crate::results::exclusion::Exclusion;
use crate::results::row::RequestRow;

/// How many messages are listed.
const TOP: usize = 5;
/// Most messages that are distinguished, against a gateway that never says the same thing twice.
const MOST_MESSAGES: usize = 10_000;

/// The errors of turns that were no success.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Errors {
    /// The most frequent messages, most turns first.
    pub top: Vec<ErrorCount>,
    /// Turns with other messages.
    pub others: u64,
    /// Turns by gRPC status of their stream; an ERROR event comes with `OK`.
    pub grpc_codes: BTreeMap<String, u64>,
    /// Turns by the HTTP status that their upgrade was refused with; absent where none was.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub http_statuses: BTreeMap<String, u64>,
    /// Turns by the close code of their WebSocket; absent without one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub close_codes: BTreeMap<String, u64>,
}

/// One message and how many turns had it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorCount {
    /// The message.
    pub message: String,
    /// Turns.
    pub turns: u64,
}

/// The turns of one of several gateways behind the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// Its address or name.
    pub name: String,
    /// Turns it took, less those in flight and those that we cancelled.
    pub turns: u64,
    /// Successes among them.
    pub successes: u64,
    /// Its time to the answer, over the same requests as the headline.
    pub response: Percentiles,
}

/// Counts the errors of turns.
#[derive(Debug, Default)]
pub struct ErrorAccumulator {
    messages: BTreeMap<String, u64>,
    /// Turns with messages beyond those that are distinguished.
    others: u64,
    grpc_codes: BTreeMap<String, u64>,
    http_statuses: BTreeMap<String, u64>,
    close_codes: BTreeMap<String, u64>,
}

impl ErrorAccumulator {
    /// Takes in a turn.
    pub fn add(&mut self, row: &RequestRow) {
        if row.status.is_success() || row.status.is_in_flight() {
            return;
        }
        if let Some(message) = &row.error {
            let is_full = self.messages.len() >= MOST_MESSAGES;
            match self.messages.get_mut(message) {
                Some(turns) => *turns += 1,
                None if is_full => self.others += 1,
                None => {
                    self.messages.insert(message.clone(), 1);
                }
            }
        }
        if let Some(code) = row.grpc_code {
            let code = EndCode::Grpc(code).to_string();
            *self.grpc_codes.entry(code).or_default() += 1;
        }
        if let Some(status) = row.http_status.filter(|status| *status >= 300) {
            let status = EndCode::Http(status).to_string();
            *self.http_statuses.entry(status).or_default() += 1;
        }
        if let Some(code) = row.close_code {
            let code = EndCode::Close(code).to_string();
            *self.close_codes.entry(code).or_default() += 1;
        }
    }

    /// The errors of all turns.
    #[must_use]
    pub fn finish(self) -> Errors {
        let messages = self.messages.into_iter();
        let mut top: Vec<ErrorCount> = messages
            .map(|(message, turns)| ErrorCount { message, turns })
            .collect();
        // Stable, so that messages of one count stay in alphabetical order.
        top.sort_by_key(|error| std::cmp::Reverse(error.turns));
        let others = top.iter().skip(TOP).map(|error| error.turns).sum::<u64>();
        top.truncate(TOP);
        Errors {
            top,
            others: others + self.others,
            grpc_codes: self.grpc_codes,
            http_statuses: self.http_statuses,
            close_codes: self.close_codes,
        }
    }
}

/// Counts turns by the name of who took them.
#[derive(Debug, Default)]
pub struct ShareAccumulator {
    answers: AnswerKind,
    by_name: BTreeMap<String, (u64, u64, Sample)>,
}

impl ShareAccumulator {
    /// For turns of a server that answers with `answers`.
    #[must_use]
    pub fn of(answers: AnswerKind) -> ShareAccumulator {
        ShareAccumulator {
            answers,
            ..ShareAccumulator::default()
        }
    }

    /// Takes in a turn of a cluster of turns that are alike, if it is known who took it.
    pub fn add(&mut self, name: Option<&str>, row: &RequestRow, cluster: u32) {
        let Some(name) = name.filter(|_| row.status.is_judged()) else {
            return;
        };
        if !self.by_name.contains_key(name) {
            self.by_name.insert(name.to_owned(), Default::default());
        }
        if let Some((turns, successes, response)) = self.by_name.get_mut(name) {
            *turns += 1;
            *successes += u64::from(row.status.is_success());
            if Exclusion::of(row).is_none() {
                response.push(self.answers.latency_ns(row), cluster);
            }
        }
    }

    /// The share of each, by name; empty unless there are several.
    #[must_use]
    pub fn finish(self) -> Vec<Share> {
        if self.by_name.len() < 2 {
            return Vec::new();
        }
        let shares = self.by_name.into_iter();
        shares
            .map(|(name, (turns, successes, response))| Share {
                name,
                turns,
                successes,
                response: response.percentiles(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::Status;
    use crate::results::sample::{row, unanswered};

    #[test]
    fn the_most_frequent_messages_come_first_and_the_rest_is_counted() {
        let failed = |turn: u32| RequestRow {
            // Message m0 once, m1 twice, and so on.
            error: Some(format!(
                "m{}",
                (0..7).find(|m| turn < (m + 1) * (m + 2) / 2).unwrap()
            )),
            grpc_code: Some(if turn == 0 { 99 } else { 14 }),
            ..unanswered(turn, Status::Error)
        };
        let rows: Vec<_> = (0..28).map(failed).chain([row(28)]).collect();
        let mut accumulator = ErrorAccumulator::default();
        rows.iter().for_each(|row| accumulator.add(row));
        let errors = accumulator.finish();
        let top: Vec<_> = errors.top.iter().map(|e| (&*e.message, e.turns)).collect();
        assert_eq!(top, [("m6", 7), ("m5", 6), ("m4", 5), ("m3", 4), ("m2", 3)]);
        assert_eq!(errors.others, 3);
        let codes = [("UNAVAILABLE".to_owned(), 27), ("code 99".to_owned(), 1)];
        assert_eq!(errors.grpc_codes, codes.into());
    }

    #[test]
    fn one_peer_is_no_breakdown() {
        let at = |peer: &str, row: RequestRow| RequestRow {
            peer: Some(peer.to_owned()),
            ..row
        };
        let rows = [
            at("a", row(0)),
            at("b", unanswered(1, Status::Error)),
            at("a", row(2)),
        ];
        let shares = |rows: &[RequestRow]| {
            let mut accumulator = ShareAccumulator::default();
            (0..)
                .zip(rows)
                .for_each(|(i, row)| accumulator.add(row.peer.as_deref(), row, i));
            accumulator.finish()
        };
        assert_eq!(shares(&rows[..1]), []);
        let seen = shares(&rows);
        let counts: Vec<_> = seen
            .iter()
            .map(|s| (&*s.name, s.turns, s.successes))
            .collect();
        assert_eq!(counts, [("a", 2, 2), ("b", 1, 0)]);
    }
}
