//! The summary of a run: every figure that a report shows, computed from its rows.
//!
//! Pure: the same run gives the same summary. It is kept in `run.json` and is most of what
//! `--format json` prints; times are integer nanoseconds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::breakdown::{Errors, Share};
use super::counted_sections::Sections;
use super::diagnosis::Finding;
use super::goodput::Goodput;
use super::growth::Growth;
use super::guidance::advice::Advice;
use super::lag::ScheduleLag;
use super::latencies::Measured;
use super::rates::Rates;
use super::ready_wait::ReadyWait;
use super::require::Judged;
use super::server::ServerSeries;
use super::shares::Occurrence;
use super::stats::{Percentiles, Quantile};
use super::steady::Steady;
use super::turns::Turns;
use super::wer::Wer;
use crate::results::answer::AnswerKind;
use crate::results::manifest::{ClosedLoop, ExitReason, Verdict, VerdictLevel};
use crate::results::metrics::{LATENCIES, Latency, headline};
use crate::results::protocol::{DialectName, Endpointing, Profile, WireFormat};
use crate::units::NS_PER_MS;

/// The version of the summary's shape.
pub const SUMMARY_SCHEMA: &str = "1.0";

/// How far the medians of `audible` and `response` may lie apart before the first is the headline.
const AUDIBLE_APART_NS: i64 = 50 * NS_PER_MS;

/// All of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// [`SUMMARY_SCHEMA`].
    pub schema_version: String,
    /// Which run it is.
    pub run: RunFacts,
    /// The verdict on our own part; null when the run did not end.
    pub verdict: Option<Verdict>,
    /// What became of the turns, over all phases.
    pub turns: Turns,
    /// The requests that `latencies` are over.
    pub measured: Measured,
    /// What the answers consist of: `audio` in summaries of before.
    #[serde(default)]
    pub answers_by: AnswerKind,
    /// Quantiles by name of the latency.
    pub latencies: BTreeMap<String, Percentiles>,
    /// Shares of the requests of the steady phase, by name; absent in summaries of before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shares: BTreeMap<String, Occurrence>,
    /// Turns that met what makes a turn good, for each such expression; absent where none was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub goodput: Vec<Goodput>,
    /// What sections counted of the turns.
    #[serde(flatten)]
    pub sections: Sections,
    /// What the plan asked for and what was done.
    pub load: Load,
    /// How well the schedule was kept; null when no chunk is known.
    pub lag: Option<ScheduleLag>,
    /// Time that due chunks waited for the peer's flow control, over all turns.
    pub blocked_ns: i64,
    /// How long servers took to be ready for a session; absent where none said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_wait: Option<ReadyWait>,
    /// The steady phase, whatever the latencies.
    #[serde(default)]
    pub steady: Steady,
    /// Response times under the lightest and the heaviest load; null where the load was much the same
    /// all the time, or the requests are few.
    #[serde(default)]
    pub growth: Option<Growth>,
    /// How well the gateway understood; absent where that was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wer: Option<Wer>,
    /// What was fetched from the servers' Prometheus; absent where nothing was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub server: Vec<ServerSeries>,
    /// The errors of turns that failed.
    pub error_breakdown: Errors,
    /// Turns by address that answered; empty unless there were several.
    pub peers: Vec<Share>,
    /// Turns by replica; empty unless there were several.
    pub replicas: Vec<Share>,
    /// What is likely wrong; empty when nothing shows.
    #[serde(default)]
    pub diagnosis: Vec<Finding>,
    /// One message for each file of the run that could not be read, or is not as it was written.
    pub unreadable: Vec<String>,
    /// What was required, and what became of it.
    #[serde(default)]
    pub requirements: Vec<Judged>,
    /// Rules of thumb, and what makes figures worth less; nothing depends on them.
    #[serde(default)]
    pub guidance: Vec<Advice>,
}

/// Which run a summary is of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFacts {
    /// 32 hex digits.
    pub run_id: String,
    /// Name of the run directory.
    pub name: String,
    /// Name of the trace.
    pub trace: String,
    /// Hash of the trace's content.
    pub trace_blake3: String,
    /// What was called; null when the settings do not say.
    pub target: Option<String>,
    /// How conversations were written: `stream-audio` in summaries of before.
    #[serde(default)]
    pub dialect: DialectName,
    /// What the description of the dialect calls it; null where none describes it.
    #[serde(default)]
    pub description: Option<String>,
    /// The dialect's variation; null where it has none.
    #[serde(default)]
    pub profile: Option<Profile>,
    /// How audio was coded on the wire; null where it was as in the trace.
    #[serde(default)]
    pub wire_format: Option<WireFormat>,
    /// Who found the end of an utterance; null where the trace says it.
    #[serde(default)]
    pub endpointing: Option<Endpointing>,
    /// How the run stands.
    pub exit_reason: ExitReason,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// From the epoch to the last instant known.
    pub elapsed_ns: i64,
    /// `--label k=v`.
    pub labels: BTreeMap<String, String>,
    /// What the users did; null for a replay.
    #[serde(default)]
    pub closed_loop: Option<ClosedLoop>,
    /// Callers waited for answers: `--turn-timing reactive`.
    #[serde(default)]
    pub reactive: bool,
    /// The run was let pass whatever its verdict: `--allow-invalid`.
    #[serde(default)]
    pub allow_invalid: bool,
}

/// The load that was planned and the load that was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Sessions planned.
    pub sessions_planned: u64,
    /// Sessions of which a turn started.
    pub sessions_started: u64,
    /// Largest number of sessions planned to be open at once.
    pub peak_sessions_planned: u64,
    /// Largest number of sessions open at the end of a second; null without a timeline.
    pub peak_sessions: Option<u64>,
    /// Chunks planned, audio and fill.
    pub chunks_planned: u64,
    /// Chunks sent; null without a timeline.
    pub chunks_sent: Option<u64>,
    /// Rates; null without a timeline.
    pub rates: Option<Rates>,
}

impl RunFacts {
    /// How the run spoke to its servers, for people: dialect, profile, coding; `None` where it is how every run
    /// once did.
    #[must_use]
    pub fn spoken(&self) -> Option<String> {
        let others = [
            self.description.clone(),
            self.profile.map(|profile| profile.to_string()),
            self.wire_format.map(|format| format.to_string()),
        ];
        let said = others.into_iter().flatten();
        let said: Vec<String> = [self.dialect.to_string()].into_iter().chain(said).collect();
        let is_usual = self.dialect == DialectName::default() && said.len() == 1;
        (!is_usual).then(|| said.join(", "))
    }
}

impl Summary {
    /// Whether the verdict is that the figures are not to be trusted.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        let level = self.verdict.as_ref().map(|verdict| verdict.level);
        level == Some(VerdictLevel::Invalid)
    }

    /// Whether no request was answered, over all phases; a run of nothing but clips without
    /// speech that went well lacks no answer, and one of nothing but turns in flight may yet have some.
    #[must_use]
    pub fn nothing_answered(&self) -> bool {
        let turns = &self.turns;
        let is_open = turns.judged() == 0 && turns.in_flight > 0;
        turns.answered == 0 && !is_open && (turns.answer_expected > 0 || turns.successes == 0)
    }

    /// The latency from the end of speech to what the server answers with.
    #[must_use]
    pub fn answer_latency(&self) -> &'static Latency {
        headline(self.answers_by)
    }

    /// Its figures.
    #[must_use]
    pub fn answer_figures(&self) -> Option<&Percentiles> {
        self.latencies.get(self.answer_latency().name)
    }

    /// The latencies that the run's protocol does not give, in the order of reports.
    pub fn not_given(&self) -> impl Iterator<Item = &'static Latency> {
        let (dialect, answers) = (self.run.dialect, self.answers_by);
        LATENCIES
            .iter()
            .filter(move |latency| !latency.is_given(dialect, answers))
    }

    /// The latency to show first: that of the answer, but of audio `audible` where its median lies more than
    /// 50 ms from that of `response`, which is when answers begin with silence.
    #[must_use]
    pub fn headline(&self) -> &'static str {
        let first = self.answer_latency().name;
        if first != "response" {
            return first;
        }
        let median = |name| Some(self.latencies.get(name)?.quantiles()[0]);
        let apart = match (median("response"), median("audible")) {
            (Some(Quantile::Value(response)), Some(Quantile::Value(audible))) => {
                (audible - response).abs() > AUDIBLE_APART_NS
            }
            (Some(Quantile::Value(_)), Some(Quantile::NoAnswer)) => true,
            _ => false,
        };
        if apart { "audible" } else { first }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::lag::LagBasis;
    use crate::results::lag::LagSummary;
    use crate::results::row::{RequestRow, Status};
    use crate::results::sample::{manifest, row, second, unanswered};

    #[test]
    fn success_is_over_all_but_the_cancelled() {
        let rows = [
            row(0),
            RequestRow {
                status: Status::BargedIn,
                ..row(1)
            },
            unanswered(2, Status::Error),
            unanswered(3, Status::NoAnswer),
            unanswered(4, Status::Cancelled),
        ];
        let turns = Summary::of(&manifest(), &rows, &[], None).turns;
        assert_eq!(turns.success_rate, Some(0.5));
        assert_eq!(turns.outcomes["cancelled"], 1);
        assert_eq!(turns.outcomes.values().sum::<u64>(), turns.rows);
        assert_eq!((turns.answered, turns.answer_expected), (2, 5));
    }

    #[test]
    fn a_run_of_clips_without_speech_lacks_no_answer_and_an_empty_one_does() {
        let silent = RequestRow {
            intended_end_of_speech_ns: None,
            ..unanswered(0, Status::Ok)
        };
        let nothing = |rows: &[RequestRow]| Summary::of(&manifest(), rows, &[], None);
        assert!(!nothing(&[silent]).nothing_answered());
        assert!(nothing(&[]).nothing_answered());
        assert!(nothing(&[unanswered(0, Status::Timeout)]).nothing_answered());
        assert_eq!(nothing(&[]).turns.success_rate, None);
    }

    #[test]
    fn answers_that_begin_with_silence_put_the_audible_latency_first() {
        let mut late = row(0);
        late.first_audible_ns = late.first_audio_ns.map(|ns| ns + 60 * NS_PER_MS);
        late.derive_latencies(false);
        let mut mute = row(0);
        mute.audible_ns = None;
        let headline = |row: RequestRow| Summary::of(&manifest(), &[row], &[], None).headline();
        assert_eq!(headline(row(0)), "response");
        assert_eq!(headline(late), "audible");
        assert_eq!(headline(mute), "audible");
    }

    #[test]
    fn a_summary_survives_its_file() {
        let figures = LagSummary {
            p50_ns: 1,
            p99_ns: 2,
            p999_ns: 3,
            max_ns: 4,
            late_chunks: 0,
            blocked_chunks: 0,
            chunks: 5,
        };
        let summary = Summary::of(&manifest(), &[row(0)], &[second(0)], Some(figures));
        let text = serde_json::to_string(&summary).unwrap();
        assert_eq!(serde_json::from_str::<Summary>(&text).unwrap(), summary);
        assert_eq!(summary.lag.unwrap().basis, LagBasis::Measured);
    }
}
