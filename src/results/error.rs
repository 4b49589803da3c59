//! What can be wrong with a run directory.

use crate::table::TableError;

/// Why a run could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// There is no `run.json` where a run was looked for.
    #[error("no run at {path}: {why}; {advice}")]
    NoRun {
        /// Where it was looked for.
        path: String,
        /// What is there instead.
        why: &'static str,
        /// What to do.
        advice: String,
    },
    /// A run directory cannot be made there.
    #[error("no run can be kept in {path}: {reason}; choose another -o")]
    NoPlace {
        /// The directory.
        path: String,
        /// The system's reason.
        reason: String,
    },
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// `run.json` cannot be understood.
    #[error(
        "{path} is damaged ({reason}); restore it from a copy; the Parquet files beside it can still be read by themselves"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What was wrong in it.
        reason: String,
    },
    /// The run was written by a newer version of the tool.
    #[error(
        "{path} has format {found}, and this version reads up to {known}; update voicelt to read it"
    )]
    Newer {
        /// The file.
        path: String,
        /// Its format.
        found: String,
        /// The newest format that is understood.
        known: &'static str,
    },
    /// The place for a new run holds something.
    #[error("{path} is not empty; a run is never written over: choose another -o")]
    Taken {
        /// The directory.
        path: String,
    },
    /// A table that the run must have is not there.
    #[error("{path} is missing; restore it from a copy, as without it the run cannot be judged")]
    MissingTable {
        /// Its file.
        path: String,
    },
    /// The run was made without a row for each message.
    #[error("{path} holds no messages.parquet; replay with --messages to keep a row of each")]
    NoMessages {
        /// The directory.
        path: String,
    },
    /// Sessions had one name on the wire, so that the gateway could not tell them apart.
    #[error(
        "several sessions of the run were sent as `{name}`, so that their arrivals cannot be distinguished; replay copies without --keep-session-ids"
    )]
    SharedName {
        /// The name.
        name: String,
    },
    /// A table of the run could not be read or written.
    #[error(transparent)]
    Table(#[from] TableError),
}
