//! Writes a run directory while the run goes on: nothing that was closed is lost by a crash.
//!
//! Tables grow by parts (`parts`). At the end they become one sorted table; [`super::reader`] reads
//! either.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::ResultsError;
use super::manifest::RunManifest;
use super::parts::Parts;
use super::row::{MessageRow, RequestRow, ServerRow, SessionRow, StartedRow, TimelineRow};
use crate::table::{ROW_GROUP_ROWS, Row, TableError, write_all};

/// Version of the tables, in each file's key-values.
const SCHEMA_VERSION: &str = "1.0";

/// A run directory being written.
pub struct RunWriter {
    requests: Parts<RequestRow>,
    started: Parts<StartedRow>,
    sessions: Parts<SessionRow>,
    timeline: Parts<TimelineRow>,
    messages: Option<Parts<MessageRow>>,
}

impl RunWriter {
    /// Makes the directory, which must not exist or be empty, and writes `run.json`.
    ///
    /// # Errors
    /// A directory that holds something, or the system's.
    pub fn create(
        dir: &Path,
        manifest: &RunManifest,
        messages: bool,
    ) -> Result<RunWriter, ResultsError> {
        let io = |source| ResultsError::Io {
            path: dir.display().to_string(),
            source,
        };
        fs::create_dir_all(dir).map_err(|source| match source.kind() {
            ErrorKind::StorageFull => io(source),
            ErrorKind::AlreadyExists => ResultsError::NoPlace {
                path: dir.display().to_string(),
                reason: "there is a file of this name".to_owned(),
            },
            _ => ResultsError::NoPlace {
                path: dir.display().to_string(),
                reason: source.to_string(),
            },
        })?;
        if fs::read_dir(dir).map_err(io)?.next().is_some() {
            return Err(ResultsError::Taken {
                path: dir.display().to_string(),
            });
        }
        let notes = [
            (
                "voicelt.schema_version".to_owned(),
                SCHEMA_VERSION.to_owned(),
            ),
            ("voicelt.run_id".to_owned(), manifest.run_id.clone()),
            (
                "voicelt.trace_blake3".to_owned(),
                manifest.trace.content_blake3.clone(),
            ),
            (
                "voicelt.labels".to_owned(),
                serde_json::to_string(&manifest.labels).unwrap_or_default(),
            ),
        ];
        write_manifest(dir, manifest)?;
        Ok(RunWriter {
            requests: Parts::new(dir, &notes),
            started: Parts::new(dir, &notes),
            sessions: Parts::new(dir, &notes),
            timeline: Parts::new(dir, &notes),
            messages: messages.then(|| Parts::new(dir, &notes)),
        })
    }

    /// A turn ended.
    ///
    /// # Errors
    /// The system's, when a part had to be closed.
    pub fn request(&mut self, row: RequestRow) -> Result<(), ResultsError> {
        Ok(self.requests.push(row)?)
    }

    /// A turn started.
    ///
    /// # Errors
    /// As for [`RunWriter::request`].
    pub fn started(&mut self, row: StartedRow) -> Result<(), ResultsError> {
        Ok(self.started.push(row)?)
    }

    /// A session ended; its turns have.
    ///
    /// # Errors
    /// As for [`RunWriter::request`].
    pub fn session(&mut self, row: SessionRow) -> Result<(), ResultsError> {
        Ok(self.sessions.push(row)?)
    }

    /// A second has passed.
    ///
    /// # Errors
    /// As for [`RunWriter::request`].
    pub fn second(&mut self, row: TimelineRow) -> Result<(), ResultsError> {
        Ok(self.timeline.push(row)?)
    }

    /// A message was sent or received; dropped unless messages are kept.
    ///
    /// # Errors
    /// As for [`RunWriter::request`].
    pub fn message(&mut self, row: MessageRow) -> Result<(), ResultsError> {
        match &mut self.messages {
            Some(parts) => Ok(parts.push(row)?),
            None => Ok(()),
        }
    }

    /// Closes a part of each table that has rows; called every second.
    ///
    /// # Errors
    /// The system's; the rows stay in memory and go into the next part.
    pub fn close_parts(&mut self) -> Result<(), ResultsError> {
        self.started.close()?;
        self.requests.close()?;
        self.sessions.close()?;
        self.timeline.close()?;
        if let Some(messages) = &mut self.messages {
            messages.close()?;
        }
        Ok(())
    }

    /// Makes one table of each one's parts. `run.json` is still that of a running run.
    ///
    /// # Errors
    /// The system's; what was written stays readable.
    pub fn merge(&mut self) -> Result<(), ResultsError> {
        self.requests.finish()?;
        self.sessions.finish()?;
        self.timeline.finish()?;
        if let Some(messages) = &mut self.messages {
            messages.finish()?;
        }
        Ok(self.started.remove()?)
    }
}

/// Replaces `run.json` of the run directory `dir` in one step.
///
/// # Errors
/// The system's.
pub fn write_manifest(dir: &Path, manifest: &RunManifest) -> Result<(), ResultsError> {
    let path = dir.join("run.json");
    let io = |source| ResultsError::Io {
        path: path.display().to_string(),
        source,
    };
    let temporary = dir.join("run.json.tmp");
    let text = serde_json::to_vec_pretty(manifest).map_err(|e| io(e.into()))?;
    let mut file = File::create(&temporary).map_err(io)?;
    file.write_all(&text).map_err(io)?;
    file.sync_all().map_err(io)?;
    fs::rename(&temporary, &path).map_err(io)
}

/// Writes what servers measured during the run in `dir` into that.
///
/// # Errors
/// Those of the system.
pub fn write_server_rows(dir: &Path, rows: &[ServerRow]) -> Result<(), TableError> {
    let path = dir.join(format!("{}.parquet", ServerRow::TABLE));
    write_all(&path, ROW_GROUP_ROWS, &[], rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::reader::RunDir;
    use crate::results::sample::{manifest, row, second, session};

    fn row_at(n: u32, intended_start_ns: i64) -> RequestRow {
        RequestRow {
            turn: n,
            intended_start_ns,
            ..row(n)
        }
    }

    #[test]
    fn parts_are_readable_while_running_and_become_one_sorted_table() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("run");
        let mut writer = RunWriter::create(&dir, &manifest(), false).unwrap();
        let count = 40;
        for n in 0..count {
            let at_ns = i64::from((n * 37) % count);
            writer.request(row_at(n, at_ns)).unwrap();
            writer.session(session(n, at_ns)).unwrap();
            writer.second(second(i64::from(n))).unwrap();
            writer.close_parts().unwrap();
        }
        let run = RunDir::open(&dir).unwrap();
        assert_eq!(run.requests().unwrap().rows.len(), count as usize);
        writer.merge().unwrap();
        let rows = run.requests().unwrap().rows;
        let at: Vec<i64> = rows.iter().map(|row| row.intended_start_ns).collect();
        assert_eq!(at, (0..i64::from(count)).collect::<Vec<_>>());
        let sessions = run.sessions().unwrap().rows;
        let at: Vec<i64> = sessions.iter().map(|row| row.planned_start_ns).collect();
        assert_eq!(at, (0..i64::from(count)).collect::<Vec<_>>());
        let mut left: Vec<_> = fs::read_dir(&dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(
            left,
            [
                "requests.parquet",
                "run.json",
                "sessions.parquet",
                "timeline.parquet"
            ]
        );
    }

    #[test]
    fn a_run_is_never_overwritten() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("run");
        drop(RunWriter::create(&dir, &manifest(), false).unwrap());
        let again = RunWriter::create(&dir, &manifest(), false);
        assert!(matches!(again, Err(ResultsError::Taken { .. })));
    }
}
