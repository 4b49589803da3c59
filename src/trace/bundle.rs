//! A trace in memory, and the folder it is kept in.

use std::path::{Path, PathBuf};

use super::extent::Extent;
use super::manifest::TraceManifest;
use super::model::{ClipRow, EventRow, SessionRow, SourceRow, TurnRow};
use super::seal::Seal;
use super::staging::{Staging, finish_swap};
use super::tables::{EVENT_ROW_GROUP_ROWS, read_table, write_table};
use super::{TraceError, check, content};
use crate::table::ROW_GROUP_ROWS;

/// A trace: its manifest and tables, and the folder that holds its clips.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The bundle's folder; clips' files are relative to it.
    pub dir: PathBuf,
    /// `trace.json`.
    pub manifest: TraceManifest,
    /// Sessions in order of their start.
    pub sessions: Vec<SessionRow>,
    /// Utterances, by session.
    pub turns: Vec<TurnRow>,
    /// Runs of client messages, by session and time.
    pub events: Vec<EventRow>,
    /// Clips by number.
    pub clips: Vec<ClipRow>,
}

impl Trace {
    /// Reads the bundle `dir` and checks that its rows make sense and that it was not edited since
    /// it was sealed.
    ///
    /// # Errors
    /// Not a bundle, a newer format, damaged tables, rows that make no sense, an unsealed edit.
    pub fn open(dir: &Path) -> Result<Trace, TraceError> {
        let trace = Trace::open_unsealed(dir)?;
        if trace.content() != trace.manifest.content_blake3 {
            return Err(TraceError::Edited(dir.display().to_string()));
        }
        Ok(trace)
    }

    /// Like [`Trace::open`], but accepts tables that were edited since the bundle was sealed.
    ///
    /// # Errors
    /// As for [`Trace::open`], edits aside.
    pub fn open_unsealed(dir: &Path) -> Result<Trace, TraceError> {
        finish_swap(dir)?;
        let manifest = TraceManifest::read(dir)?;
        let sessions: Vec<SessionRow> = read_table(dir)?;
        let turns: Vec<TurnRow> = read_table(dir)?;
        let events: Vec<EventRow> = read_table(dir)?;
        let clips: Vec<ClipRow> = read_table(dir)?;
        check::check(&sessions, &turns, &events, &clips)?;
        Ok(Trace {
            dir: dir.to_owned(),
            manifest,
            sessions,
            turns,
            events,
            clips,
        })
    }

    /// Writes tables and manifest into the staged folder, whose clips are there already, and puts
    /// it in its place. What the manifest says of the tables is computed here.
    ///
    /// # Errors
    /// Rows that make no sense, or the system's.
    pub fn save(mut self, staging: Staging, sources: &[SourceRow]) -> Result<Trace, TraceError> {
        check::check(&self.sessions, &self.turns, &self.events, &self.clips)?;
        self.dir = staging.dir().to_owned();
        write_table(&self.dir, ROW_GROUP_ROWS, &self.sessions)?;
        write_table(&self.dir, ROW_GROUP_ROWS, &self.turns)?;
        write_table(&self.dir, EVENT_ROW_GROUP_ROWS, &self.events)?;
        write_table(&self.dir, ROW_GROUP_ROWS, &self.clips)?;
        write_table(&self.dir, ROW_GROUP_ROWS, sources)?;
        let seal = Seal {
            extent: self.extent(),
            events: self.events.len() as u64,
            content: self.content(),
        };
        seal.put_on(&self.dir, &mut self.manifest)?;
        self.dir = staging.place().to_owned();
        staging.commit()?;
        Ok(self)
    }

    /// The hash of what callers do in it.
    fn content(&self) -> String {
        content::of_rows(&self.sessions, &self.turns, &self.events, &self.clips)
    }

    /// The size of the trace.
    #[must_use]
    pub fn extent(&self) -> Extent {
        Extent::of(&self.sessions, &self.events)
    }
}
