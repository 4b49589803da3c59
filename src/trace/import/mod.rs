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
mod error;
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

pub use error::ImportError;
pub use instant::Zone;
pub use log::{BadRow, Length, Log, Row};
pub use map::MapSpec;
use mapping::Mapping;
pub use number::Unit;

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
    /// Asterisk: rows of this disposition; `None`: calls that were answered.
    pub disposition: Option<String>,
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
            disposition: None,
            strict: false,
        }
    }

    fn mapping(&self) -> Result<Mapping, ImportError> {
        Ok(match self.format {
            LogFormat::Azure => azure::mapping(),
            LogFormat::Mooncake => mooncake::mapping(),
            LogFormat::BurstGpt => burstgpt::mapping(),
            LogFormat::Envoy => envoy::mapping(self.path.as_deref(), self.status.as_deref()),
            LogFormat::Cdr => cdr::mapping(self.disposition.as_deref().unwrap_or(cdr::ANSWERED)),
            LogFormat::Map => self.map.mapping()?,
        })
    }
}
