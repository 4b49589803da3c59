//! The latencies of a report, and the requests that they are over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::stats::{Percentiles, Sample};
use crate::results::answer::AnswerKind;
use crate::results::exclusion::Exclusion;
use crate::results::metrics::{LATENCIES, Latency};
use crate::results::row::RequestRow;

/// The requests that headline figures are over: the steady phase, less those left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Requests; those without an answer count as longer than every answered one.
    pub rows: u64,
    /// Answered.
    pub answered: u64,
    /// Left out: the gateway began to answer before the end of speech.
    pub cut_off: u64,
    /// Left out: the utterance began before the answer to the one before had ended.
    pub overlapped: u64,
    /// Left out: the clip has no speech, so that no answer is expected.
    pub no_speech: u64,
    /// Left out: in flight, or cancelled by us before the caller is known to have finished speaking.
    pub stopped: u64,
    /// Left out: in the warm-up.
    #[serde(default)]
    pub warmup: u64,
    /// Left out: in the trace's ramp-down.
    #[serde(default)]
    pub drain: u64,
}

/// The latencies of the requests that headline figures are over, and how many are not.
#[derive(Debug, Default)]
pub struct Selection {
    /// How many there are, and how many are left out.
    pub measured: Measured,
    answers: AnswerKind,
    /// Of the answers, whether any had audio, and text.
    has_audio: bool,
    has_text: bool,
    samples: [Sample; LATENCIES.len()],
}

impl Selection {
    /// For requests to a server that answers with `answers`.
    #[must_use]
    pub fn of(answers: AnswerKind) -> Selection {
        Selection {
            answers,
            ..Selection::default()
        }
    }

    /// Takes in a request of a cluster of requests that are alike.
    pub fn add(&mut self, row: &RequestRow, cluster: u32) {
        let measured = &mut self.measured;
        let count = match Exclusion::of(row) {
            None => {
                for (latency, sample) in LATENCIES.iter().zip(&mut self.samples) {
                    let value = latency.of(row);
                    if latency.unanswered_counts(self.answers) || value.is_some() {
                        sample.push(value, cluster);
                    }
                }
                self.has_audio |= row.first_audio_ns.is_some();
                self.has_text |= row.first_llm_ns.is_some();
                measured.answered += u64::from(self.answers.latency_ns(row).is_some());
                &mut measured.rows
            }
            Some(Exclusion::Warmup) => &mut measured.warmup,
            Some(Exclusion::Drain) => &mut measured.drain,
            Some(Exclusion::Stopped) => &mut measured.stopped,
            Some(Exclusion::NoSpeech) => &mut measured.no_speech,
            Some(Exclusion::CutOff) => &mut measured.cut_off,
            Some(Exclusion::Overlapped) => &mut measured.overlapped,
        };
        *count += 1;
    }

    /// What the answers consist of, as far as requests were taken in.
    #[must_use]
    pub fn answers(&self) -> AnswerKind {
        self.answers.seen(self.has_audio, self.has_text)
    }

    /// The quantiles of every latency, by name.
    #[must_use]
    pub fn all(self) -> BTreeMap<String, Percentiles> {
        let answers = self.answers();
        let figures = |(latency, sample): (&Latency, Sample)| {
            let sample = match latency.unanswered_counts(answers) {
                true => sample,
                false => sample.present(),
            };
            (latency.name.to_owned(), sample.percentiles())
        };
        LATENCIES.iter().zip(self.samples).map(figures).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::{Phase, Status};
    use crate::results::sample::{row, unanswered};

    fn select(rows: &[RequestRow]) -> Selection {
        let mut selection = Selection::default();
        (0..).zip(rows).for_each(|(i, row)| selection.add(row, i));
        selection
    }

    #[test]
    fn rows_left_out_are_counted_once() {
        let rows = [
            row(0),
            unanswered(1, Status::Timeout),
            RequestRow {
                phase: Phase::Warmup,
                ..row(2)
            },
            RequestRow {
                early_endpoint: true,
                overlapped: true,
                ..row(3)
            },
            RequestRow {
                overlapped: true,
                ..row(4)
            },
            RequestRow {
                intended_end_of_speech_ns: None,
                ..row(5)
            },
            RequestRow {
                end_of_speech_sent_ns: None,
                ..unanswered(6, Status::Cancelled)
            },
            unanswered(7, Status::Interrupted),
            RequestRow {
                phase: Phase::Drain,
                overlapped: true,
                ..row(8)
            },
        ];
        let selection = select(&rows).measured;
        assert_eq!((selection.rows, selection.answered), (2, 1));
        let measured = rows.iter().filter(|row| Exclusion::of(row).is_none());
        assert!(measured.map(|row| row.turn).eq([0, 1]));
        let left_out = [
            selection.warmup,
            selection.drain,
            selection.cut_off,
            selection.overlapped,
            selection.no_speech,
        ];
        assert_eq!(left_out, [1; 5]);
        assert_eq!(
            selection.stopped, 2,
            "cancelled while speaking, and in flight"
        );
    }

    #[test]
    fn what_is_longest_follows_from_what_the_answers_consist_of() {
        let text_alone = |turn| {
            let mut row = RequestRow {
                first_audio_ns: None,
                first_audible_ns: None,
                ..row(turn)
            };
            row.derive_latencies(false);
            row
        };
        let of = |rows: &[RequestRow], answers| {
            let mut selection = Selection::of(answers);
            (0..).zip(rows).for_each(|(i, row)| selection.add(row, i));
            let (measured, answers) = (selection.measured.clone(), selection.answers());
            let figures = selection.all();
            let counts = ["response", "first_text", "final"].map(|name| figures[name].n);
            (measured.answered, answers, counts)
        };
        let failed = unanswered(1, Status::Error);
        let texts = [text_alone(0), failed.clone()];
        let both = AnswerKind::AudioOrText;
        assert_eq!(of(&texts, both), (1, AnswerKind::Text, [0, 2, 1]));
        let mixed = [text_alone(0), row(1)];
        assert_eq!(of(&mixed, both), (2, AnswerKind::Audio, [2, 2, 2]));
        let transcript = AnswerKind::Transcript;
        assert_eq!(of(&texts, transcript), (1, transcript, [0, 1, 2]));
        assert_eq!(
            of(&texts, AnswerKind::Audio),
            (0, AnswerKind::Audio, [2, 1, 1])
        );
    }

    #[test]
    fn a_missing_answer_is_long_and_a_missing_stage_is_not_there() {
        let rows = [row(0), unanswered(1, Status::Error)];
        let figures = select(&rows).all();
        let seen = |name: &str| (figures[name].n, figures[name].answered);
        assert_eq!(seen("response"), (2, 1));
        assert_eq!(seen("asr"), (1, 1));
        assert_eq!(seen("barge_in_latency"), (0, 0));
        assert_eq!(figures["response"].p50_ns, Some(200_000_000));
        assert_eq!(figures["response"].max_ns, None);
    }
}
