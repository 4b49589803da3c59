//! The catalog of metrics: what is measured of requests, each declared once.
//!
//! Reports, comparisons, requirements, the live page, the recorded baseline and the documentation go
//! through it, so that a metric is an entry here, and a column in `row` where its instants have none.
//! What counts as longest, and which quantiles are compared, is said here and nowhere else.

use super::exclusion::Exclusion;
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
    /// What a gateway's protocol must offer for it.
    pub needs: &'static str,
    /// Which requests its figures are over.
    pub over: Over,
    /// The quantiles at which runs are compared, in percent.
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
    /// All: one without it counts as longer than every one with it.
    All,
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

    /// Whether a row without it counts as longer than every row with it.
    #[must_use]
    pub fn unanswered_counts(&self) -> bool {
        self.over != Over::Present
    }

    /// The entry of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Latency> {
        LATENCIES.iter().find(|latency| latency.name == name)
    }
}

/// What entries have in common.
const STAGE: Latency = Latency {
    name: "",
    ends: "",
    about: "",
    needs: "",
    over: Over::Present,
    compared: &[],
    is_live: false,
    time: |_| None,
    recorded: None,
    original: None,
};

/// Every latency, in the order of reports.
pub const LATENCIES: [Latency; 12] = [
    Latency {
        name: "response",
        ends: "end of speech → audio",
        about: "Planned end of speech to first audio: the headline.",
        needs: "audio",
        over: Over::All,
        compared: &[50, 95, 99],
        is_live: true,
        time: |row| row.response_ns,
        recorded: Some(|row| row.recorded_response_ns),
        ..STAGE
    },
    Latency {
        name: "audible",
        ends: "end of speech → sound",
        about: "Planned end of speech to first audible sample.",
        needs: "audio",
        over: Over::All,
        compared: &[50, 95],
        is_live: true,
        time: |row| row.audible_ns,
        ..STAGE
    },
    Latency {
        name: "final",
        ends: "end of speech → final",
        about: "Planned end of speech to final transcript, without the caller's speech; negative where it came before.",
        needs: "final transcripts",
        compared: &[50],
        is_live: true,
        time: |row| Some(row.final_transcript_ns? - row.intended_end_of_speech_ns?),
        ..STAGE
    },
    Latency {
        name: "asr",
        ends: "turn start → transcript",
        about: "Planned start of the request to final transcript; includes the caller's speech.",
        needs: "final transcripts",
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
        needs: "PROCESSING",
        time: |row| row.endpoint_ns,
        ..STAGE
    },
    Latency {
        name: "llm_ttft",
        ends: "transcript → first text",
        about: "Final transcript to first text of the language model.",
        needs: "final transcripts, text",
        compared: &[50],
        is_live: true,
        time: |row| row.llm_ttft_ns,
        original: Some("llm_ttft"),
        ..STAGE
    },
    Latency {
        name: "llm_total",
        ends: "transcript → last text",
        about: "Final transcript to last text of the language model.",
        needs: "final transcripts, text",
        time: |row| row.llm_total_ns,
        original: Some("llm_total"),
        ..STAGE
    },
    Latency {
        name: "tts",
        ends: "first text → audio",
        about: "First text of the language model to first audio.",
        needs: "text, audio",
        compared: &[50],
        is_live: true,
        time: |row| row.tts_ns,
        original: Some("tts"),
        ..STAGE
    },
    Latency {
        name: "e2e",
        ends: "transcript → audio",
        about: "Final transcript to first audio.",
        needs: "final transcripts, audio",
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
        needs: "audio",
        time: |row| row.barge_in_latency_ns,
        ..STAGE
    },
    Latency {
        name: "barge_in_stop",
        ends: "barge-in → silence",
        about: "How long audio of the interrupted answer still came after a barge-in, 0 where none did; over all barge-ins.",
        needs: "audio",
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
        needs: "",
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
    /// What a gateway's protocol must offer for it.
    pub needs: &'static str,
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
        needs: "",
        more_is_worse: true,
        compared: Compared::Always,
        of: |row| ended(row).then(|| !row.status.is_success()),
    },
    Share {
        name: "success",
        about: "Requests that were a success.",
        over: ENDED,
        needs: "",
        more_is_worse: false,
        compared: Compared::Never,
        of: |row| ended(row).then(|| row.status.is_success()),
    },
    Share {
        name: "underruns",
        about: "Answers whose playout ran empty at least once while the gateway spoke.",
        over: "answered requests of the headline figures",
        needs: "audio",
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
        needs: "PROCESSING",
        more_is_worse: true,
        compared: Compared::WhereAny,
        of: |row| is_heard_out(row).then_some(row.early_endpoint),
    },
    Share {
        name: "overlapped",
        about: "Utterances that began before the answer to the one before had ended.",
        over: HEARD_OUT,
        needs: "audio",
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
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::results::row::Status;
    use crate::results::sample::{row, unanswered};
    use crate::table::Row;

    #[test]
    fn no_two_metrics_have_one_name_and_latencies_are_called_after_their_columns() {
        let latencies = LATENCIES.iter().map(|latency| latency.name);
        let shares = SHARES.iter().map(|share| share.name);
        let names: Vec<_> = latencies.chain(shares).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        let columns: Vec<_> = RequestRow::columns().iter().map(|c| c.name).collect();
        for name in LATENCIES.iter().map(|latency| latency.name) {
            let column = format!("{name}_ns");
            assert!(columns.contains(&column.as_str()), "{column}");
        }
    }

    #[test]
    fn a_turn_that_failed_makes_no_total_shorter() {
        let total = Latency::named("total").unwrap();
        let failed = unanswered(1, Status::Error);
        assert!(failed.total_ns.is_some() && total.unanswered_counts());
        assert_eq!(
            (total.of(&row(0)), total.of(&failed)),
            (row(0).total_ns, None)
        );
    }

    #[test]
    fn a_barge_in_without_audio_after_it_stops_at_once() {
        let stop = Latency::named("barge_in_stop").unwrap();
        let at = |barge_in_ns, barge_in_stop_ns| {
            stop.of(&RequestRow {
                barge_in_ns,
                barge_in_stop_ns,
                ..row(0)
            })
        };
        assert_eq!(at(None, None), None);
        assert_eq!(at(Some(700), None), Some(0));
        assert_eq!(at(Some(700), Some(950)), Some(250));
    }

    #[test]
    fn a_share_is_over_the_requests_that_it_can_be_seen_in() {
        let seen = |row: &RequestRow| SHARES.each_ref().map(|share| (share.of)(row));
        let no = Some(false);
        let yes = Some(true);
        assert_eq!(seen(&row(0)), [no, yes, no, no, no]);
        let warm_up = RequestRow {
            phase: Phase::Warmup,
            underruns: 3,
            early_endpoint: true,
            ..row(0)
        };
        assert_eq!(seen(&warm_up), [None; 5]);
        let cut_off = RequestRow {
            early_endpoint: true,
            overlapped: true,
            underruns: 3,
            ..row(0)
        };
        assert_eq!(seen(&cut_off), [no, yes, None, yes, yes]);
        let stuttering = RequestRow {
            underruns: 3,
            ..row(0)
        };
        assert_eq!(seen(&stuttering), [no, yes, yes, no, no]);
        let failed = unanswered(1, Status::Error);
        assert_eq!(seen(&failed), [yes, no, None, no, no]);
        let cancelled = RequestRow {
            end_of_speech_sent_ns: None,
            early_endpoint: true,
            ..unanswered(1, Status::Cancelled)
        };
        assert_eq!(seen(&cancelled), [None; 5]);
        let silent = RequestRow {
            intended_end_of_speech_ns: None,
            ..unanswered(1, Status::Ok)
        };
        assert_eq!(seen(&silent), [no, yes, None, None, None]);
    }
}
