//! What is kept of turns that failed.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use super::messages::Messages;
use super::shared::most_frequent;
use super::stage_reached::reached;
use super::traits::{Numbers, Traits};
use crate::results::row::{RequestRow, Status};
use crate::units::{NS_PER_S, counted, grouped, grpc_code_name};

/// Most failures that are kept; beyond it every second, fourth, … one is.
const MOST: usize = 65_536;

/// What the words of an error say by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// Nothing.
    None,
    /// The stream was refused before anything was done: REFUSED_STREAM.
    Refused,
    /// The connection was closed for too much traffic: ENHANCE_YOUR_CALM.
    Flood,
    /// The stream was reset: its gRPC code is ours, not one that a gateway chose.
    Reset,
}

impl Sign {
    /// The sign in an error's words, as the HTTP/2 library has them or a gateway may put them.
    pub(super) fn of(error: &str) -> Sign {
        let says = |words: &[&str]| words.iter().any(|word| error.contains(word));
        if says(&[
            "excessive load generating",
            "too_many_data_frames",
            "ENHANCE_YOUR_CALM",
        ]) {
            Sign::Flood
        } else if says(&["refused stream", "REFUSED_STREAM"]) {
            Sign::Refused
        } else if says(&["the server reset the stream"]) {
            Sign::Reset
        } else {
            Sign::None
        }
    }
}

/// A turn that failed; not one that never began because its session had failed before.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    /// When it ended, or was to start.
    pub(super) at_ns: i64,
    /// Hash of its session.
    pub(super) session: u64,
    /// Its connection.
    pub(super) connection: Option<u32>,
    /// Its stream was opened.
    pub(super) opened_ns: Option<i64>,
    /// The stream's end, where the peer or the network ended it with a status other than OK.
    pub(super) broken_ns: Option<i64>,
    /// The chunk with the end of speech was sent.
    pub(super) spoken_ns: Option<i64>,
    /// The last chunk of the utterance was sent.
    pub(super) last_chunk_sent_ns: Option<i64>,
    /// Bytes of the stream so far, gRPC's own included; `None` for later turns, whose fill is not
    /// known.
    pub(super) stream_bytes: Option<u64>,
    /// Status or code, to name it by.
    pub(super) code: Result<u32, Status>,
    /// What its error says.
    pub(super) sign: Sign,
    /// The number of its message; `None` without one, and where there are too many.
    pub(super) message: Option<u32>,
    /// How many stages of an answer came.
    pub(super) reached: usize,
    /// Whether any audio of an answer came.
    pub(super) answered: bool,
    /// Turns that waited for an answer when its caller had spoken, itself among them, and open
    /// sessions.
    pub(super) waiting: [Option<u32>; 2],
    /// What it has in common with others.
    pub(super) traits: Numbers,
    /// A finding explains it.
    pub(super) explained: bool,
}

/// The failures of a run.
#[derive(Debug)]
pub(super) struct Failures {
    kept: Vec<Failure>,
    /// One in so many is kept.
    every: u64,
    seen: u64,
    messages: Messages,
    traits: Traits,
    /// Turns that shares of errors are over, and those among them that were no success.
    judged: u64,
    failed: u64,
}

impl Default for Failures {
    fn default() -> Failures {
        Failures {
            kept: Vec::new(),
            every: 1,
            seen: 0,
            messages: Messages::default(),
            traits: Traits::default(),
            judged: 0,
            failed: 0,
        }
    }
}

impl Failures {
    /// Takes in a turn, if it failed.
    pub(super) fn add(&mut self, row: &RequestRow) {
        self.judged += u64::from(row.status.is_judged());
        self.failed += u64::from(row.status.is_judged() && !row.status.is_success());
        let traits = self.traits.add(row);
        let Some(failure) = failure(row) else { return };
        if self.seen.is_multiple_of(self.every) {
            if self.kept.len() == MOST {
                let mut number = 0;
                self.kept.retain(|_| {
                    number += 1;
                    number % 2 == 1
                });
                self.every *= 2;
            }
            let message = row.error.as_deref();
            self.kept.push(Failure {
                message: message.and_then(|text| self.messages.number(text)),
                traits,
                ..failure
            });
        }
        self.seen += 1;
    }

    /// Those that were kept.
    pub(super) fn kept(&self) -> &[Failure] {
        &self.kept
    }

    /// Those that no finding has explained yet.
    pub(super) fn unexplained(&self) -> impl Iterator<Item = &Failure> {
        self.kept.iter().filter(|failure| !failure.explained)
    }

    /// One of so many failures is kept.
    pub(super) fn every(&self) -> u64 {
        self.every
    }

    /// Turns that shares of errors are over.
    pub(super) fn judged(&self) -> u64 {
        self.judged
    }

    /// Turns among them that were no success, also those that never began since their session had
    /// failed.
    pub(super) fn failed(&self) -> u64 {
        self.failed
    }

    /// Whether so many are more than one of a hundred turns.
    pub(super) fn are_many(&self, turns: u64) -> bool {
        turns * 100 > self.judged
    }

    /// What turns have in common.
    pub(super) fn traits(&self) -> &Traits {
        &self.traits
    }

    /// Notes that a finding explains those for which `is_explained`, and returns a sentence on how most
    /// of them failed, with a space before it.
    pub(super) fn explain(&mut self, is_explained: impl Fn(&Failure) -> bool) -> String {
        let kept = self.kept.iter().enumerate();
        let chosen: Vec<usize> = kept
            .filter(|(_, failure)| is_explained(failure))
            .map(|(at, _)| at)
            .collect();
        for at in &chosen {
            self.kept[*at].explained = true;
        }
        match self.usual(chosen.iter().map(|at| &self.kept[*at])) {
            Some(usual) => format!(
                " {} of these {} failed with {}.",
                grouped(usual.turns),
                counted(usual.of, "turn"),
                usual.how
            ),
            None => String::new(),
        }
    }

    /// How most of `failures` failed.
    pub(super) fn usual<'a>(&self, failures: impl Iterator<Item = &'a Failure>) -> Option<Usual> {
        let mut of = 0;
        let kinds = failures.map(|failure| {
            of += self.every;
            (failure.message, failure.code)
        });
        // Of one message, which may come with several codes, first.
        let kinds: Vec<_> = kinds.collect();
        let messages = kinds.iter().filter_map(|(message, _)| *message);
        let codes = kinds.iter().filter(|(message, _)| message.is_none());
        let message = most_frequent(messages);
        let code = most_frequent(codes.map(|(_, code)| name_key(*code)));
        let (how, count) = match (message, code) {
            (Some((message, count)), other) if other.is_none_or(|(_, most)| most <= count) => {
                let (quoted, differ) = self.messages.quoted(message);
                let like = if differ { "messages like " } else { "" };
                (format!("{like}{quoted}"), count)
            }
            (_, Some((code, count))) => (name(code), count),
            (_, None) => return None,
        };
        Some(Usual {
            how,
            turns: count as u64 * self.every,
            of,
        })
    }
}

/// How most of some failures failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Usual {
    /// Their message in quotes, or what became of them in words.
    pub(super) how: String,
    /// How many turns did.
    pub(super) turns: u64,
    /// Of how many.
    pub(super) of: u64,
}

/// A code, or a status behind all codes.
fn name_key(code: Result<u32, Status>) -> (u32, Option<&'static str>) {
    match code {
        Ok(code) => (code, None),
        Err(status) => (u32::MAX, Some(status.name())),
    }
}

/// A failure without a message, in words.
fn name((code, status): (u32, Option<&'static str>)) -> String {
    let is = |other: Status| status == Some(other.name());
    match status {
        None => grpc_code_name(code).map_or_else(|| format!("code {code}"), str::to_owned),
        _ if is(Status::Timeout) => "no audio within the timeout".to_owned(),
        _ if is(Status::NoAnswer) => "a stream that ended well, without audio".to_owned(),
        _ if is(Status::Error) => "an error that says nothing".to_owned(),
        Some(status) => status.to_owned(),
    }
}

fn failure(row: &RequestRow) -> Option<Failure> {
    let code = row.grpc_code.filter(|code| *code != 0);
    let failed = match row.status {
        Status::Error | Status::Timeout | Status::NoAnswer => true,
        // Its session could not be opened; without a code the fault was ours.
        Status::NotStarted => row.turn == 0 && code.is_some(),
        _ => false,
    };
    failed.then(|| Failure {
        at_ns: row.closed_ns.unwrap_or(row.intended_start_ns),
        session: session_hash(row),
        connection: row.connection,
        opened_ns: row.opened_ns,
        broken_ns: row.closed_ns.filter(|_| code.is_some()),
        spoken_ns: row.end_of_speech_sent_ns,
        last_chunk_sent_ns: row.last_chunk_sent_ns,
        stream_bytes: stream_bytes(row),
        code: code.ok_or(row.status),
        sign: row.error.as_deref().map_or(Sign::None, Sign::of),
        message: None,
        reached: reached(row),
        answered: row.first_audio_ns.is_some(),
        waiting: [row.awaiting_answer, row.concurrent_sessions],
        traits: Numbers::default(),
        explained: false,
    })
}

/// Bytes that a session of which `row` is the first turn has sent, as HTTP/2 carries them; `None`
/// for a later one.
///
/// A chunk is framed by gRPC's 5 bytes and by the field's number and length, 3 bytes up to 16 KiB.
pub(super) fn stream_bytes(row: &RequestRow) -> Option<u64> {
    let framing = 8 * u64::from(row.chunks_sent);
    (row.turn == 0).then_some(row.bytes_sent + framing)
}

/// A hash of a turn's session.
pub(super) fn session_hash(row: &RequestRow) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one((&row.session_id, row.copy))
}

/// When in the run, to the second, as people say it: `0m07s`.
pub(in crate::report) fn clock(ns: i64) -> String {
    let s = ns.max(0) / NS_PER_S;
    match s / 3600 {
        0 => format!("{}m{:02}s", s / 60, s % 60),
        h => format!("{h}h{:02}m{:02}s", s / 60 % 60, s % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample::{row, unanswered};

    fn failed(turn: u32, code: u32, error: &str) -> RequestRow {
        RequestRow {
            grpc_code: Some(code),
            error: Some(error.to_owned()),
            ..unanswered(turn, Status::Error)
        }
    }

    fn add(rows: &[RequestRow]) -> Failures {
        let mut failures = Failures::default();
        rows.iter().for_each(|row| failures.add(row));
        failures
    }

    #[test]
    fn what_follows_from_a_failure_is_none_and_our_faults_are_none() {
        let not_started = |turn, code| RequestRow {
            grpc_code: code,
            started_ns: None,
            ..unanswered(turn, Status::NotStarted)
        };
        let failures = add(&[
            row(0),
            unanswered(1, Status::Cancelled),
            unanswered(2, Status::Interrupted),
            not_started(3, Some(14)),
            not_started(0, None),
            not_started(0, Some(14)),
            failed(4, 0, "ASR failed"),
        ]);
        let codes: Vec<_> = failures.kept().iter().map(|f| f.code).collect();
        assert_eq!(codes, [Ok(14), Err(Status::Error)]);
        let broken: Vec<_> = failures
            .kept()
            .iter()
            .map(|f| f.broken_ns.is_some())
            .collect();
        assert_eq!(broken, [true, false], "an ERROR event breaks no stream");
    }

    #[test]
    fn the_librarys_words_are_signs() {
        let said = |error| Sign::of(&format!("UNAVAILABLE: stream error received: {error}"));
        let refused = "refused stream before processing any application logic";
        assert_eq!(said(refused), Sign::Refused);
        let flood = "detected excessive load generating behavior";
        assert_eq!(said(flood), Sign::Flood);
        assert_eq!(said("stream no longer needed"), Sign::None);
    }

    #[test]
    fn many_failures_are_thinned_evenly() {
        let mut failures = Failures::default();
        let one = failed(0, 14, "no");
        (0..3 * MOST).for_each(|_| failures.add(&one));
        let (kept, every) = (failures.kept().len() as u64, failures.every());
        assert_eq!(every, 4);
        assert_eq!(kept * every, 3 * MOST as u64);
    }
}
