//! What the receiver says of a run: its log of arrivals beside what the run says it sent.
//!
//! `gather` reads both sides, `measure` joins them message by message, `figures` has the
//! distributions, `text` shows it all to people.

mod figures;
mod gather;
mod measure;
pub mod text;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::results::ResultsError;
use crate::results::manifest::ExitReason;
use crate::results::reader::RunDir;
use crate::units::{Human, NS_PER_MS, counted, share_percent};

pub use figures::{Drift, Quantiles};
use gather::Gathered;

/// The version of the testimony's shape.
pub const WITNESS_SCHEMA: &str = "1.0";

/// A chunk arrived late beyond its interval, or beyond this where that is shorter.
const LATE_NS: i64 = 20 * NS_PER_MS;
/// Largest share of chunks that may arrive late.
const LATE_SHARE: f64 = 0.01;

/// What became of the messages that the run says it sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Sent, by the run.
    pub sent: u64,
    /// Of those, arrived, by the log.
    pub arrived: u64,
    /// Did not arrive, though their stream ended well.
    pub lost: u64,
    /// Did not arrive in streams that were cut off, where a reset discards what is under way.
    pub cut_off: u64,
    /// Arrived again.
    pub doubled: u64,
    /// Arrived after one that was sent later.
    pub reordered: u64,
    /// Arrived with another length.
    pub altered: u64,
    /// In the log as of this run, but not among its messages.
    pub unknown: u64,
    /// In the log, of other runs; left out.
    pub of_other_runs: u64,
}

/// The receiver's testimony.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Witness {
    /// [`WITNESS_SCHEMA`].
    pub schema_version: String,
    /// Name of the run directory.
    pub run: String,
    /// 32 hex digits.
    pub run_id: String,
    /// Both clocks are known to be one: errors can be told, otherwise gaps alone.
    pub same_clock: bool,
    /// The run ended and wrote what it had; otherwise its last messages are missing.
    pub run_ended: bool,
    /// What became of the messages.
    pub messages: Counts,
    /// Planned instant to handing over to the transport. This and the figures below are over
    /// chunks: audio and fill.
    pub lag: Option<Quantiles>,
    /// Planned instant to arrival; null without one clock.
    pub error: Option<Quantiles>,
    /// Handing over to arrival; null without one clock.
    pub transit: Option<Quantiles>,
    /// Size of the difference between the gap of two chunks at the receiver and in the plan.
    pub gap_error: Option<Quantiles>,
    /// How the error changes; null without one clock.
    pub drift: Option<Drift>,
    /// Chunks that arrived later than their interval, at least 20 ms, after their instant.
    pub late: u64,
    /// Why the schedule was not kept at the receiver; empty when it was.
    pub failures: Vec<String>,
}

impl Witness {
    /// Joins the run `run` with the log of arrivals `log`.
    ///
    /// # Errors
    /// A run without `messages.parquet`, one whose sessions had one name on the wire, or a table
    /// that cannot be read.
    pub fn of(run: &RunDir, log: &Path) -> Result<Witness, ResultsError> {
        let gathered = Gathered::read(run, log)?;
        let run = run.manifest();
        let mut witness = Witness {
            schema_version: WITNESS_SCHEMA.to_owned(),
            run: run.name.clone(),
            run_id: run.run_id.clone(),
            same_clock: gathered.offset_ns.is_some(),
            run_ended: matches!(
                run.exit_reason,
                ExitReason::Finished | ExitReason::Interrupted
            ),
            messages: Counts {
                unknown: gathered.unknown,
                of_other_runs: gathered.of_other_runs,
                ..Counts::default()
            },
            lag: None,
            error: None,
            transit: None,
            gap_error: None,
            drift: None,
            late: 0,
            failures: Vec::new(),
        };
        witness.measure(gathered);
        witness.judge();
        Ok(witness)
    }

    fn judge(&mut self) {
        let counts = &self.messages;
        let nothing = match (counts.sent, counts.arrived) {
            (0, _) => Some("the run sent no message"),
            (_, 0) => Some("the log holds no message of this run"),
            _ => None,
        };
        if let Some(nothing) = nothing {
            self.failures = vec![nothing.to_owned()];
            return;
        }
        let judged = self.error.map_or(0, |error| error.n);
        let share = self.late as f64 / judged.max(1) as f64;
        // The last messages of a run that did not end arrive without a row of their own.
        let unknown = if self.run_ended { counts.unknown } else { 0 };
        let messages = |count, what: &str| (count, format!("{} {what}", counted(count, "message")));
        let found = [
            messages(
                counts.lost,
                "did not arrive in streams that ended well, or found the log behind (the gateway \
                 says so when it stops)",
            ),
            messages(counts.doubled, "arrived again"),
            messages(counts.reordered, "arrived after a later one"),
            messages(counts.altered, "arrived with another length"),
            messages(unknown, "arrived that the run has no row of"),
        ];
        let mut failures: Vec<String> = found
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(_, reason)| reason)
            .collect();
        if share > LATE_SHARE {
            failures.push(format!(
                "{} of the chunks arrived more than their interval, at least {}, after their \
                 instant (limit {})",
                share_percent(share, 2),
                Human(LATE_NS),
                share_percent(LATE_SHARE, 0)
            ));
        }
        self.failures = failures;
    }
}

#[cfg(test)]
mod tests;
