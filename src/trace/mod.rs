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
mod lock;
pub mod manifest;
pub mod model;
pub mod pace;
pub mod pick;
pub mod profile;
mod recorded;
pub mod recover;
pub mod retention;
#[cfg(test)]
pub(crate) mod sample;
pub mod scaling;
mod seal;
pub mod staging;
pub mod stored;
pub mod stream;
pub mod tables;
mod verify;
pub mod writer;

use std::io::ErrorKind;
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
    /// There is no bundle.
    #[error("{path} is not a trace bundle ({why}); {advice}")]
    NotABundle {
        /// Where it was looked for.
        path: String,
        /// What is there instead.
        why: &'static str,
        /// What to do.
        advice: String,
    },
    /// A bundle cannot be made in a folder.
    #[error("no trace can be made in {folder}: {reason}; choose another -o")]
    NoPlace {
        /// The folder.
        folder: String,
        /// The system's reason.
        reason: String,
    },
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
        "{path} has trace format {format}; this voicelt reads up to {known}.x: update voicelt, or make the trace again with this version"
    )]
    Newer {
        /// The bundle, or the journal of a recording.
        path: String,
        /// Its format.
        format: String,
        /// The newest major version that is understood.
        known: u32,
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
    /// A table's or clip's file is not there.
    #[error("{path} is missing; restore it, or make the trace again")]
    Missing {
        /// The file.
        path: String,
    },
    /// A clip's file does not hold what the table says.
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
    #[error(
        "{0} holds no recording to recover (no journal.arrows); name the folder that the recorder wrote to"
    )]
    NoJournal(String),
    /// The rows of a recording are gone, and its audio is there.
    #[error(
        "{0} is missing, and without it nobody knows whose the audio beside it is; put it back, from a copy; nothing was changed"
    )]
    NoRows(String),
    /// The audio of a recording is gone.
    #[error(
        "{path} is missing, and with it {bytes} bytes of the calls' audio; put it back, from a copy, beside journal.arrows; nothing was changed"
    )]
    NoAudio {
        /// Where it was looked for.
        path: String,
        /// Its bytes that calls speak of.
        bytes: u64,
    },
    /// What is left of a recording's journal lies in a bundle that would be replaced.
    #[error(
        "{0} holds the journal of a recording that could not be read whole (journal.arrows, journal.pcm); move these files away, or choose another -o"
    )]
    HoldsJournal(String),
    /// The journal of a recording cannot be read from its beginning.
    #[error(
        "{path}: damaged ({reason}); nothing can be recovered from it, and it is left as it is"
    )]
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
    /// There is no trace at a place of a store.
    #[error(
        "{0} holds no trace (no trace.json); put one there with `voicelt trace push TRACE {0}`"
    )]
    NotStored(String),
    /// Another trace is at a place of a store.
    #[error("{0} holds another trace; it is left alone: name another place")]
    OtherStored(String),
    /// A file in a store is not the one that `trace.json` beside it describes.
    #[error(
        "{url} is not the file that trace.json describes: changed, or pushed in part; push the trace again to another place"
    )]
    NotAsSealed {
        /// The file.
        url: String,
    },
    /// A store, or the way to it.
    #[error(transparent)]
    Storage(#[from] crate::storage::StorageError),
    /// Another process writes the same bundle.
    #[error("{path} is being written by another voicelt; wait for it, or choose another -o")]
    Busy {
        /// The bundle.
        path: String,
    },
}

impl TraceError {
    /// What is said of `dir`, which has no `trace.json`.
    fn not_a_bundle(dir: &Path) -> TraceError {
        let path = dir.display().to_string();
        let make = || "make one with `voicelt prepare AUDIO -o NAME.vtrace`".to_owned();
        let (why, advice) = if dir.join("run.json").is_file() {
            (
                "it is a run",
                format!("name the trace that it was made from, or see `voicelt report {path}`"),
            )
        } else if dir.is_file() {
            (
                "it is a file, and a bundle is a folder",
                format!("if it holds audio, make one with `voicelt prepare {path} -o NAME.vtrace`"),
            )
        } else if dir.exists() {
            ("it holds no trace.json", make())
        } else {
            ("there is nothing of this name", make())
        };
        TraceError::NotABundle { path, why, advice }
    }

    /// The system's refusal to begin a bundle in `folder`; a full disk stays what it is.
    fn no_place(folder: &Path, source: std::io::Error) -> TraceError {
        match source.kind() {
            ErrorKind::StorageFull => TraceError::io(folder, source),
            _ => TraceError::NoPlace {
                folder: folder.display().to_string(),
                reason: match source.kind() {
                    ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
                        "it is a file".to_owned()
                    }
                    _ => source.to_string(),
                },
            },
        }
    }

    /// The system's refusal to read a file of a bundle.
    fn unreadable(path: &Path, source: std::io::Error) -> TraceError {
        match source.kind() {
            ErrorKind::NotFound => TraceError::Missing {
                path: path.display().to_string(),
            },
            _ => TraceError::io(path, source),
        }
    }

    /// What the WAV reader says of the clip in `path`: it names the file itself.
    fn of_clip(path: &Path, error: crate::pcm::PcmError) -> TraceError {
        use crate::pcm::PcmError;
        match error {
            PcmError::Io { source, .. } => TraceError::unreadable(path, source),
            other => TraceError::Clip {
                path: path.display().to_string(),
                reason: {
                    let told = other.to_string();
                    let own = format!("{}: ", path.display());
                    let told = told.strip_prefix(&own).unwrap_or(&told);
                    format!("{told}; restore it, or make the trace again")
                },
            },
        }
    }

    pub(crate) fn io(path: &Path, source: std::io::Error) -> TraceError {
        TraceError::Io {
            path: path.display().to_string(),
            source,
        }
    }
}
