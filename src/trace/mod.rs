//! The trace: what callers do, and when.
//!
//! A trace is a bundle, a folder of Parquet tables and clips (`bundle` holds one in memory, `stream`
//! reads it session by session), whose rows are declared in `model`. It is compiled from clips and
//! an arrival process (`arrivals`, `compile`), or from clips and another system's log (`import`), call
//! by call (`layout`); or of calls that a recorder keeps a `journal` of (`recover`). This room is
//! synchronous, reads no clock and knows no gateway.

pub mod arrivals;
pub mod bundle;
pub mod check;
pub mod compile;
mod content;
pub mod edit;
pub mod extent;
pub mod import;
pub mod in_order;
pub mod journal;
pub mod layout;
pub mod manifest;
pub mod model;
pub mod pace;
pub mod pick;
pub mod profile;
mod recorded;
pub mod recover;
#[cfg(test)]
pub(crate) mod sample;
pub mod scaling;
mod seal;
pub mod staging;
pub mod stream;
mod verify;
pub mod writer;

use std::path::Path;

pub use bundle::Trace;

/// What can be wrong with a trace bundle.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The folder is not a bundle.
    #[error(
        "{0} is not a trace bundle (it holds no trace.json); make one with `voicelt prepare AUDIO -o NAME.vtrace`"
    )]
    NotABundle(String),
    /// A recorder's journal, of which no bundle was made yet.
    #[error(
        "{0} is an unfinished recording: if its recorder is not running any more, make a trace of it with `voicelt trace recover {0}`"
    )]
    Unfinished(String),
    /// `trace.json` cannot be read.
    #[error("{path}: damaged ({reason}); restore it, or make the trace again")]
    Manifest {
        /// The file.
        path: String,
        /// What is wrong in it.
        reason: String,
    },
    /// The bundle was made by a newer version.
    #[error(
        "{path} has trace format {format}; this voicelt reads up to 1.x: update voicelt, or make the trace again with this version"
    )]
    Newer {
        /// The bundle.
        path: String,
        /// Its format.
        format: String,
    },
    /// A table cannot be read or written.
    #[error(transparent)]
    Table(#[from] crate::table::TableError),
    /// A row makes no sense.
    #[error("{table}.parquet, row {row}: {reason}")]
    Row {
        /// The table.
        table: &'static str,
        /// The row, from 0.
        row: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The tables are not those that the manifest describes.
    #[error("{0}: edited since it was sealed; run `voicelt trace seal {0}` to accept the edit")]
    Edited(String),
    /// A clip's file is missing or does not hold what the table says.
    #[error("{path}: {reason}")]
    Clip {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The place to write to is taken.
    #[error("{path} exists and is not a trace bundle; it is left alone: choose another -o")]
    Taken {
        /// The place.
        path: String,
    },
    /// A recording must not replace anything.
    #[error("{path} exists; a recording replaces nothing: choose another -o")]
    Exists {
        /// The place.
        path: String,
    },
    /// The folder holds no journal of a recording.
    #[error("{0} holds no recording to recover (no journal.arrows)")]
    NoJournal(String),
    /// The journal of a recording cannot be read from its beginning.
    #[error("{path}: damaged ({reason}); nothing can be recovered from it")]
    Journal {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The recording goes on.
    #[error("{path} is being recorded; stop the recorder (Ctrl-C), and it is finished")]
    Live {
        /// The recording.
        path: String,
    },
    /// The journal could not be written.
    #[error(
        "{rows} messages were not recorded ({source}); what was recorded before is kept: make room on the disk"
    )]
    Lost {
        /// Rows that are lost.
        rows: usize,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Another process writes the same bundle.
    #[error("{path} is being written by another voicelt; wait for it, or choose another -o")]
    Busy {
        /// The bundle.
        path: String,
    },
}

impl TraceError {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> TraceError {
        TraceError::Io {
            path: path.display().to_string(),
            source,
        }
    }
}
