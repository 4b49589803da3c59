//! A sealed bundle whose sessions are read one after the other, so that a trace of millions of
//! them needs no more memory than a few.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::bundle::{Trace, clip_samples, open_table, read_table};
use super::check::{Checker, MAX_SESSION_EVENTS};
use super::extent::{Extent, ExtentMeter};
use super::manifest::TraceManifest;
use super::model::{ClipRow, EventRow, SessionRow, TurnRow};
use super::staging::finish_swap;
use super::{TraceError, check};
use crate::table::{Reader, Row};

/// Rows read at a time.
const BATCH_ROWS: usize = 4096;

/// One session with all that belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRows {
    /// The session.
    pub session: SessionRow,
    /// Its utterances.
    pub turns: Vec<TurnRow>,
    /// Its runs of client messages.
    pub events: Vec<EventRow>,
}

/// A sealed bundle, of which only the manifest and the clips' table are in memory.
#[derive(Debug)]
pub struct Bundle {
    /// The bundle's folder; clips' files are relative to it.
    pub dir: PathBuf,
    /// `trace.json`.
    pub manifest: TraceManifest,
    /// Clips by number.
    pub clips: Vec<ClipRow>,
}

impl Bundle {
    /// Opens the bundle `dir` and checks that it was not edited since it was sealed: by the hashes
    /// of its files, or where those differ, as after a rewrite by another tool, by its content.
    ///
    /// # Errors
    /// Not a bundle, a newer format, damaged tables, an unsealed edit.
    pub fn open(dir: &Path) -> Result<Bundle, TraceError> {
        finish_swap(dir)?;
        let manifest = TraceManifest::read(dir)?;
        if manifest.tables.is_empty() || manifest.tables != table_hashes(dir)? {
            Trace::open(dir)?;
        }
        let clips: Vec<ClipRow> = read_table(dir)?;
        check::check_clips(&clips)?;
        Ok(Bundle {
            dir: dir.to_owned(),
            manifest,
            clips,
        })
    }

    /// Its sessions in order of their start, from the first; each is checked as it is read.
    ///
    /// # Errors
    /// A table that cannot be opened.
    pub fn sessions(&self) -> Result<Sessions, TraceError> {
        Ok(Sessions {
            sessions: Ahead::open(&self.dir)?,
            turns: Ahead::open(&self.dir)?,
            events: Ahead::open(&self.dir)?,
            checker: Checker::new(self.clips.clone()),
            ended: false,
        })
    }

    /// How large it is: from the manifest, or from one pass over the sessions.
    ///
    /// # Errors
    /// A session that cannot be read.
    pub fn extent(&self) -> Result<Extent, TraceError> {
        if let Some(extent) = self.manifest.extent {
            return Ok(extent);
        }
        let mut meter = ExtentMeter::default();
        for rows in self.sessions()? {
            let rows = rows?;
            let session = &rows.session;
            meter.session(session.start_ns, session.turns, &rows.events, 0);
        }
        Ok(meter.finish())
    }

    /// The PCM16 samples of `clip`, or `None` when the trace holds only its timing.
    ///
    /// # Errors
    /// A file that is missing, unreadable, or not of the rate and length that the table says.
    pub fn clip_samples(&self, clip: &ClipRow) -> Result<Option<Vec<i16>>, TraceError> {
        clip_samples(&self.dir, clip)
    }

    /// Whether the file of every clip is there.
    ///
    /// # Errors
    /// The first that is not.
    pub fn find_clips(&self) -> Result<(), TraceError> {
        for file in self.clips.iter().filter_map(|clip| clip.file.as_ref()) {
            let path = self.dir.join(file);
            std::fs::metadata(&path).map_err(|source| TraceError::io(&path, source))?;
        }
        Ok(())
    }
}

/// The hash of each table's file, by its name.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn table_hashes(dir: &Path) -> Result<BTreeMap<String, String>, TraceError> {
    let tables = [
        SessionRow::TABLE,
        TurnRow::TABLE,
        EventRow::TABLE,
        ClipRow::TABLE,
    ];
    let hashed = tables.map(|table| {
        let name = format!("{table}.parquet");
        let path = dir.join(&name);
        let mut hash = blake3::Hasher::new();
        let read = File::open(&path).and_then(|file| hash.update_reader(file).map(|_| ()));
        read.map_err(|source| TraceError::io(&path, source))?;
        Ok((name, hash.finalize().to_hex().to_string()))
    });
    hashed.into_iter().collect()
}

/// The rows of a table, a batch at a time.
struct Ahead<R> {
    reader: Reader<R>,
    rows: std::vec::IntoIter<R>,
}

impl<R: Row> Ahead<R> {
    fn open(dir: &Path) -> Result<Ahead<R>, TraceError> {
        Ok(Ahead {
            reader: open_table(dir, BATCH_ROWS)?,
            rows: Vec::new().into_iter(),
        })
    }

    /// The next row, if it passes.
    fn next_if(&mut self, passes: impl Fn(&R) -> bool) -> Result<Option<R>, TraceError> {
        while self.rows.as_slice().is_empty() {
            match self.reader.next_rows()? {
                Some(rows) => self.rows = rows.into_iter(),
                None => return Ok(None),
            }
        }
        match self.rows.as_slice().first().is_some_and(passes) {
            true => Ok(self.rows.next()),
            false => Ok(None),
        }
    }
}

/// The sessions of a bundle, in order of their start.
pub struct Sessions {
    sessions: Ahead<SessionRow>,
    turns: Ahead<TurnRow>,
    events: Ahead<EventRow>,
    checker: Checker,
    ended: bool,
}

impl Sessions {
    fn read(&mut self) -> Result<Option<SessionRows>, TraceError> {
        let Some(session) = self.sessions.next_if(|_| true)? else {
            let turn = self.turns.next_if(|_| true)?.map(|turn| turn.session);
            let event = self.events.next_if(|_| true)?.map(|event| event.session);
            self.checker.end(turn, event)?;
            return Ok(None);
        };
        let number = session.session;
        let (mut turns, mut events) = (Vec::new(), Vec::new());
        while turns.len() <= session.turns as usize
            && let Some(turn) = self.turns.next_if(|turn| turn.session == number)?
        {
            turns.push(turn);
        }
        while events.len() <= MAX_SESSION_EVENTS
            && let Some(event) = self.events.next_if(|event| event.session == number)?
        {
            events.push(event);
        }
        self.checker.session(&session, &turns, &events)?;
        Ok(Some(SessionRows {
            session,
            turns,
            events,
        }))
    }
}

impl Iterator for Sessions {
    type Item = Result<SessionRows, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let read = self.read();
        self.ended = !matches!(read, Ok(Some(_)));
        read.transpose()
    }
}
