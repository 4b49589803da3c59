//! Where failures come from: by message, by status code, by who answered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::latencies::{LATENCIES, Selection};
use super::stats::Percentiles;
use crate::results::row::RequestRow;
use crate::units::grpc_code_name;

/// How many messages are listed.
const TOP: usize = 5;

/// The errors of turns that were no success.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Errors {
    /// The most frequent messages, most turns first.
    pub top: Vec<ErrorCount>,
    /// Turns with other messages.
    pub others: u64,
    /// Turns by gRPC status of their stream; an ERROR event comes with `OK`.
    pub grpc_codes: BTreeMap<String, u64>,
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
    /// Turns it took.
    pub turns: u64,
    /// Successes among them.
    pub successes: u64,
    /// Its response time, over the same requests as the headline.
    pub response: Percentiles,
}

/// Counts the errors of `rows`.
#[must_use]
pub fn errors(rows: &[RequestRow]) -> Errors {
    let mut messages: BTreeMap<&str, u64> = BTreeMap::new();
    let mut grpc_codes: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.status.is_success()) {
        if let Some(message) = &row.error {
            *messages.entry(message).or_default() += 1;
        }
        if let Some(code) = row.grpc_code {
            *grpc_codes.entry(code_name(code)).or_default() += 1;
        }
    }
    let mut top: Vec<ErrorCount> = messages
        .into_iter()
        .map(|(message, turns)| ErrorCount {
            message: message.to_owned(),
            turns,
        })
        .collect();
    // Stable, so that messages of one count stay in alphabetical order.
    top.sort_by_key(|error| std::cmp::Reverse(error.turns));
    let others = top.iter().skip(TOP).map(|error| error.turns).sum();
    top.truncate(TOP);
    Errors {
        top,
        others,
        grpc_codes,
    }
}

/// The share of each name that `name_of` gives, by name; empty unless there are several.
#[must_use]
pub fn shares(rows: &[RequestRow], name_of: fn(&RequestRow) -> Option<&str>) -> Vec<Share> {
    let mut by_name: BTreeMap<&str, Vec<&RequestRow>> = BTreeMap::new();
    for row in rows {
        if let Some(name) = name_of(row) {
            by_name.entry(name).or_default().push(row);
        }
    }
    if by_name.len() < 2 {
        return Vec::new();
    }
    let [response, ..] = &LATENCIES;
    by_name
        .into_iter()
        .map(|(name, rows)| Share {
            name: name.to_owned(),
            turns: rows.len() as u64,
            successes: rows.iter().filter(|row| row.status.is_success()).count() as u64,
            response: Selection::of(rows).percentiles(response),
        })
        .collect()
}

fn code_name(code: u32) -> String {
    grpc_code_name(code).map_or_else(|| format!("code {code}"), str::to_owned)
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
        let errors = errors(&rows);
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
        let peer: fn(&RequestRow) -> Option<&str> = |row| row.peer.as_deref();
        assert_eq!(shares(&rows[..1], peer), []);
        let seen = shares(&rows, peer);
        let counts: Vec<_> = seen
            .iter()
            .map(|s| (&*s.name, s.turns, s.successes))
            .collect();
        assert_eq!(counts, [("a", 2, 2), ("b", 1, 0)]);
    }
}
