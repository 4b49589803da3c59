//! Writes a run directory while the run goes on: nothing that was closed is lost by a crash.
//!
//! Tables grow as parts (`requests-00001.parquet`, …), written under a temporary name and renamed
//! when whole. At the end they become one sorted table; [`super::reader`] reads either.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::ResultsError;
use super::manifest::RunManifest;
use super::row::{MessageRow, RequestRow, StartedRow, TimelineRow};
use crate::table::{ROW_GROUP_ROWS, Reader, Row, TableError, Writer, write_all};

/// Version of the tables, in each file's key-values.
const SCHEMA_VERSION: &str = "1.0";
/// Parts that are merged at a time, well below the usual limit of open files.
const MERGE_WAYS: usize = 64;
/// Rows read ahead from each part while merging.
const MERGE_BATCH_ROWS: usize = 256;
/// Rows of a table that are held before a part is closed early.
const PART_ROWS: usize = 64 * 1024;

/// A row that has an order in its finished table.
trait Ordered: Row {
    fn key(&self) -> (i64, u32);
}

impl Ordered for RequestRow {
    fn key(&self) -> (i64, u32) {
        (self.intended_start_ns, self.turn)
    }
}

impl Ordered for TimelineRow {
    fn key(&self) -> (i64, u32) {
        (self.second_ns, 0)
    }
}

impl Ordered for MessageRow {
    fn key(&self) -> (i64, u32) {
        let at_ns = self.sent_ns.or(self.received_ns);
        (at_ns.unwrap_or_default(), self.seq)
    }
}

/// One table that grows by parts.
struct Parts<R> {
    dir: PathBuf,
    notes: Vec<(String, String)>,
    rows: Vec<R>,
    closed: Vec<PathBuf>,
    made: usize,
}

impl<R: Row> Parts<R> {
    fn new(dir: &Path, notes: &[(String, String)]) -> Self {
        Parts {
            dir: dir.to_owned(),
            notes: notes.to_vec(),
            rows: Vec::new(),
            closed: Vec::new(),
            made: 0,
        }
    }

    fn push(&mut self, row: R, sort: impl Fn(&mut [R])) -> Result<(), TableError> {
        self.rows.push(row);
        if self.rows.len() >= PART_ROWS {
            self.close(sort)?;
        }
        Ok(())
    }

    /// Closes a part, if there is anything for it. Rows stay in memory until it is whole.
    fn close(&mut self, sort: impl Fn(&mut [R])) -> Result<(), TableError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        sort(&mut self.rows);
        let path = self.next_part();
        let temporary = path.with_extension("tmp");
        write_all(&temporary, ROW_GROUP_ROWS, &self.notes, &self.rows)?;
        rename(&temporary, &path)?;
        self.rows.clear();
        self.closed.push(path);
        Ok(())
    }

    fn next_part(&mut self) -> PathBuf {
        self.made += 1;
        self.dir
            .join(format!("{}-{:05}.parquet", R::TABLE, self.made))
    }

    fn remove(&mut self) -> Result<(), TableError> {
        for part in self.closed.drain(..) {
            fs::remove_file(&part).map_err(|source| TableError::Io {
                path: part.display().to_string(),
                source,
            })?;
        }
        Ok(())
    }
}

impl<R: Ordered> Parts<R> {
    fn push_sorted(&mut self, row: R) -> Result<(), TableError> {
        self.push(row, |rows| rows.sort_by_key(Ordered::key))
    }

    fn close_sorted(&mut self) -> Result<(), TableError> {
        self.close(|rows| rows.sort_by_key(Ordered::key))
    }

    /// Makes one table of all parts and removes them.
    fn finish(&mut self) -> Result<(), TableError> {
        self.close_sorted()?;
        let whole = self.dir.join(format!("{}.parquet", R::TABLE));
        let temporary = whole.with_extension("tmp");
        let mut level = self.closed.clone();
        while level.len() > MERGE_WAYS {
            let mut merged = Vec::new();
            for (k, group) in level.chunks(MERGE_WAYS).enumerate() {
                let name = format!("{}-merge-{}-{k}.tmp", R::TABLE, level.len());
                let path = self.dir.join(name);
                merge::<R>(group, &path, &self.notes)?;
                merged.push(path);
            }
            // What was merged before this pass was only a stage; the parts stay until the end.
            for stage in level.iter().filter(|path| !self.closed.contains(path)) {
                let _ = fs::remove_file(stage);
            }
            level = merged;
        }
        merge::<R>(&level, &temporary, &self.notes)?;
        rename(&temporary, &whole)?;
        for stage in level.iter().filter(|path| !self.closed.contains(path)) {
            let _ = fs::remove_file(stage);
        }
        self.remove()
    }
}

/// Merges sorted files into one.
fn merge<R: Ordered>(
    parts: &[PathBuf],
    to: &Path,
    notes: &[(String, String)],
) -> Result<(), TableError> {
    let mut readers = Vec::new();
    let mut heads: Vec<std::vec::IntoIter<R>> = Vec::new();
    let mut next = BinaryHeap::new();
    let mut waiting: Vec<Option<R>> = Vec::new();
    for part in parts {
        readers.push(Reader::<R>::open_with(part, MERGE_BATCH_ROWS)?);
        heads.push(Vec::new().into_iter());
        waiting.push(None);
    }
    let mut pull = |k: usize| -> Result<Option<R>, TableError> {
        loop {
            if let Some(row) = heads[k].next() {
                return Ok(Some(row));
            }
            match readers[k].next_rows()? {
                Some(rows) => heads[k] = rows.into_iter(),
                None => return Ok(None),
            }
        }
    };
    for (k, slot) in waiting.iter_mut().enumerate() {
        *slot = pull(k)?;
        if let Some(row) = slot {
            next.push(Reverse((row.key(), k)));
        }
    }
    let mut writer = Writer::create(to, ROW_GROUP_ROWS, notes)?;
    let mut out = Vec::new();
    while let Some(Reverse((_, k))) = next.pop() {
        out.extend(waiting[k].take());
        waiting[k] = pull(k)?;
        if let Some(row) = &waiting[k] {
            next.push(Reverse((row.key(), k)));
        }
        if out.len() >= 8192 {
            writer.write(&out)?;
            out.clear();
        }
    }
    writer.write(&out)?;
    writer.close()
}

fn rename(from: &Path, to: &Path) -> Result<(), TableError> {
    fs::rename(from, to).map_err(|source| TableError::Io {
        path: to.display().to_string(),
        source,
    })
}

/// A run directory being written.
pub struct RunWriter {
    requests: Parts<RequestRow>,
    started: Parts<StartedRow>,
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
            timeline: Parts::new(dir, &notes),
            messages: messages.then(|| Parts::new(dir, &notes)),
        })
    }

    /// A turn ended.
    ///
    /// # Errors
    /// The system's, when a part had to be closed.
    pub fn request(&mut self, row: RequestRow) -> Result<(), ResultsError> {
        Ok(self.requests.push_sorted(row)?)
    }

    /// A turn started.
    ///
    /// # Errors
    /// As for [`RunWriter::request`].
    pub fn started(&mut self, row: StartedRow) -> Result<(), ResultsError> {
        Ok(self.started.push(row, |_| {})?)
    }

    /// A second has passed.
    ///
    /// # Errors
    /// As for [`RunWriter::request`].
    pub fn second(&mut self, row: TimelineRow) -> Result<(), ResultsError> {
        Ok(self.timeline.push_sorted(row)?)
    }

    /// A message was sent or received; dropped unless messages are kept.
    ///
    /// # Errors
    /// As for [`RunWriter::request`].
    pub fn message(&mut self, row: MessageRow) -> Result<(), ResultsError> {
        match &mut self.messages {
            Some(parts) => Ok(parts.push_sorted(row)?),
            None => Ok(()),
        }
    }

    /// Closes a part of each table that has rows; called every few seconds.
    ///
    /// # Errors
    /// The system's; the rows stay in memory and go into the next part.
    pub fn close_parts(&mut self) -> Result<(), ResultsError> {
        self.started.close(|_| {})?;
        self.requests.close_sorted()?;
        self.timeline.close_sorted()?;
        if let Some(messages) = &mut self.messages {
            messages.close_sorted()?;
        }
        Ok(())
    }

    /// Makes one table of each one's parts. `run.json` is still that of a running run.
    ///
    /// # Errors
    /// The system's; what was written stays readable.
    pub fn merge(&mut self) -> Result<(), ResultsError> {
        self.requests.finish()?;
        self.timeline.finish()?;
        if let Some(messages) = &mut self.messages {
            messages.finish()?;
        }
        self.started.rows.clear();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::reader::RunDir;
    use crate::results::sample::{manifest, row, second};

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
        // More parts than are merged at a time, so that there is more than one pass.
        let count = MERGE_WAYS as u32 * 2 + 3;
        for n in 0..count {
            let at_ns = i64::from((n * 37) % count);
            writer.request(row_at(n, at_ns)).unwrap();
            writer.second(second(i64::from(n))).unwrap();
            writer.close_parts().unwrap();
        }
        let run = RunDir::open(&dir).unwrap();
        assert_eq!(run.requests().unwrap().rows.len(), count as usize);
        writer.merge().unwrap();
        let rows = run.requests().unwrap().rows;
        let at: Vec<i64> = rows.iter().map(|row| row.intended_start_ns).collect();
        assert_eq!(at, (0..i64::from(count)).collect::<Vec<_>>());
        let mut left: Vec<_> = fs::read_dir(&dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["requests.parquet", "run.json", "timeline.parquet"]);
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
