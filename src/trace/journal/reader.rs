//! Reads what there is of a journal, whatever became of it: cut off, blank, overwritten, or with a
//! piece missing. Behind damage it goes on with the next batch that is whole.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::read_record_batch;
use arrow_schema::{DataType, Schema, SchemaRef};

use super::message::{Stream, Whole};
use super::sum::{Fits, Passed, fits};
use super::writer::BATCH_ROWS;
use super::{
    FORMAT_KEY, JOURNAL_FILE, JOURNAL_FORMAT, JournalKind, JournalRow, RECORDING_KEY, Recording,
    open_rows,
};
use crate::fence::fenced;
use crate::table::{Row, from_batch};
use crate::trace::TraceError;
use crate::trace::manifest::refuse_newer_than;

/// The rows that were committed together.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Where in the stream it begins, for [`JournalReader::batch_at`].
    pub at: u64,
    /// Its rows.
    pub rows: Vec<JournalRow>,
    /// What is missing between it and the batch before it.
    pub gap: Option<Gap>,
}

/// A stretch of the stream that holds no whole batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Its bytes, as far as they are known.
    pub bytes: u64,
    /// What it held; unknown before format 2.0.
    pub held: Option<Passed>,
}

/// A journal that is read batch by batch.
#[derive(Debug)]
pub struct JournalReader {
    path: PathBuf,
    stream: Stream,
    schema: SchemaRef,
    recording: Recording,
    /// Where the next batch is, if none is missing.
    at: u64,
    /// Where it began when it was written.
    next_at: u64,
    /// Where the last one that was read is, and where it began when it was written.
    last: Option<[u64; 2]>,
    /// What the batches that were read hold, with what those that are missing held.
    passed: Passed,
}

/// A whole batch, and where what follows it begins.
struct Found {
    rows: Vec<JournalRow>,
    sum: Fits,
    at: u64,
    end: u64,
}

impl JournalReader {
    /// Opens the journal in the folder `dir`. What is recorded stands at its beginning, and since
    /// format 2.0 in every batch, so that a damaged beginning costs nothing.
    ///
    /// # Errors
    /// A folder without a journal, a journal that does not say what is recorded, or a newer format.
    pub fn open(dir: &Path) -> Result<JournalReader, TraceError> {
        let path = dir.join(JOURNAL_FILE);
        let file = open_rows(dir)?;
        let stream = Stream::new(file).map_err(|e| TraceError::io(&path, e))?;
        let head = stream.schema().map_err(|e| TraceError::io(&path, e))?;
        let begun = begun(&path, head.as_ref());
        let (schema, at) = match (&begun, &head) {
            (Ok((schema, _)), Some(head)) => (schema.clone(), head.end),
            _ => (JournalRow::schema(), 0),
        };
        let mut reader = JournalReader {
            stream,
            schema,
            recording: Recording::default(),
            at,
            next_at: at,
            last: None,
            passed: Passed::default(),
            path,
        };
        let first = reader.find()?;
        reader.recording = match (first.map(|first| first.sum), begun) {
            (Some(Fits::Whole(sum)), _) => {
                refuse_newer_than(JOURNAL_FORMAT, &reader.path, &sum.format)?;
                sum.recording
            }
            (_, begun) => begun?.1,
        };
        Ok(reader)
    }

    /// What was recorded.
    #[must_use]
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// Bytes of the stream behind the last batch that was read: after the end, those that hold none.
    #[must_use]
    pub fn bytes_left(&self) -> u64 {
        self.stream.bytes().saturating_sub(self.at)
    }

    /// The next whole batch, and what is missing before it; `None` where there is no further one.
    ///
    /// # Errors
    /// The system's.
    pub fn next_batch(&mut self) -> Result<Option<Batch>, TraceError> {
        let Some(found) = self.find()? else {
            return Ok(None);
        };
        let (at, before) = match &found.sum {
            Fits::Whole(sum) => (sum.at, Some(sum.before)),
            Fits::Here => (found.at, None),
        };
        // As they were written and as they are: bytes may be overwritten, or gone.
        let bytes = [
            at.saturating_sub(self.next_at),
            found.at.saturating_sub(self.at),
        ];
        let bytes = bytes.into_iter().max().unwrap_or(0);
        let gap = (bytes > 0).then(|| Gap {
            bytes,
            held: before.map(|before| before.since(self.passed)),
        });
        self.passed = before.unwrap_or(self.passed);
        found.rows.iter().for_each(|row| self.passed.add(row));
        self.next_at = at + (found.end - found.at);
        self.at = found.end;
        self.last = Some([found.at, at]);
        Ok(Some(Batch {
            at: found.at,
            rows: found.rows,
            gap,
        }))
    }

    /// The rows of the batch at `at`, as one that was read said.
    ///
    /// # Errors
    /// The system's, or a journal that was changed meanwhile.
    pub fn batch_at(&self, at: u64) -> Result<Vec<JournalRow>, TraceError> {
        let found = self.look(at)?.ok_or_else(|| TraceError::Journal {
            path: self.path.display().to_string(),
            reason: format!("what is at byte {at} changed while it was read"),
        })?;
        Ok(found.rows)
    }

    /// The next whole batch: where it ought to be, or else the first that was written behind the last
    /// one that was read, and lies behind its beginning: its length may be what is damaged. One that
    /// was written before is there a second time.
    fn find(&self) -> Result<Option<Found>, TraceError> {
        let mut place = Some(self.at);
        let mut next = self.last.map_or(0, |[at, _]| at);
        while let Some(at) = place {
            if let Some(found) = self.look(at)? {
                let is_behind = match (&found.sum, self.last) {
                    (Fits::Whole(sum), Some([_, last])) => sum.at > last,
                    _ => true,
                };
                if is_behind {
                    return Ok(Some(found));
                }
            }
            place = self
                .stream
                .next_place(next + 1)
                .map_err(|e| TraceError::io(&self.path, e))?;
            next = place.unwrap_or(next);
        }
        Ok(None)
    }

    /// The batch that begins at `at`, if there is one whose sum agrees.
    fn look(&self, at: u64) -> Result<Option<Found>, TraceError> {
        let message = self.stream.batch(at, &self.schema, BATCH_ROWS + 1);
        let Some(message) = message.map_err(|e| TraceError::io(&self.path, e))? else {
            return Ok(None);
        };
        Ok(self.rows(&message, at).map(|(rows, sum)| Found {
            rows,
            sum,
            at,
            end: message.end,
        }))
    }

    fn rows(&self, message: &Whole, at: u64) -> Option<(Vec<JournalRow>, Fits)> {
        let batch = self.decode(message)?;
        let mut rows: Vec<JournalRow> = from_batch(&batch).ok()?;
        let sum = fits(&rows.pop()?, &rows, at)?;
        let is_sum = |row: &JournalRow| row.kind == JournalKind::Sum;
        (!rows.iter().any(is_sum)).then_some((rows, sum))
    }

    fn decode(&self, message: &Whole) -> Option<RecordBatch> {
        // The header was checked; what the library does not foresee all the same is damage, too.
        fenced(|| {
            let header = message.header()?;
            let batch = header.header_as_record_batch()?;
            let (schema, none) = (self.schema.clone(), HashMap::new());
            let version = header.version();
            read_record_batch(&message.body, batch, schema, &none, None, &version).ok()
        })?
    }
}

/// What the beginning says: the columns, and what is recorded.
fn begun(path: &Path, head: Option<&Whole>) -> Result<(SchemaRef, Recording), TraceError> {
    let damaged = |reason: &str| TraceError::Journal {
        path: path.display().to_string(),
        reason: reason.to_owned(),
    };
    let head = head.ok_or_else(|| damaged("it does not begin with a whole schema"))?;
    let found = schema(head).ok_or_else(|| damaged("its schema cannot be read"))?;
    let note = |key: &str| found.metadata().get(key).map_or("", String::as_str);
    refuse_newer_than(JOURNAL_FORMAT, path, note(FORMAT_KEY))?;
    let own = JournalRow::schema();
    let first: Schema = Schema::new(&own.fields()[..own.fields().len() - 1]);
    // The first format had no sums of the audio, which are the last column. Batches are read by
    // columns of ours, whatever else is damaged in those of the file.
    let known = [own, first.into()];
    let schema = known.into_iter().find(|own| shape(own) == shape(&found));
    let schema = schema.ok_or_else(|| damaged("its columns are not those of a journal"))?;
    let recording = serde_json::from_str(note(RECORDING_KEY));
    let recording = recording.map_err(|e| damaged(&e.to_string()))?;
    Ok((schema, recording))
}

fn schema(message: &Whole) -> Option<Schema> {
    fenced(|| try_fb_to_schema(message.header()?.header_as_schema()?).ok())?
}

/// Names and types of the columns.
fn shape(schema: &Schema) -> Vec<(&str, &DataType)> {
    let fields = schema.fields().iter();
    fields.map(|f| (f.name().as_str(), f.data_type())).collect()
}
