//! What is recorded, and where.

use std::path::PathBuf;

use super::admit::Admission;
use super::transcribe::Keep;
use crate::dialect::Recordable;

/// What is recorded, and where.
#[derive(Debug, Clone)]
pub struct SinkSpec {
    /// The trace's folder; with `rotate_ns` its name gets a number.
    pub place: PathBuf,
    /// In which protocol calls are.
    pub dialect: Recordable,
    /// Which calls.
    pub admission: Admission,
    /// What of them.
    pub keep: Keep,
    /// A new trace is begun after this time.
    pub rotate_ns: Option<i64>,
    /// No call is recorded after so many.
    pub most_sessions: Option<u64>,
    /// Recording ends when a trace's journal has this size.
    pub most_bytes: Option<u64>,
    /// Traces must be deleted after this time.
    pub retain_ns: Option<i64>,
    /// Who records: the program and its version.
    pub tool: String,
}
