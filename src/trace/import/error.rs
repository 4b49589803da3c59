//! Why a log could not be imported.

use std::path::Path;

use crate::trace::arrivals::MAX_SESSIONS;

/// Why a log could not be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A Parquet file that cannot be read.
    #[error(transparent)]
    Table(#[from] crate::table::TableError),
    /// The file is of another kind than its format.
    #[error("{path} is {found}, but {format} logs are {expected}; see --format")]
    Kind {
        /// The file.
        path: String,
        /// What it looks like.
        found: &'static str,
        /// The format.
        format: &'static str,
        /// What that is kept in.
        expected: &'static str,
    },
    /// The file holds no text that can be read.
    #[error("{path} is {found}: {advice}, and import what comes of it")]
    NoText {
        /// The file.
        path: String,
        /// What it looks like.
        found: &'static str,
        /// What makes a text of it.
        advice: &'static str,
    },
    /// A column that every row needs is not there.
    #[error("{path}: no column `{column}`; its columns{separated} are {found}{advice}")]
    MissingColumn {
        /// The file.
        path: String,
        /// The column.
        column: String,
        /// What separates them, unless it is a comma.
        separated: &'static str,
        /// Those that are there.
        found: String,
        /// What else can be done.
        advice: &'static str,
    },
    /// The start is not mapped.
    #[error("--map must name the column of the start, as in --map start=COLUMN")]
    NoStart,
    /// Plain numbers whose unit nobody knows.
    #[error(
        "line {line}: `{text}` is a plain number, and it cannot be told of what; say it with \
         --unit s, ms, us or ns (in --map: unit=ms, and duration-unit=s for the duration)"
    )]
    Unit {
        /// The line, from 1.
        line: u64,
        /// The number.
        text: String,
    },
    /// A unit was stated for dates.
    #[error("line {line}: `{text}` is a date, but --unit is for timestamps that are plain numbers")]
    UnitOfDate {
        /// The line, from 1.
        line: u64,
        /// The date.
        text: String,
    },
    /// A row that cannot be read, and that is fatal with `strict`.
    #[error("line {line}: {reason}; leave out --strict to skip such lines")]
    Strict {
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// No row is left.
    #[error("{path}: no rows to import{why}")]
    NoRows {
        /// The file.
        path: String,
        /// Why the first bad row is bad, or what passed over all.
        why: String,
    },
    /// More than a trace may hold.
    #[error("{path} has more than {MAX_SESSIONS} rows; split it, or filter it first")]
    TooMany {
        /// The file.
        path: String,
    },
    /// No call is left.
    #[error("no call is left: none starts in --window, or --limit is 0; the log is {0} long")]
    NoCalls(crate::units::Human),
    /// A log that is longer than a trace can be.
    #[error(
        "the log spans more than 30 years, so that at least one of its times is wrong; cap the \
         gaps with --max-idle, such as --max-idle 1h"
    )]
    Span,
    /// A call that does not end.
    #[error(
        "line {line}: this call would take over a week; split such calls with a shorter --session-gap"
    )]
    LongCall {
        /// The line of its first row, from 1.
        line: u64,
    },
    /// Nothing to speak.
    #[error("there are no clips to speak")]
    NoClips,
    /// Calls that are not possible.
    #[error(transparent)]
    Call(#[from] crate::trace::layout::CallError),
}

impl ImportError {
    pub(super) fn io(path: &Path, source: std::io::Error) -> ImportError {
        ImportError::Io {
            path: path.display().to_string(),
            source,
        }
    }
}
