//! The journal of a recording: what calls did, appended as they do it, readable after a crash.
//!
//! While a recording goes on, its folder holds two files. `journal.arrows` is a stream of Arrow
//! batches with one row per message of the calls; its schema's metadata says what the recording is
//! ([`Recording`]) and in which format. `journal.pcm` is the audio of all calls, end to end; a row
//! says where its own is. Four times a second the audio is synced, then a batch is written, then the
//! stream is synced (`writer`). Each batch ends in a row of kind `sum`, which no caller sees: a hash
//! of the other rows, and what the batches before it hold (`sum`). By it damage is noticed, and a
//! reader goes on with the next whole batch behind it (`reader`).

mod message;
mod reader;
mod row;
mod sum;
#[cfg(test)]
mod tests;
mod writer;

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use arrow_schema::{Schema, SchemaRef};

pub use reader::{Batch, Gap, JournalReader};
pub use row::{JournalKind, JournalRow, Recording};
pub use sum::{Passed, audio_sum};
pub use writer::{JournalFile, JournalWriter};

use super::TraceError;
use crate::table::Row;

/// The stream of rows, in the recording's folder.
pub const JOURNAL_FILE: &str = "journal.arrows";
/// The audio, in the recording's folder.
pub const PCM_FILE: &str = "journal.pcm";
/// The version of the journal's format; a reader accepts no newer major version.
pub const JOURNAL_FORMAT: &str = "2.0";

/// The schema's key for [`JOURNAL_FORMAT`].
const FORMAT_KEY: &str = "voicelt.journal_format";
/// The schema's key for the [`Recording`], as JSON.
const RECORDING_KEY: &str = "voicelt.recording";

/// Whether the folder `dir` holds a journal, or what is left of one.
#[must_use]
pub fn has_journal(dir: &Path) -> bool {
    [JOURNAL_FILE, PCM_FILE]
        .iter()
        .any(|name| dir.join(name).is_file())
}

/// Opens the rows of the journal in the folder `dir`.
///
/// # Errors
/// A folder without them, or the system's.
pub(super) fn open_rows(dir: &Path) -> Result<File, TraceError> {
    let path = dir.join(JOURNAL_FILE);
    File::open(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => match dir.join(PCM_FILE).is_file() {
            true => TraceError::NoRows(path.display().to_string()),
            false => TraceError::NoJournal(dir.display().to_string()),
        },
        _ => TraceError::io(&path, error),
    })
}

/// The schema of the stream, with the format and `recording` in its metadata.
fn schema_of(recording: &Recording) -> serde_json::Result<SchemaRef> {
    let metadata = [
        (FORMAT_KEY.to_owned(), JOURNAL_FORMAT.to_owned()),
        (RECORDING_KEY.to_owned(), serde_json::to_string(recording)?),
    ];
    let fields = JournalRow::schema().fields().clone();
    Ok(Schema::new_with_metadata(fields, metadata).into())
}
