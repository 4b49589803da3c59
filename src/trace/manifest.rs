//! `trace.json`: what a bundle is, and the hash of what it holds.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use super::TraceError;
use super::extent::Extent;
use super::journal::has_journal;
use super::model::TraceSource;

/// The version of the bundle's format; readers refuse a newer major version.
pub const TRACE_FORMAT: &str = "1.0";

/// The key under which each table's footer holds [`TRACE_FORMAT`].
pub const FORMAT_KEY: &str = "voicelt.trace_format";

/// Its file in a bundle.
pub(super) const MANIFEST: &str = "trace.json";
/// Longest `trace.json` that is read.
pub(super) const MAX_MANIFEST_BYTES: u64 = 8 * 1024 * 1024;

/// One step of a bundle's history.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Provenance {
    /// The subcommand.
    pub step: String,
    /// `voicelt` and its version.
    pub tool: String,
    /// RFC 3339, UTC.
    pub at: String,
    /// Its settings.
    pub settings: serde_json::Value,
}

/// The whole of `trace.json`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TraceManifest {
    /// [`TRACE_FORMAT`].
    pub format: String,
    /// Name of the trace.
    pub name: String,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// `voicelt` and its version.
    pub tool: String,
    /// `prepared`, `recorded` or `imported`.
    pub source: String,
    /// What calls hold: `audio`, `text`.
    pub contains: Vec<String>,
    /// Wall clock of trace time 0, RFC 3339; for recorded traces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin_at: Option<String>,
    /// Seed of the random choices; for prepared traces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Number of sessions.
    pub sessions: u64,
    /// Number of event rows.
    pub events: u64,
    /// From trace time 0 to the end of the last event.
    pub duration_ns: i64,
    /// BLAKE3 of sessions, turns and events with their clips' ids, whatever their files look like.
    pub content_blake3: String,
    /// BLAKE3 of each table's file, by its name: equal files need not be read to know the content.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, String>,
    /// How large it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extent: Option<Extent>,
    /// The day from which it must not be kept any more, RFC 3339, UTC; for recorded traces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_after: Option<String>,
    /// How it came about.
    #[serde(default)]
    pub provenance: Vec<Provenance>,
}

impl TraceManifest {
    /// That of a bundle which `step` makes; what follows from its tables is filled in when it is saved.
    #[must_use]
    pub fn begin(name: String, source: TraceSource, step: Provenance) -> TraceManifest {
        TraceManifest {
            format: TRACE_FORMAT.to_owned(),
            name,
            created_at: step.at.clone(),
            tool: step.tool.clone(),
            source: source.name().to_owned(),
            contains: Vec::new(),
            origin_at: None,
            seed: None,
            sessions: 0,
            events: 0,
            duration_ns: 0,
            content_blake3: String::new(),
            tables: BTreeMap::new(),
            extent: None,
            delete_after: None,
            provenance: vec![step],
        }
    }

    /// Reads `trace.json` of the bundle `dir`.
    ///
    /// # Errors
    /// A folder that is not a bundle or an unfinished recording, a damaged file, or a newer format.
    pub fn read(dir: &Path) -> Result<TraceManifest, TraceError> {
        let path = dir.join(MANIFEST);
        let damaged = |reason: String| TraceError::Manifest {
            path: path.display().to_string(),
            reason,
        };
        let mut json = Vec::new();
        let file = fs::File::open(&path);
        match file.and_then(|file| file.take(MAX_MANIFEST_BYTES + 1).read_to_end(&mut json)) {
            Ok(_) if json.len() as u64 > MAX_MANIFEST_BYTES => {
                return Err(damaged(format!(
                    "it has more than {MAX_MANIFEST_BYTES} bytes"
                )));
            }
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::IsADirectory => {
                return Err(damaged("it is a folder".to_owned()));
            }
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(match has_journal(dir) {
                    true => TraceError::Unfinished(dir.display().to_string()),
                    false => TraceError::not_a_bundle(dir),
                });
            }
            Err(source) => return Err(TraceError::io(&path, source)),
        };
        TraceManifest::parse(dir, &json)
    }

    /// Reads `json`, the `trace.json` of the bundle that is shown as `dir`.
    ///
    /// # Errors
    /// A damaged file, or a newer format.
    pub(super) fn parse(dir: &Path, json: &[u8]) -> Result<TraceManifest, TraceError> {
        let of_json = |reason: serde_json::Error| TraceError::Manifest {
            path: dir.join(MANIFEST).display().to_string(),
            reason: reason.to_string(),
        };
        let value: serde_json::Value = serde_json::from_slice(json).map_err(of_json)?;
        let format = value
            .get("format")
            .and_then(serde_json::Value::as_str)
            .unwrap_or("1.0");
        refuse_newer(dir, format)?;
        serde_json::from_value(value).map_err(of_json)
    }

    /// Replaces `trace.json` of the bundle `dir`, in one step.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn write(&self, dir: &Path) -> Result<(), TraceError> {
        let path = dir.join(MANIFEST);
        let io = |e| TraceError::io(&path, e);
        let temporary = dir.join("trace.json.tmp");
        let text = serde_json::to_vec_pretty(self).map_err(|e| io(e.into()))?;
        let mut file = fs::File::create(&temporary).map_err(io)?;
        file.write_all(&text).map_err(io)?;
        file.sync_all().map_err(io)?;
        fs::rename(&temporary, &path).map_err(io)
    }
}

/// Refuses a format of a trace whose major version is newer than ours.
///
/// # Errors
/// A newer, or unreadable, version.
pub fn refuse_newer(dir: &Path, format: &str) -> Result<(), TraceError> {
    refuse_newer_than(TRACE_FORMAT, dir, format)
}

/// Refuses a format whose major version is newer than that of `known`.
///
/// # Errors
/// A newer, or unreadable, version.
pub(super) fn refuse_newer_than(known: &str, path: &Path, format: &str) -> Result<(), TraceError> {
    let major = |version: &str| version.split('.').next()?.parse::<u32>().ok();
    let known = major(known).unwrap_or(0);
    match major(format) {
        Some(major) if major <= known => Ok(()),
        _ => Err(TraceError::Newer {
            path: path.display().to_string(),
            format: format.to_owned(),
            known,
        }),
    }
}
