//! What is kept of turns that failed.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use super::count::Count;
use super::messages::Messages;
use super::stage_reached::reached;
use super::traits::{Numbers, OF_FAILURES, Trait, Traits};
use super::values::most_frequent;
use crate::report::end_code::EndCode;
use crate::results::answer::AnswerKind;
use crate::results::row::{RequestRow, Status};
use crate::units::{NS_PER_S, counted, grouped};

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
    /// A limit of requests or tokens a minute ended the answer.
    RateLimit,
}

/// What says so, as the HTTP/2 library or OpenAI Realtime has it, or a gateway may put it.
const SIGNS: [(&str, Sign); 7] = [
    ("excessive load generating", Sign::Flood),
    ("too_many_data_frames", Sign::Flood),
    ("ENHANCE_YOUR_CALM", Sign::Flood),
    ("refused stream", Sign::Refused),
    ("REFUSED_STREAM", Sign::Refused),
    ("the server reset the stream", Sign::Reset),
    ("rate_limit_exceeded", Sign::RateLimit),
];

impl Sign {
    /// The sign in an error's words.
    pub(super) fn of(error: &str) -> Sign {
        let found = SIGNS.iter().find(|(words, _)| error.contains(words));
        found.map_or(Sign::None, |(_, sign)| *sign)
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
    /// The stream's end, where the peer or the network ended it with a code that says that it failed.
    pub(super) broken_ns: Option<i64>,
    /// The chunk with the end of speech was sent.
    pub(super) spoken_ns: Option<i64>,
    /// The last chunk of the utterance was sent.
    pub(super) last_chunk_sent_ns: Option<i64>,
    /// Bytes of the stream so far, gRPC's own included; `None` for later turns, whose fill is not
    /// known.
    pub(super) stream_bytes: Option<i64>,
    /// Status or code, to name it by.
    pub(super) code: Result<EndCode, Status>,
    /// What its error says.
    pub(super) sign: Sign,
    /// The number of its message; `None` without one, and where there are too many.
    pub(super) message: Option<u32>,
    /// How many stages of an answer came.
    pub(super) reached: usize,
    /// Whether its answer was still to be heard when the timeout gave it up.
    pub(super) still_played: bool,
    /// Whether an answer came.
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
    answers: AnswerKind,
    /// Those that were kept.
    pub(super) kept: Vec<Failure>,
    /// One in so many is kept.
    pub(super) every: u64,
    seen: u64,
    messages: Messages,
    /// What turns have in common.
    pub(super) traits: Traits,
    /// Turns that shares of errors are over, and those among them that were no success, also those that
    /// never began since their session had failed.
    pub(super) judged: Count,
}

impl Failures {
    /// Of turns of a server that answers with `answers`.
    pub(super) fn of(answers: AnswerKind) -> Failures {
        Failures {
            answers,
            kept: Vec::new(),
            every: 1,
            seen: 0,
            messages: Messages::default(),
            traits: Traits::of(&OF_FAILURES),
            judged: Count::default(),
        }
    }

    /// Takes in a turn, if it failed.
    pub(super) fn add(&mut self, row: &RequestRow) {
        let is_judged = row.status.is_judged();
        self.judged.turns += u64::from(is_judged);
        self.judged.failed += u64::from(is_judged && !row.status.is_success());
        // A call counts once.
        let counts = |one: &Trait| is_judged && (row.turn == 0 || one.is_of_turn);
        let traits = self.traits.add(row, counts);
        let Some(failure) = failure(row, self.answers) else {
            return;
        };
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

    /// How many turns failed with this sign, and when the first did.
    pub(super) fn with(&self, sign: Sign) -> Option<(u64, i64)> {
        let signed = || self.kept.iter().filter(|failure| failure.sign == sign);
        let first_ns = signed().map(|failure| failure.at_ns).min()?;
        Some((signed().count() as u64 * self.every, first_ns))
    }

    /// How many turns failed for no reason that was found yet, by what `of` says of them.
    pub(super) fn count_by<K: Ord>(&self, of: impl Fn(&Failure) -> Option<K>) -> BTreeMap<K, u64> {
        let mut counts = BTreeMap::new();
        for key in self.unexplained().filter_map(of) {
            *counts.entry(key).or_default() += self.every;
        }
        counts
    }

    /// Those that no finding has explained yet.
    pub(super) fn unexplained(&self) -> impl Iterator<Item = &Failure> {
        self.kept.iter().filter(|failure| !failure.explained)
    }

    /// Whether so many are more than one of a hundred turns.
    pub(super) fn are_many(&self, turns: u64) -> bool {
        turns * 100 > self.judged.turns
    }

    /// Notes that a finding explains those for which `is_explained`, and returns a sentence on how most
    /// of them failed, with a space before it.
    pub(super) fn explain(&mut self, is_explained: impl Fn(&Failure) -> bool) -> String {
        let usual = self.usual(self.kept.iter().filter(|failure| is_explained(failure)));
        for failure in &mut self.kept {
            failure.explained |= is_explained(failure);
        }
        usual.map_or_else(String::new, |usual| match usual.of {
            1 => format!(" It failed with {}.", usual.how),
            _ => format!(
                " {} of these {} failed with {}.",
                grouped(usual.turns),
                counted(usual.of, "turn"),
                usual.how
            ),
        })
    }

    /// How most of `failures` failed.
    pub(super) fn usual<'a>(&self, failures: impl Iterator<Item = &'a Failure>) -> Option<Usual> {
        let kinds: Vec<_> = failures.map(|f| (f.message, f.code)).collect();
        // Of one message, which may come with several codes, first.
        let message = most_frequent(kinds.iter().filter_map(|(message, _)| *message));
        let codes = kinds.iter().filter(|(message, _)| message.is_none());
        let code = most_frequent(codes.map(|(_, code)| *code));
        let (how, count) = match (message, code) {
            (Some((message, count)), other) if other.is_none_or(|(_, most)| most <= count) => {
                (self.messages.quoted(message), count)
            }
            (_, Some((code, count))) => (name(code), count),
            (_, None) => return None,
        };
        Some(Usual {
            how,
            turns: count as u64 * self.every,
            of: kinds.len() as u64 * self.every,
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

/// A failure without a message, in words.
fn name(code: Result<EndCode, Status>) -> String {
    match code {
        Ok(code) => code.to_string(),
        Err(Status::Timeout) => "no answer within the timeout".to_owned(),
        Err(Status::NoAnswer) => "a stream that ended well, without an answer".to_owned(),
        Err(Status::Error) => "an error that says nothing".to_owned(),
        Err(status) => status.name().to_owned(),
    }
}

fn failure(row: &RequestRow, answers: AnswerKind) -> Option<Failure> {
    let code = EndCode::of_failure(row);
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
        still_played: row.status == Status::Timeout && row.playout_end_ns > row.closed_ns,
        answered: answers.is_answered(row),
        waiting: [row.awaiting_answer, row.concurrent_sessions],
        traits: Numbers::default(),
        explained: false,
    })
}

/// Bytes that a session of which `row` is the first turn has sent, as HTTP/2 carries them; `None`
/// for a later one, and for what HTTP/2 does not carry.
///
/// A chunk is framed by gRPC's 5 bytes and by the field's number and length, 3 bytes up to 16 KiB.
pub(super) fn stream_bytes(row: &RequestRow) -> Option<i64> {
    let bytes = row.bytes_sent + 8 * u64::from(row.chunks_sent);
    let is_http2 = !row.dialect.unwrap_or_default().is_websocket();
    i64::try_from(bytes)
        .ok()
        .filter(|_| row.turn == 0 && is_http2)
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
        let mut failures = Failures::of(AnswerKind::Audio);
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
        let codes: Vec<_> = failures.kept.iter().map(|f| f.code).collect();
        assert_eq!(codes, [Ok(EndCode::Grpc(14)), Err(Status::Error)]);
        let broken: Vec<_> = failures
            .kept
            .iter()
            .map(|f| f.broken_ns.is_some())
            .collect();
        assert_eq!(broken, [true, false], "an ERROR event breaks no stream");
    }

    #[test]
    fn words_of_libraries_and_servers_are_signs() {
        let said = |error| Sign::of(&format!("UNAVAILABLE: stream error received: {error}"));
        let refused = "refused stream before processing any application logic";
        assert_eq!(said(refused), Sign::Refused);
        let flood = "detected excessive load generating behavior";
        assert_eq!(said(flood), Sign::Flood);
        assert_eq!(said("stream no longer needed"), Sign::None);
        assert_eq!(said("rate_limit_exceeded: wait"), Sign::RateLimit);
    }

    #[test]
    fn many_failures_are_thinned_evenly() {
        let mut failures = Failures::of(AnswerKind::Audio);
        let one = failed(0, 14, "no");
        (0..3 * MOST).for_each(|_| failures.add(&one));
        let (kept, every) = (failures.kept.len() as u64, failures.every);
        assert_eq!(every, 4);
        assert_eq!(kept * every, 3 * MOST as u64);
    }
}
