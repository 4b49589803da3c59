//! The hash of what callers do, by which an edit of a bundle is noticed: independent of names,
//! paths, provenance, the numbering of clips, and how the tables are laid out in their files.
//!
//! Canonical encoding: each row's numbers as little-endian 64-bit words in column order, null as a
//! 0 byte and a value as a 1 byte before it, text as its length and its bytes; a clip as its
//! `clip_id`; each table preceded by its name and number of rows. The tables are sessions, turns
//! and events, in this order.

use std::path::Path;

use super::TraceError;
use super::model::{ClipRow, EventRow, SessionRow, TurnRow};
use super::tables::open_table;
use crate::table::Row;

/// The content hash of a trace in memory, in hex.
pub(super) fn of_rows(
    sessions: &[SessionRow],
    turns: &[TurnRow],
    events: &[EventRow],
    clips: &[ClipRow],
) -> String {
    let mut hash = ContentHash::new(clips);
    hash.table(sessions);
    hash.table(turns);
    hash.table(events);
    hash.finish().to_hex().to_string()
}

/// The content hash of the tables in `dir`, in hex: equal to that of the trace in memory, but with
/// a batch of rows in memory at a time.
///
/// # Errors
/// A missing or damaged table.
pub(super) fn of_tables(dir: &Path, clips: &[ClipRow]) -> Result<String, TraceError> {
    let mut hash = ContentHash::new(clips);
    hash.file::<SessionRow>(dir)?;
    hash.file::<TurnRow>(dir)?;
    hash.file::<EventRow>(dir)?;
    Ok(hash.finish().to_hex().to_string())
}

/// A row that is hashed.
trait Content: Row {
    fn feed(&self, hash: &mut ContentHash<'_>);
}

impl Content for SessionRow {
    fn feed(&self, hash: &mut ContentHash<'_>) {
        hash.number(i64::from(self.session));
        hash.text(Some(&self.session_id));
        hash.number(self.start_ns);
        hash.text(Some(&self.language_code));
        hash.number(i64::from(self.sample_rate_hz));
        hash.text(Some(self.microphone.name()));
        hash.number(i64::from(self.turns));
        // Only where there is some: traces without it keep the hash that they always had.
        if self.metadata.is_some() {
            hash.text(self.metadata.as_deref());
        }
    }
}

impl Content for TurnRow {
    fn feed(&self, hash: &mut ContentHash<'_>) {
        hash.number(i64::from(self.session));
        hash.number(i64::from(self.turn));
        hash.number(self.at_ns);
        hash.number(self.end_ns);
        hash.maybe(self.speech_start_ns);
        hash.maybe(self.speech_end_ns);
        hash.maybe(self.think_ns);
        hash.clip(self.clip);
    }
}

impl Content for EventRow {
    fn feed(&self, hash: &mut ContentHash<'_>) {
        hash.number(i64::from(self.session));
        hash.number(i64::from(self.turn));
        hash.number(self.at_ns);
        hash.text(Some(self.kind.name()));
        hash.clip(self.clip);
        hash.number(self.offset_bytes as i64);
        hash.number(i64::from(self.chunk_bytes));
        hash.number(self.interval_ns);
        hash.number(i64::from(self.count));
        hash.text(self.text.as_deref());
    }
}

/// A hash of rows, encoded canonically.
pub(super) struct ContentHash<'a> {
    hash: blake3::Hasher,
    /// Numbered by row, as `check` makes sure.
    clips: &'a [ClipRow],
}

impl ContentHash<'_> {
    pub(super) fn new(clips: &[ClipRow]) -> ContentHash<'_> {
        ContentHash {
            hash: blake3::Hasher::new(),
            clips,
        }
    }

    fn table<R: Content>(&mut self, rows: &[R]) {
        self.heading::<R>(rows.len() as i64);
        for row in rows {
            row.feed(self);
        }
    }

    fn file<R: Content>(&mut self, dir: &Path) -> Result<(), TraceError> {
        let mut reader = open_table::<R>(dir)?;
        self.heading::<R>(reader.rows() as i64);
        while let Some(rows) = reader.next_rows()? {
            for row in &rows {
                row.feed(self);
            }
        }
        Ok(())
    }

    fn heading<R: Row>(&mut self, rows: i64) {
        self.text(Some(R::TABLE));
        self.number(rows);
    }

    pub(super) fn number(&mut self, value: i64) {
        self.hash.update(&value.to_le_bytes());
    }

    pub(super) fn maybe(&mut self, value: Option<i64>) {
        self.hash.update(&[u8::from(value.is_some())]);
        if let Some(value) = value {
            self.number(value);
        }
    }

    pub(super) fn text(&mut self, value: Option<&str>) {
        self.hash.update(&[u8::from(value.is_some())]);
        if let Some(value) = value {
            self.number(value.len() as i64);
            self.hash.update(value.as_bytes());
        }
    }

    pub(super) fn clip(&mut self, number: Option<u32>) {
        let clips = self.clips;
        let id_of = |number| clips.get(number as usize).map(|clip| clip.clip_id.as_str());
        self.text(number.map(|number| id_of(number).unwrap_or("?")));
    }

    pub(super) fn finish(&self) -> blake3::Hash {
        self.hash.finalize()
    }
}
