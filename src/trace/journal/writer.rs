//! Appends to a journal. What was committed is never touched again, whatever fails afterwards.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use arrow_ipc::writer::StreamWriter;

use super::sum::{Passed, Sum, audio_sum};
use super::{JOURNAL_FILE, JOURNAL_FORMAT, JournalRow, PCM_FILE, Recording, schema_of};
use crate::table::to_batch;
use crate::trace::TraceError;
use crate::trace::lock::Lock;
use crate::trace::staging::{parent, sibling, sync_folder};

/// Most rows in a batch, so that a reader needs little memory for one.
pub(super) const BATCH_ROWS: usize = 64 * 1024;
/// Text in a batch after which no further row is put into it.
const BATCH_TEXT_BYTES: usize = 16 << 20;

/// A file that a journal is appended to.
pub trait JournalFile: Write {
    /// Waits until all that was written is on the disk.
    ///
    /// # Errors
    /// The system's.
    fn sync(&mut self) -> io::Result<()>;

    /// Drops what lies behind the first `bytes`; the next write goes there.
    ///
    /// # Errors
    /// The system's.
    fn cut(&mut self, bytes: u64) -> io::Result<()>;
}

/// Opened to append.
impl JournalFile for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }
}

/// A journal that is being written. Rows and their audio wait in memory until they are committed;
/// the journal's files stay locked as long as this lives.
pub struct JournalWriter<F = File> {
    /// Encodes into memory, so that a batch is written whole or cut off whole.
    encoder: StreamWriter<Vec<u8>>,
    recording: Recording,
    /// What the committed batches hold.
    passed: Passed,
    journal: Appended<F>,
    pcm: Appended<F>,
    rows: Vec<JournalRow>,
    waiting_pcm: Vec<u8>,
    waiting_text_bytes: usize,
    _lock: Option<Lock>,
}

impl JournalWriter<File> {
    /// Makes the folder `place` with an empty journal in it. It appears with its first batch, the
    /// schema, so that it can be read from the beginning.
    ///
    /// # Errors
    /// A place that is taken, or the system's.
    pub fn create(place: &Path, recording: &Recording) -> Result<JournalWriter, TraceError> {
        let begun = sibling(place, "begun");
        if place.symlink_metadata().is_ok() {
            return Err(TraceError::Exists {
                path: place.display().to_string(),
            });
        }
        match fs::remove_dir_all(&begun) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(TraceError::io(&begun, e)),
            _ => fs::create_dir_all(&begun).map_err(|e| TraceError::no_place(parent(place), e))?,
        }
        let open = |name| {
            let path = begun.join(name);
            let file = OpenOptions::new().append(true).create_new(true).open(&path);
            file.map_err(|e| TraceError::io(&path, e))
        };
        let (journal, pcm) = (open(JOURNAL_FILE)?, open(PCM_FILE)?);
        let failed = |e: io::Error| TraceError::io(&begun, e);
        let locked = journal.try_clone().map_err(failed)?;
        let lock = Lock::take(locked).map_err(|e| failed(e.into()))?;
        let mut writer = JournalWriter::begin(journal, pcm, recording).map_err(failed)?;
        writer._lock = Some(lock);
        sync_folder(&begun)?;
        fs::rename(&begun, place).map_err(|e| TraceError::io(place, e))?;
        match place.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent)?,
            _ => sync_folder(Path::new("."))?,
        }
        Ok(writer)
    }
}

impl<F: JournalFile> JournalWriter<F> {
    /// Begins a journal in two empty files: writes and syncs its schema.
    ///
    /// # Errors
    /// The files'.
    pub fn begin(journal: F, pcm: F, recording: &Recording) -> io::Result<JournalWriter<F>> {
        let schema = schema_of(recording)?;
        let encoder = StreamWriter::try_new(Vec::new(), &schema).map_err(io::Error::other)?;
        let mut writer = JournalWriter {
            encoder,
            recording: recording.clone(),
            passed: Passed::default(),
            journal: Appended::to(journal),
            pcm: Appended::to(pcm),
            rows: Vec::new(),
            waiting_pcm: Vec::new(),
            waiting_text_bytes: 0,
            _lock: None,
        };
        writer.journal.append(writer.encoder.get_ref())?;
        writer.encoder.get_mut().clear();
        writer.journal.keep();
        Ok(writer)
    }

    /// Takes in a row, and the audio that is to be kept of it. Its `offset` and `audio_sum` are set
    /// here.
    pub fn append(&mut self, mut row: JournalRow, pcm: Option<&[u8]>) {
        row.audio_sum = pcm.map(audio_sum);
        row.offset = pcm.map(|pcm| {
            let offset = self.pcm.kept + self.waiting_pcm.len() as u64;
            self.waiting_pcm.extend_from_slice(pcm);
            offset
        });
        self.waiting_text_bytes += row.text.as_ref().map_or(0, String::len);
        self.rows.push(row);
    }

    /// Rows that wait to be committed.
    #[must_use]
    pub fn waiting_rows(&self) -> usize {
        self.rows.len()
    }

    /// Bytes of audio and text that wait to be committed.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.waiting_pcm.len() + self.waiting_text_bytes
    }

    /// Bytes of both files that are committed.
    #[must_use]
    pub fn committed_bytes(&self) -> u64 {
        self.journal.kept + self.pcm.kept
    }

    /// Puts what waits on the disk: the audio, and only then the rows that tell of it.
    ///
    /// # Errors
    /// What the files say, and how many rows are lost with it: all that waited. The journal is as it
    /// was before, and the next commit starts from there.
    pub fn commit(&mut self) -> Result<(), TraceError> {
        let waiting = std::mem::take(&mut self.rows);
        let rows = waiting.len();
        let committed = self.write(waiting);
        self.waiting_pcm.clear();
        self.waiting_text_bytes = 0;
        self.encoder.get_mut().clear();
        match committed {
            Ok(passed) => {
                self.pcm.keep();
                self.journal.keep();
                self.passed = passed;
                Ok(())
            }
            Err(source) => {
                // Where this fails, the next commit tries again before it writes.
                let _ = self.journal.cut().and_then(|()| self.pcm.cut());
                Err(TraceError::Lost { rows, source })
            }
        }
    }

    /// What the batches hold with these rows.
    fn write(&mut self, mut rows: Vec<JournalRow>) -> io::Result<Passed> {
        let mut passed = self.passed;
        if rows.is_empty() {
            return Ok(passed);
        }
        self.journal.cut()?;
        self.pcm.cut()?;
        if !self.waiting_pcm.is_empty() {
            self.pcm.append(&self.waiting_pcm)?;
        }
        while !rows.is_empty() {
            let rest = rows.split_off(of_a_batch(&rows));
            let sum = Sum {
                format: JOURNAL_FORMAT.to_owned(),
                at: self.journal.kept + self.encoder.get_ref().len() as u64,
                before: passed,
                recording: self.recording.clone(),
            };
            rows.iter().for_each(|row| passed.add(row));
            rows.push(sum.row(&rows)?);
            let encoded = self.encoder.write(&to_batch(&rows));
            encoded.map_err(io::Error::other)?;
            rows = rest;
        }
        self.journal.append(self.encoder.get_ref())?;
        Ok(passed)
    }
}

/// How many of `rows` go into the next batch.
fn of_a_batch(rows: &[JournalRow]) -> usize {
    let mut text_bytes = 0;
    let fits = |row: &&JournalRow| {
        let is_room = text_bytes < BATCH_TEXT_BYTES;
        text_bytes += row.text.as_ref().map_or(0, String::len);
        is_room
    };
    rows.iter().take(BATCH_ROWS).take_while(fits).count()
}

/// A file and how much of it counts.
struct Appended<F> {
    file: F,
    /// Bytes that are committed.
    kept: u64,
    /// Bytes that are, or may be, in the file.
    written: u64,
}

impl<F: JournalFile> Appended<F> {
    fn to(file: F) -> Appended<F> {
        Appended {
            file,
            kept: 0,
            written: 0,
        }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.file.write_all(bytes)?;
        self.file.sync()
    }

    /// What was written counts.
    fn keep(&mut self) {
        self.kept = self.written;
    }

    /// What was written since does not count.
    fn cut(&mut self) -> io::Result<()> {
        if self.written != self.kept {
            self.file.cut(self.kept)?;
            self.written = self.kept;
        }
        Ok(())
    }
}
