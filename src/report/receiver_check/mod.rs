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
use crate::units::{Human, counted, share_percent};

use figures::LATE_NS;
pub use figures::{Counts, Drift, Figures, Quantiles};
use gather::Gathered;
use measure::measure;

/// The version of the testimony's shape.
pub const RECEIVER_CHECK_SCHEMA: &str = "1.0";

/// Largest share of chunks that may arrive late.
const LATE_SHARE: f64 = 0.01;

/// The receiver's testimony.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReceiverCheck {
    /// [`RECEIVER_CHECK_SCHEMA`].
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
    /// When chunks, audio and fill, were sent and arrived.
    #[serde(flatten)]
    pub chunks: Figures,
    /// Why the schedule was not kept at the receiver; empty when it was.
    pub failures: Vec<String>,
}

impl ReceiverCheck {
    /// Joins the run `run` with the log of arrivals `log`.
    ///
    /// # Errors
    /// A run without `messages.parquet`, one whose sessions had one name on the wire, or a table
    /// that cannot be read.
    pub fn of(run: &RunDir, log: &Path) -> Result<ReceiverCheck, ResultsError> {
        let gathered = Gathered::read(run, log)?;
        let run = run.manifest();
        let run_ended = matches!(
            run.exit_reason,
            ExitReason::Finished | ExitReason::Interrupted
        );
        let same_clock = gathered.offset_ns.is_some();
        let (messages, chunks) = measure(gathered);
        Ok(ReceiverCheck {
            schema_version: RECEIVER_CHECK_SCHEMA.to_owned(),
            run: run.name.clone(),
            run_id: run.run_id.clone(),
            same_clock,
            run_ended,
            failures: failures(&messages, &chunks, run_ended),
            messages,
            chunks,
        })
    }
}

/// Why the schedule was not kept at the receiver.
fn failures(counts: &Counts, chunks: &Figures, run_ended: bool) -> Vec<String> {
    let nothing = match (counts.sent, counts.arrived) {
        (0, _) => Some("the run sent no message"),
        (_, 0) => Some("the log holds no message of this run"),
        _ => None,
    };
    if let Some(nothing) = nothing {
        return vec![nothing.to_owned()];
    }
    let judged = chunks.error.map_or(0, |error| error.n);
    let share = chunks.late as f64 / judged.max(1) as f64;
    // The last messages of a run that did not end arrive without a row of their own.
    let unknown = if run_ended { counts.unknown } else { 0 };
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
    failures
}

#[cfg(test)]
mod tests;
