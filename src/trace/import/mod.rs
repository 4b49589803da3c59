//! Logs of other systems become arrivals: when calls came, and how long was spoken in each.
//!
//! Every format is a `Mapping` from the columns of its file to what a row means (`azure`, `cdr`,
//! and so on); `source` reads the columns of CSV (`records`), JSON (`lines`, `objects`) and Parquet as text, whichever
//! the file is (`sniff`), and `log` makes [`Row`]s of them (`instant`, `number`). `shape` groups and moves those into calls, `library` finds the clip whose
//! speech is about as long as a row asks for, and `clip_assignment` lays the calls out as `prepare` does.
//!
//! A log is not trusted: a row that cannot be read is named and passed over, and the length of a
//! line is bounded.

mod azure;
mod burstgpt;
mod cdr;
pub mod clip_assignment;
mod envoy;
pub mod instant;
pub mod library;
pub(crate) mod lines;
pub mod log;
mod map;
mod mapping;
mod mooncake;
mod number;
mod objects;
pub(crate) mod records;
pub mod shape;
mod sniff;
mod source;

use std::path::Path;

pub use instant::Zone;
pub use log::{BadRow, Length, Log, Row};
pub use map::MapSpec;
use mapping::Mapping;
pub use number::Unit;

use super::arrivals::MAX_SESSIONS;

crate::names! {
    /// A kind of log.
    pub enum LogFormat {
        /// Azure's public traces of LLM inference: CSV with dates and token counts.
        Azure = "azure",
        /// Mooncake's traces of LLM requests: JSON lines with milliseconds and token counts.
        Mooncake = "mooncake",
        /// BurstGPT: CSV with seconds, conversations and token counts.
        BurstGpt = "burstgpt",
        /// Access logs of Envoy and Istio as JSON lines.
        Envoy = "envoy",
        /// Call detail records of Asterisk: CSV with or without header.
        Cdr = "cdr",
        /// Any CSV, JSON lines or Parquet, whose columns are named.
        Map = "map",
    }
}

/// How a log is to be read.
#[derive(Debug, Clone, PartialEq)]
pub struct LogSpec {
    /// What it is.
    pub format: LogFormat,
    /// The columns of a log of the format `map`.
    pub map: MapSpec,
    /// Unit of timestamps that are plain numbers; `None`: that of the format, or detected.
    pub unit: Option<Unit>,
    /// Time zone of dates that name none; `None`: UTC.
    pub zone: Option<Zone>,
    /// Envoy: rows whose path begins so.
    pub path: Option<String>,
    /// Envoy: rows of this gRPC status, or HTTP response code where there is none.
    pub status: Option<String>,
    /// Asterisk: rows of this disposition.
    pub disposition: String,
    /// Whether a row that cannot be read is fatal.
    pub strict: bool,
}

impl LogSpec {
    /// A spec that reads `format` in its usual way.
    #[must_use]
    pub fn new(format: LogFormat) -> LogSpec {
        LogSpec {
            format,
            map: MapSpec::default(),
            unit: None,
            zone: None,
            path: None,
            status: None,
            disposition: cdr::ANSWERED.to_owned(),
            strict: false,
        }
    }

    fn mapping(&self) -> Result<Mapping, ImportError> {
        Ok(match self.format {
            LogFormat::Azure => azure::mapping(),
            LogFormat::Mooncake => mooncake::mapping(),
            LogFormat::BurstGpt => burstgpt::mapping(),
            LogFormat::Envoy => envoy::mapping(self.path.as_deref(), self.status.as_deref()),
            LogFormat::Cdr => cdr::mapping(&self.disposition),
            LogFormat::Map => self.map.mapping()?,
        })
    }
}

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
    Call(#[from] super::layout::CallError),
}

impl ImportError {
    fn io(path: &Path, source: std::io::Error) -> ImportError {
        ImportError::Io {
            path: path.display().to_string(),
            source,
        }
    }
}
