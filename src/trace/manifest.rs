//! `trace.json`: what a bundle is, and the hash of what it holds.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::TraceError;
use super::extent::Extent;
use super::model::{ClipRow, EventRow, SessionRow, TurnRow};

/// The version of the bundle's format; readers refuse a newer major version.
pub const TRACE_FORMAT: &str = "1.0";

/// The key under which each table's footer holds [`TRACE_FORMAT`].
pub const FORMAT_KEY: &str = "voicelt.trace_format";

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
    /// Hash of sessions, turns and events with their clips' ids; see [`content_hash`].
    pub content_blake3: String,
    /// BLAKE3 of each table's file, by its name: equal files need not be read to know the content.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, String>,
    /// How large it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extent: Option<Extent>,
    /// How it came about.
    #[serde(default)]
    pub provenance: Vec<Provenance>,
}

impl TraceManifest {
    /// Reads `trace.json` of the bundle `dir`.
    ///
    /// # Errors
    /// A folder that is not a bundle, a damaged file, or a newer format.
    pub fn read(dir: &Path) -> Result<TraceManifest, TraceError> {
        let path = dir.join("trace.json");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(TraceError::NotABundle(dir.display().to_string()));
            }
            Err(source) => return Err(TraceError::io(&path, source)),
        };
        let damaged = |reason: serde_json::Error| TraceError::Manifest {
            path: path.display().to_string(),
            reason: reason.to_string(),
        };
        let value: serde_json::Value = serde_json::from_str(&text).map_err(damaged)?;
        let format = value
            .get("format")
            .and_then(serde_json::Value::as_str)
            .unwrap_or("1.0");
        refuse_newer(dir, format)?;
        serde_json::from_value(value).map_err(damaged)
    }
}

/// Refuses a format whose major version is newer than ours.
///
/// # Errors
/// A newer, or unreadable, version.
pub fn refuse_newer(dir: &Path, format: &str) -> Result<(), TraceError> {
    let major = format
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    match major {
        Some(0 | 1) => Ok(()),
        _ => Err(TraceError::Newer {
            path: dir.display().to_string(),
            format: format.to_owned(),
        }),
    }
}

/// Hash of what callers do, independent of names, paths, provenance and the numbering of clips.
///
/// Canonical encoding: each row's numbers as little-endian 64-bit words in column order, null as a
/// 0 byte and a value as a 1 byte before it, text as its length and its bytes; a clip as its
/// `clip_id`; each table preceded by its name and number of rows.
#[must_use]
pub fn content_hash(
    sessions: &[SessionRow],
    turns: &[TurnRow],
    events: &[EventRow],
    clips: &[ClipRow],
) -> String {
    let mut hash = Canonical(blake3::Hasher::new());
    let ids: std::collections::HashMap<u32, &str> = clips
        .iter()
        .map(|clip| (clip.clip, clip.clip_id.as_str()))
        .collect();
    let id_of = |clip: Option<u32>| clip.map(|clip| ids.get(&clip).copied().unwrap_or("?"));
    hash.table("sessions", sessions.len());
    for row in sessions {
        hash.number(i64::from(row.session));
        hash.text(Some(&row.session_id));
        hash.number(row.start_ns);
        hash.text(Some(&row.language_code));
        hash.number(i64::from(row.sample_rate_hz));
        hash.text(Some(row.microphone.name()));
        hash.number(i64::from(row.turns));
    }
    hash.table("turns", turns.len());
    for row in turns {
        hash.number(i64::from(row.session));
        hash.number(i64::from(row.turn));
        hash.number(row.at_ns);
        hash.number(row.end_ns);
        hash.maybe(row.speech_start_ns);
        hash.maybe(row.speech_end_ns);
        hash.maybe(row.think_ns);
        hash.text(id_of(row.clip));
    }
    hash.table("events", events.len());
    for row in events {
        hash.number(i64::from(row.session));
        hash.number(i64::from(row.turn));
        hash.number(row.at_ns);
        hash.text(Some(row.kind.name()));
        hash.text(id_of(row.clip));
        hash.number(row.offset_bytes as i64);
        hash.number(i64::from(row.chunk_bytes));
        hash.number(row.interval_ns);
        hash.number(i64::from(row.count));
        hash.text(row.text.as_deref());
    }
    hash.0.finalize().to_hex().to_string()
}

struct Canonical(blake3::Hasher);

impl Canonical {
    fn table(&mut self, name: &str, rows: usize) {
        self.text(Some(name));
        self.number(rows as i64);
    }

    fn number(&mut self, value: i64) {
        self.0.update(&value.to_le_bytes());
    }

    fn maybe(&mut self, value: Option<i64>) {
        self.0.update(&[u8::from(value.is_some())]);
        if let Some(value) = value {
            self.number(value);
        }
    }

    fn text(&mut self, value: Option<&str>) {
        self.0.update(&[u8::from(value.is_some())]);
        if let Some(value) = value {
            self.number(value.len() as i64);
            self.0.update(value.as_bytes());
        }
    }
}
