//! The seal of a bundle: what `trace.json` says of the tables, so that an edit is noticed.

use std::collections::BTreeMap;
use std::path::Path;

use super::TraceError;
use super::extent::Extent;
use super::manifest::{TRACE_FORMAT, TraceManifest};
use super::model::{ClipRow, EventRow, ReplyRow, SessionRow, TurnRow};
use crate::table::{Row, blake3_of};

/// The table that only recorded traces have.
pub(super) const REPLIES_FILE: &str = "replies.parquet";

/// What a seal says of the tables.
pub(super) struct Seal {
    /// How large the trace is.
    pub(super) extent: Extent,
    /// Number of event rows.
    pub(super) events: u64,
    /// The content hash.
    pub(super) content: String,
}

impl Seal {
    /// Writes itself, and the hashes of the tables' files, into `manifest` and the `trace.json` of
    /// the bundle `dir`.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn put_on(self, dir: &Path, manifest: &mut TraceManifest) -> Result<(), TraceError> {
        manifest.format = TRACE_FORMAT.to_owned();
        manifest.sessions = self.extent.sessions;
        manifest.events = self.events;
        manifest.duration_ns = self.extent.duration_ns;
        manifest.content_blake3 = self.content;
        manifest.tables = table_hashes(dir)?;
        manifest.extent = Some(self.extent);
        manifest.write(dir)
    }
}

/// Whether the tables' files are, byte for byte, those that were sealed. Where they are not, their
/// content may still be.
pub(super) fn has_sealed_files(dir: &Path, manifest: &TraceManifest) -> bool {
    // Whoever reads the tables next says what is wrong with one that cannot be hashed.
    !manifest.tables.is_empty() && table_hashes(dir).is_ok_and(|tables| tables == manifest.tables)
}

/// The tables that a seal covers.
const SEALED: [&str; 5] = [
    SessionRow::TABLE,
    TurnRow::TABLE,
    EventRow::TABLE,
    ClipRow::TABLE,
    ReplyRow::TABLE,
];

/// The names of their files.
pub(super) fn sealed_files() -> impl Iterator<Item = String> {
    SEALED.into_iter().map(|table| format!("{table}.parquet"))
}

/// The hash of each table's file, by its name.
fn table_hashes(dir: &Path) -> Result<BTreeMap<String, String>, TraceError> {
    let is_there = |name: &String| name != REPLIES_FILE || dir.join(name).is_file();
    let hashed = sealed_files().filter(is_there).map(|name| {
        let path = dir.join(&name);
        let hash = blake3_of(&path).map_err(|source| TraceError::io(&path, source))?;
        Ok((name, hash))
    });
    hashed.collect()
}
