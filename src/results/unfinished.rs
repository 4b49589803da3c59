//! The turns and sessions of a run that is under way, or was killed: those that ended, and those that
//! had begun.
//!
//! There is no finished table yet, only numbered parts. A turn that has a start row and no request
//! row was under way, and becomes a request of status `interrupted`, so that every turn that
//! started is counted; likewise a session of which a turn has a start row and which has no row of its
//! own. Rows are handed on one by one; what is held of each is a hash.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};
use std::io::ErrorKind;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use super::ResultsError;
use super::manifest::{RunManifest, trace_id};
use super::parts::{Listed, MOST_LOOKS, list};
use super::row::{Phase, RequestRow, SessionEnd, SessionRow, StartedRow, Status};
use crate::table::{Reader, Row, TableError, UtcInstant, read_all};

/// Rows held at a time where they are not all held.
const STREAM_ROWS: usize = 1024;

/// A row that is written when what it is of ends.
pub(super) trait Ends: Row {
    /// A hash of what it is of: no two rows of a run have one.
    fn key(&self) -> u64;

    /// The row of what had begun with `start`, of which nothing else is known; `None` where that was
    /// made by a version that did not write such rows.
    fn under_way(run: &RunManifest, start: StartedRow) -> Option<Self>;
}

/// The parts of a run's rows, as they were listed at one time.
#[derive(Debug)]
pub(super) struct Unfinished<R> {
    dir: PathBuf,
    started: Listed,
    ended: Listed,
    rows: PhantomData<R>,
}

impl<R: Ends> Unfinished<R> {
    /// The parts in `dir`; `None` where the run has its finished table.
    pub(super) fn list(dir: &Path) -> Result<Option<Unfinished<R>>, ResultsError> {
        // Starts first: what ends in between is then known to have ended.
        let started = parts(dir, StartedRow::TABLE)?;
        let ended = parts(dir, R::TABLE)?;
        let finished = finished(dir, R::TABLE);
        // Last: parts are removed only after the table is there, so that none was missed.
        Ok((!finished.exists()).then(|| Unfinished {
            dir: dir.to_owned(),
            started,
            ended,
            rows: PhantomData,
        }))
    }

    /// Hands each row to `each`, once; returns one message for each part that could not be read.
    ///
    /// # Errors
    /// A finished table that appeared meanwhile and cannot be read.
    pub(super) fn visit(
        self,
        run: &RunManifest,
        each: &mut dyn FnMut(R),
    ) -> Result<Vec<String>, ResultsError> {
        // Of a million turns two have the same hash once in forty million runs.
        let mut seen: HashSet<u64> = HashSet::new();
        let mut once = |row: R| {
            if seen.insert(row.key()) {
                each(row);
            }
        };
        let (mut listed, mut looks) = (self, 0);
        loop {
            let Looked {
                unreadable,
                is_outdated,
            } = listed.look(run, &mut once);
            looks += 1;
            if !is_outdated || looks == MOST_LOOKS {
                return Ok(unreadable);
            }
            let dir = listed.dir;
            listed = match Unfinished::list(&dir)? {
                Some(again) => again,
                None => {
                    stream(&finished(&dir, R::TABLE), once)?;
                    return Ok(Vec::new());
                }
            };
        }
    }

    /// Hands the rows to `once`, which takes each but once, as far as they are there.
    fn look(&self, run: &RunManifest, once: &mut dyn FnMut(R)) -> Looked {
        let mut looked = Looked::of(&self.ended);
        looked.unreadable.extend(self.started.missing.clone());
        for part in &self.ended.files {
            looked.take(stream(part, &mut *once));
        }
        for part in &self.started.files {
            // What is known of the ends must be whole before anything counts as under way.
            if looked.is_outdated {
                break;
            }
            let begun = |start| R::under_way(run, start).into_iter().for_each(&mut *once);
            looked.take(stream(part, begun));
        }
        let has_ended = || finished(&self.dir, R::TABLE).exists();
        looked.is_outdated |= !looked.unreadable.is_empty() && has_ended();
        looked
    }
}

/// What became of reading parts.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// One message for each part that could not be read.
    pub(super) unreadable: Vec<String>,
    /// Whether a part is gone, as there is another that holds its rows.
    pub(super) is_outdated: bool,
}

impl Looked {
    /// Parts of which one may be missing, before any is read.
    fn of(parts: &Listed) -> Looked {
        Looked {
            unreadable: parts.missing.iter().cloned().collect(),
            is_outdated: false,
        }
    }

    /// Takes in what became of reading a part.
    pub(super) fn take(&mut self, read: Result<(), TableError>) {
        if let Err(damage) = read {
            self.is_outdated |= is_gone(&damage);
            self.unreadable.push(damage.to_string());
        }
    }
}

fn is_gone(damage: &TableError) -> bool {
    matches!(damage, TableError::Io { source, .. } if source.kind() == ErrorKind::NotFound)
}

/// The rows of the finished `table` in `dir`, or of its parts where there is none yet, and one message
/// for each part that could not be read.
///
/// # Errors
/// A directory or a finished table that cannot be read.
pub(super) fn load<R: Row>(dir: &Path) -> Result<(Vec<R>, Vec<String>), ResultsError> {
    let mut looks = 0;
    loop {
        let parts = parts(dir, R::TABLE)?;
        let finished = finished(dir, R::TABLE);
        // Parts beside the finished table are what an interrupted end left behind.
        if finished.exists() {
            return Ok((read_all(&finished)?, Vec::new()));
        }
        let (mut rows, mut looked) = (Vec::new(), Looked::of(&parts));
        for part in parts.files {
            looked.take(read_all(&part).map(|read| rows.extend(read)));
        }
        looked.is_outdated |= !looked.unreadable.is_empty() && finished.exists();
        looks += 1;
        if !looked.is_outdated || looks == MOST_LOOKS {
            return Ok((rows, looked.unreadable));
        }
    }
}

/// The finished file of `table` in `dir`.
pub(super) fn finished(dir: &Path, table: &str) -> PathBuf {
    dir.join(format!("{table}.parquet"))
}

/// The parts of `table` in `dir`.
///
/// # Errors
/// A directory that cannot be read.
pub(super) fn parts(dir: &Path, table: &str) -> Result<Listed, ResultsError> {
    list(dir, table).map_err(|source| ResultsError::Io {
        path: dir.display().to_string(),
        source,
    })
}

/// Hands each row of the file `path` to `each`, without holding them all.
///
/// # Errors
/// A file that cannot be read; rows before the damage have been handed on.
pub(super) fn stream<R: Row>(path: &Path, mut each: impl FnMut(R)) -> Result<(), TableError> {
    let mut reader = Reader::<R>::open_with(path, STREAM_ROWS)?;
    while let Some(rows) = reader.next_rows()? {
        rows.into_iter().for_each(&mut each);
    }
    Ok(())
}

fn hash(of: impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(of)
}

impl Ends for RequestRow {
    fn key(&self) -> u64 {
        hash((&self.session_id, self.copy, self.turn))
    }

    fn under_way(run: &RunManifest, start: StartedRow) -> Option<RequestRow> {
        Some(request_under_way(run, start))
    }
}

impl Ends for SessionRow {
    fn key(&self) -> u64 {
        hash((&self.session_id, self.copy))
    }

    fn under_way(run: &RunManifest, start: StartedRow) -> Option<SessionRow> {
        let planned_start_ns = start.planned_start_ns?;
        Some(SessionRow {
            run_id: run.run_id.clone(),
            wire_session_id: run.wire_session_id(&start.session_id, start.copy),
            trace_id: trace_id(&run.run_id, &start.session_id, start.copy),
            session_id: start.session_id,
            copy: start.copy,
            user: start.user,
            planned_start_at: at(run, planned_start_ns),
            planned_start_ns,
            started_ns: Some(start.started_ns),
            end: SessionEnd::Interrupted,
            ..SessionRow::default()
        })
    }
}

/// The wall-clock instant of `ns` after the run's epoch.
fn at(run: &RunManifest, ns: i64) -> UtcInstant {
    UtcInstant(run.epoch.realtime_ns.saturating_add(ns))
}

/// The request row of a turn of which nothing but its start is known.
fn request_under_way(run: &RunManifest, start: StartedRow) -> RequestRow {
    let wire_session_id = run.wire_session_id(&start.session_id, start.copy);
    RequestRow {
        run_id: run.run_id.clone(),
        session_id: start.session_id,
        copy: start.copy,
        turn: start.turn,
        wire_session_id,
        user: start.user,
        intended_start_at: at(run, start.intended_start_ns),
        intended_start_ns: start.intended_start_ns,
        // Its end of speech is unknown, and so it takes no part in latencies; its phase has no effect then.
        phase: Phase::Steady,
        started_ns: Some(start.started_ns),
        status: Status::Interrupted,
        ..RequestRow::default()
    }
}
