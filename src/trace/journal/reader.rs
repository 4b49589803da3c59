//! Reads what there is of a journal, whatever became of its end: cut off, blank, or anything else.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::read_record_batch;
use arrow_schema::{Schema, SchemaRef};

use super::message::{Stream, Whole};
use super::{
    FORMAT_KEY, JOURNAL_FILE, JournalKind, JournalRow, PCM_FILE, RECORDING_KEY, Recording, sum_of,
};
use crate::table::{Row, from_batch};
use crate::trace::TraceError;
use crate::trace::manifest::refuse_newer;

/// The rows that were committed together.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Where in the stream it begins, for [`JournalReader::go_to`].
    pub at: u64,
    /// Its rows.
    pub rows: Vec<JournalRow>,
}

/// A journal that is read batch by batch, to the end of the last whole one.
#[derive(Debug)]
pub struct JournalReader {
    path: PathBuf,
    stream: Stream,
    schema: SchemaRef,
    recording: Recording,
    /// Bytes of audio that are there.
    pcm_bytes: u64,
    /// Where the next batch begins.
    at: u64,
}

impl JournalReader {
    /// Opens the journal in the folder `dir`.
    ///
    /// # Errors
    /// A folder without a journal, a journal whose beginning is damaged, or a newer format.
    pub fn open(dir: &Path) -> Result<JournalReader, TraceError> {
        let path = dir.join(JOURNAL_FILE);
        let file = match File::open(&path) {
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(TraceError::NoJournal(dir.display().to_string()));
            }
            opened => opened.map_err(|e| TraceError::io(&path, e))?,
        };
        let stream = Stream::new(file).map_err(|e| TraceError::io(&path, e))?;
        let first = stream.message(0).map_err(|e| TraceError::io(&path, e))?;
        let damaged = |reason: &str| TraceError::Journal {
            path: path.display().to_string(),
            reason: reason.to_owned(),
        };
        let first = first.ok_or_else(|| damaged("it does not begin with a whole schema"))?;
        let schema = schema(&first).ok_or_else(|| damaged("its schema cannot be read"))?;
        let note = |key: &str| schema.metadata().get(key).map_or("", String::as_str);
        refuse_newer(&path, note(FORMAT_KEY))?;
        if shape(&schema) != shape(&JournalRow::schema()) {
            return Err(damaged("its columns are not those of a journal"));
        }
        let recording = serde_json::from_str(note(RECORDING_KEY));
        let recording = recording.map_err(|e| damaged(&e.to_string()))?;
        // A recording that keeps no audio can do without the file.
        let pcm = fs::metadata(dir.join(PCM_FILE));
        Ok(JournalReader {
            stream,
            schema: schema.into(),
            recording,
            pcm_bytes: pcm.map_or(0, |pcm| pcm.len()),
            at: first.end,
            path,
        })
    }

    /// What was recorded.
    #[must_use]
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// Bytes of the stream behind the last batch that was read: after the end, those that are lost.
    #[must_use]
    pub fn bytes_left(&self) -> u64 {
        self.stream.bytes().saturating_sub(self.at)
    }

    /// Goes to the batch that begins at `at`, as one that was read said.
    pub fn go_to(&mut self, at: u64) {
        self.at = at;
    }

    /// The next batch; `None` where there is no further whole one whose audio is there.
    ///
    /// # Errors
    /// The system's.
    pub fn next_batch(&mut self) -> Result<Option<Batch>, TraceError> {
        let message = self.stream.message(self.at);
        let Some(message) = message.map_err(|e| TraceError::io(&self.path, e))? else {
            return Ok(None);
        };
        let Some(rows) = self.rows(&message) else {
            return Ok(None);
        };
        let batch = Batch { at: self.at, rows };
        self.at = message.end;
        Ok(Some(batch))
    }

    /// The rows of a batch, if its sum agrees and its audio is there.
    fn rows(&self, message: &Whole) -> Option<Vec<JournalRow>> {
        let batch = self.decode(message)?;
        let mut rows: Vec<JournalRow> = from_batch(&batch).ok()?;
        let sum = rows.pop()?;
        let has_its_audio = |row: &JournalRow| {
            let end = row
                .offset
                .map(|offset| offset.checked_add(row.bytes.into()));
            end.is_none_or(|end| end.is_some_and(|end| end <= self.pcm_bytes))
        };
        let is_whole = sum == sum_of(&rows, self.at) && rows.iter().all(has_its_audio);
        let is_sum = |row: &JournalRow| row.kind == JournalKind::Sum;
        (is_whole && !rows.iter().any(is_sum)).then_some(rows)
    }

    fn decode(&self, message: &Whole) -> Option<RecordBatch> {
        // Damage that the library did not foresee may make it panic; it is damage all the same.
        let decode = || {
            let header = message.header()?;
            let batch = header.header_as_record_batch()?;
            let (schema, none) = (self.schema.clone(), HashMap::new());
            let version = header.version();
            read_record_batch(&message.body, batch, schema, &none, None, &version).ok()
        };
        catch_unwind(AssertUnwindSafe(decode)).ok()?
    }
}

fn schema(message: &Whole) -> Option<Schema> {
    let decode = || try_fb_to_schema(message.header()?.header_as_schema()?).ok();
    catch_unwind(AssertUnwindSafe(decode)).ok()?
}

/// Names and types of the columns: where they are as expected, what a batch takes in memory is
/// bounded by its bytes in the file.
fn shape(schema: &Schema) -> Vec<(&str, &arrow_schema::DataType)> {
    let fields = schema.fields().iter();
    fields.map(|f| (f.name().as_str(), f.data_type())).collect()
}
