//! The catalog of metrics: what is measured of requests, each declared once.
//!
//! Reports, comparisons, requirements, the live page, the recorded baseline and the documentation go
//! through it, so that a metric is an entry here, and a column in `row` where its instants have none.
//! What counts as longest, and which quantiles are compared, is said here and nowhere else.

use super::answer::{AnswerKind, Part, final_ns, first_text_ns};
use super::exclusion::Exclusion;
use super::protocol::DialectName;
use super::row::{Phase, RequestRow};

/// What a request says of a latency: nanoseconds, where it has it.
type Time = fn(&RequestRow) -> Option<i64>;

/// A length of time in requests. More of it is worse.
#[derive(Debug)]
pub struct Latency {
    /// Its name: that of its column without `_ns`, where it has one.
    pub name: &'static str,
    /// Its two ends, for people.
    pub ends: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// What a server must send for it.
    pub needs: &'static [Part],
    /// Whether it lies between parts of an answer of which one follows from the other.
    pub is_serial: bool,
    /// Which requests its figures are over.
    pub over: Over,
    /// The quantiles at which runs are compared, in percent, unless it is the headline.
    pub compared: &'static [u16],
    /// Whether it is shown while a run goes on.
    pub is_live: bool,
    /// Its value in a row, whatever became of the request.
    pub time: Time,
    /// Its value in the recorded call; `None` where recordings do not have it.
    pub recorded: Option<Time>,
    /// Its name in the Python load test; `None` where that did not have it.
    pub original: Option<&'static str>,
}

/// Which requests the figures of a latency are over, of those that are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Where servers answer with one of these, all: one without it counts as longer than every one with it,
    /// and the first such latency is the headline. In other runs, those that have it.
    Answers(&'static [AnswerKind]),
    /// All: one without it, or that was no success, counts as longer than every other, so that failing
    /// early makes nothing shorter.
    Successes,
    /// Those that have it, since a stage may not exist in a gateway or a turn.
    Present,
}

impl Latency {
    /// Its value in a row; `None` where the row does not have it, or its failure takes it away.
    #[must_use]
    pub fn of(&self, row: &RequestRow) -> Option<i64> {
        let counts = self.over != Over::Successes || row.status.is_success();
        (self.time)(row).filter(|_| counts)
    }

    /// Whether a row without it counts as longer than every row with it, where servers answer with `answers`.
    #[must_use]
    pub fn unanswered_counts(&self, answers: AnswerKind) -> bool {
        match self.over {
            Over::Answers(kinds) => kinds.contains(&answers),
            Over::Successes => true,
            Over::Present => false,
        }
    }

    /// Whether servers of this dialect that answer with `answers` give it.
    #[must_use]
    pub fn is_given(&self, dialect: DialectName, answers: AnswerKind) -> bool {
        let is_sent = self.needs.iter().all(|part| answers.gives(*part));
        is_sent && (!self.is_serial || dialect.has_serial_stages())
    }

    /// The quantiles at which two runs are compared by it, in percent, where servers answer with `answers`.
    #[must_use]
    pub fn compared(&self, answers: AnswerKind) -> &'static [u16] {
        match self.name == headline(answers).name {
            true => HEADLINE_COMPARED,
            false => self.compared,
        }
    }

    /// The entry of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Latency> {
        LATENCIES.iter().find(|latency| latency.name == name)
    }
}

/// The quantiles at which runs are compared by their headline, in percent.
const HEADLINE_COMPARED: &[u16] = &[50, 95, 99];

/// The latency that a report begins with where servers answer with `answers`: from the end of speech to the
/// answer.
#[must_use]
pub fn headline(answers: AnswerKind) -> &'static Latency {
    let is_of = |latency: &&Latency| match latency.over {
        Over::Answers(kinds) => kinds.contains(&answers),
        Over::Successes | Over::Present => false,
    };
    LATENCIES.iter().find(is_of).unwrap_or(&LATENCIES[0])
}

/// What entries have in common.
const STAGE: Latency = Latency {
    name: "",
    ends: "",
    about: "",
    needs: &[],
    is_serial: false,
    over: Over::Present,
    compared: &[],
    is_live: false,
    time: |_| None,
    recorded: None,
    original: None,
};

/// Every latency, in the order of reports.
pub const LATENCIES: [Latency; 13] = [
    Latency {
        name: "response",
        ends: "end of speech → audio",
        about: "Planned end of speech to first audio: the headline where servers answer with audio.",
        needs: &[Part::Audio],
        over: Over::Answers(&[AnswerKind::Audio, AnswerKind::AudioOrText]),
        compared: &[50, 95, 99],
        is_live: true,
        time: |row| row.response_ns,
        recorded: Some(|row| row.recorded_response_ns),
        ..STAGE
    },
    Latency {
        name: "audible",
        ends: "end of speech → sound",
        about: "Planned end of speech to first audible sample: the headline where only sound comes back.",
        needs: &[Part::Audio],
        over: Over::Answers(&[
            AnswerKind::Audio,
            AnswerKind::Sound,
            AnswerKind::AudioOrText,
        ]),
        compared: &[50, 95],
        is_live: true,
        time: |row| row.audible_ns,
        ..STAGE
    },
    Latency {
        name: "first_text",
        ends: "end of speech → text",
        about: "Planned end of speech to first text of the answer: the headline where that is text alone.",
        needs: &[Part::Text],
        over: Over::Answers(&[AnswerKind::Text, AnswerKind::AudioOrText]),
        time: first_text_ns,
        ..STAGE
    },
    Latency {
        name: "final",
        ends: "end of speech → final",
        about: "Planned end of speech to final transcript, without the caller's speech; negative where it came before. \
                The headline where the answer is the transcript.",
        needs: &[Part::FinalTranscript],
        over: Over::Answers(&[AnswerKind::Transcript]),
        compared: &[50],
        is_live: true,
        time: final_ns,
        ..STAGE
    },
    Latency {
        name: "asr",
        ends: "turn start → transcript",
        about: "Planned start of the request to final transcript; includes the caller's speech.",
        needs: &[Part::FinalTranscript],
        compared: &[50],
        is_live: true,
        time: |row| row.asr_ns,
        recorded: Some(|row| row.recorded_asr_ns),
        original: Some("asr"),
        ..STAGE
    },
    Latency {
        name: "endpoint",
        ends: "speech sent → processing",
        about: "End of speech sent to PROCESSING; not with push-to-talk.",
        needs: &[Part::Processing],
        time: |row| row.endpoint_ns,
        ..STAGE
    },
    Latency {
        name: "llm_ttft",
        is_serial: true,
        ends: "transcript → first text",
        about: "Final transcript to first text of the language model.",
        needs: &[Part::FinalTranscript, Part::Text],
        compared: &[50],
        is_live: true,
        time: |row| row.llm_ttft_ns,
        original: Some("llm_ttft"),
        ..STAGE
    },
    Latency {
        name: "llm_total",
        is_serial: true,
        ends: "transcript → last text",
        about: "Final transcript to last text of the language model.",
        needs: &[Part::FinalTranscript, Part::Text],
        time: |row| row.llm_total_ns,
        original: Some("llm_total"),
        ..STAGE
    },
    Latency {
        name: "tts",
        is_serial: true,
        ends: "first text → audio",
        about: "First text of the language model to first audio.",
        needs: &[Part::Text, Part::Audio],
        compared: &[50],
        is_live: true,
        time: |row| row.tts_ns,
        original: Some("tts"),
        ..STAGE
    },
    Latency {
        name: "e2e",
        is_serial: true,
        ends: "transcript → audio",
        about: "Final transcript to first audio.",
        needs: &[Part::FinalTranscript, Part::Audio],
        compared: &[50, 95],
        is_live: true,
        time: |row| row.e2e_ns,
        recorded: Some(|row| row.recorded_e2e_ns),
        original: Some("e2e"),
        ..STAGE
    },
    Latency {
        name: "barge_in_latency",
        ends: "barge-in → last audio",
        about: "Barge-in to last audio of the interrupted answer, over the barge-ins after which audio still came.",
        needs: &[Part::Audio],
        time: |row| row.barge_in_latency_ns,
        ..STAGE
    },
    Latency {
        name: "barge_in_stop",
        ends: "barge-in → silence",
        about: "How long audio of the interrupted answer still came after a barge-in, 0 where none did; over all barge-ins.",
        needs: &[Part::Audio],
        compared: &[50],
        time: |row| {
            row.barge_in_ns
                .map(|from| row.barge_in_stop_ns.map_or(0, |to| to - from))
        },
        ..STAGE
    },
    Latency {
        name: "total",
        ends: "turn start → turn end",
        about: "Planned start to end of the request; one that was no success counts as longest.",
        needs: &[],
        over: Over::Successes,
        compared: &[50],
        time: |row| row.total_ns,
        recorded: Some(|row| row.recorded_total_ns),
        original: Some("total_duration"),
        ..STAGE
    },
];

/// The latencies that are shown while a run goes on.
pub fn live() -> impl Iterator<Item = &'static Latency> {
    LATENCIES.iter().filter(|latency| latency.is_live)
}

/// How many they are.
pub const LIVE: usize = {
    let (mut count, mut at) = (0, 0);
    while at < LATENCIES.len() {
        count += LATENCIES[at].is_live as usize;
        at += 1;
    }
    count
};

/// A share of the requests of the steady phase.
#[derive(Debug)]
pub struct Share {
    /// Its name.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// What it is a share of, in the plural.
    pub over: &'static str,
    /// What a server must send for it.
    pub needs: &'static [Part],
    /// Whether more of it is worse; otherwise less of it is.
    pub more_is_worse: bool,
    /// When two runs are compared by it.
    pub compared: Compared,
    /// Whether a request is among those in question; `None` where it does not count.
    pub of: fn(&RequestRow) -> Option<bool>,
}

/// When two runs are compared by a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// Always.
    Always,
    /// Where one of both has such a request: without any there is nothing to test.
    WhereAny,
    /// Not: another share says the same.
    Never,
}

impl Share {
    /// The entry of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Share> {
        SHARES.iter().find(|share| share.name == name)
    }
}

const ENDED: &str = "requests of the steady phase that ended, the cancelled aside";
const HEARD_OUT: &str =
    "requests of the steady phase that expect an answer, those aside that were stopped by us";

/// Every share, in the order of reports.
pub const SHARES: [Share; 5] = [
    Share {
        name: "errors",
        about: "Requests that were no success.",
        over: ENDED,
        needs: &[],
        more_is_worse: true,
        compared: Compared::Always,
        of: |row| ended(row).then(|| !row.status.is_success()),
    },
    Share {
        name: "success",
        about: "Requests that were a success.",
        over: ENDED,
        needs: &[],
        more_is_worse: false,
        compared: Compared::Never,
        of: |row| ended(row).then(|| row.status.is_success()),
    },
    Share {
        name: "underruns",
        about: "Answers whose playout ran empty at least once while the gateway spoke.",
        over: "answered requests of the headline figures",
        needs: &[Part::Audio],
        more_is_worse: true,
        compared: Compared::WhereAny,
        of: |row| {
            let is_answered = Exclusion::of(row).is_none() && row.response_ns.is_some();
            is_answered.then_some(row.underruns > 0)
        },
    },
    Share {
        name: "early_endpoint",
        about: "Callers who were cut off: PROCESSING came before the end of speech was sent.",
        over: HEARD_OUT,
        needs: &[Part::Processing],
        more_is_worse: true,
        compared: Compared::WhereAny,
        of: |row| is_heard_out(row).then_some(row.early_endpoint),
    },
    Share {
        name: "overlapped",
        about: "Utterances that began before the answer to the one before had ended.",
        over: HEARD_OUT,
        needs: &[Part::Audio],
        more_is_worse: true,
        compared: Compared::WhereAny,
        of: |row| is_heard_out(row).then_some(row.overlapped),
    },
];

fn ended(row: &RequestRow) -> bool {
    row.phase == Phase::Steady && row.status.is_judged()
}

/// Measured, or left out for what the gateway and the caller did to each other.
fn is_heard_out(row: &RequestRow) -> bool {
    matches!(
        Exclusion::of(row),
        None | Some(Exclusion::CutOff | Exclusion::Overlapped)
    )
}

#[cfg(test)]
mod tests;
