//! The journal of a recording: what calls did, appended as they do it, readable after a crash.
//!
//! While a recording goes on, its folder holds two files. `journal.arrows` is a stream of Arrow
//! batches with one row per message of the calls; its schema's metadata says what the recording is
//! ([`Recording`]) and in which format. `journal.pcm` is the audio of all calls, end to end; a row
//! says where its own is. Each second the audio is synced, then a batch is written, then the stream
//! is synced (`writer`). What a crash leaves is the longest prefix of whole batches whose audio is
//! there (`reader`). Each batch ends in a row of kind `sum`, which no caller sees: the hash of the
//! other rows, by which blocks that never reached the disk are noticed.

mod message;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use arrow_schema::{Schema, SchemaRef};

pub use reader::{Batch, JournalReader};
pub use writer::{JournalFile, JournalWriter};

use crate::table::Row;

/// The stream of rows, in the recording's folder.
pub const JOURNAL_FILE: &str = "journal.arrows";
/// The audio, in the recording's folder.
pub const PCM_FILE: &str = "journal.pcm";
/// The version of the journal's format; a reader accepts no other major version.
pub const JOURNAL_FORMAT: &str = "1.0";

/// The schema's key for [`JOURNAL_FORMAT`].
const FORMAT_KEY: &str = "voicelt.journal_format";
/// The schema's key for the [`Recording`], as JSON.
const RECORDING_KEY: &str = "voicelt.recording";

crate::names! {
    /// What a row of the journal is about.
    pub enum JournalKind {
        /// A call begins: its stream was opened. Its `text` is the metadata that is kept of it, a JSON
        /// list of pairs.
        Opened = "opened",
        /// The caller's configuration: `session_id`, `rate_hz`, and the language as `text`.
        Config = "config",
        /// A chunk of the caller's audio that is not all zero.
        Audio = "audio",
        /// A chunk of the caller's audio that is all zero; it is never stored.
        Silence = "silence",
        /// Text of the caller in place of audio.
        Text = "text",
        /// The caller has finished sending.
        HalfClose = "half_close",
        /// The caller hung up.
        Cancel = "cancel",
        /// The server's transcript, interim or final.
        Transcript = "transcript",
        /// The server's text of the language model.
        LlmText = "llm_text",
        /// The server's speech; only its length is kept.
        ReplyAudio = "reply_audio",
        /// The server listens: its turn has ended.
        Listening = "listening",
        /// The server has heard an utterance.
        Processing = "processing",
        /// Speech of a sentence follows.
        Speaking = "speaking",
        /// A failure of the server.
        Error = "error",
        /// The caller has finished, and all answers are sent.
        EndOfTurn = "end_of_turn",
        /// The call is over; `text` is the name of its gRPC code.
        Closed = "closed",
        /// So many messages of this call, as `bytes` says, were lost before this instant.
        Lost = "lost",
        /// The end of a batch: `text` is the hash of its other rows. The writer adds it.
        Sum = "sum",
    }
}

crate::table! {
    /// One row per message of a recorded call, and per other thing that happened to it.
    pub struct JournalRow in "journal" {
        /// Number of the call, in order of opening.
        pub call: u64 [""],
        /// When it passed the recorder, since the start of the recording.
        pub at_ns: i64 ["ns"],
        /// What it is.
        pub kind: JournalKind [""],
        /// Bytes of audio, or of text in UTF-8, kept or not.
        pub bytes: u32 ["bytes"],
        /// Where the audio is in the audio file; null where it is not kept.
        pub offset: Option<u64> ["bytes"],
        /// Whether the audio holds speech; null but for the caller's audio that is not kept.
        pub voiced: Option<bool> [""],
        /// The caller's name of the session, of a configuration; null where it is not kept.
        pub session_id: Option<String> [""],
        /// The text, where it is kept; the language of a configuration; the code of an end; the
        /// metadata of an opening; null otherwise.
        pub text: Option<String> [""],
        /// Sample rate of both ways, of a configuration; null otherwise.
        pub rate_hz: Option<u32> ["Hz"],
    }
}

impl JournalRow {
    /// A row that says no more than what happened to which call, and when.
    #[must_use]
    pub fn new(call: u64, at_ns: i64, kind: JournalKind) -> JournalRow {
        JournalRow {
            call,
            at_ns,
            kind,
            bytes: 0,
            offset: None,
            voiced: None,
            session_id: None,
            text: None,
            rate_hz: None,
        }
    }
}

/// What a recording is, as its journal and later its bundle say.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Recording {
    /// Name of the trace.
    pub name: String,
    /// `voicelt` and its version.
    pub tool: String,
    /// Wall clock of instant 0, RFC 3339, UTC.
    pub origin_at: String,
    /// What is kept of the calls: `audio`, `text`; neither for timing alone.
    pub contains: Vec<String>,
    /// The day from which it must not be kept any more, RFC 3339, UTC.
    pub delete_after: Option<String>,
    /// The recorder's settings, for the provenance.
    pub settings: serde_json::Value,
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

/// The row that ends a batch which begins at byte `at` of the stream.
fn sum_of(rows: &[JournalRow], at: u64) -> JournalRow {
    let mut hash = blake3::Hasher::new();
    hash.update(&at.to_le_bytes());
    for row in rows {
        feed(&mut hash, row);
    }
    JournalRow {
        text: Some(hash.finalize().to_hex().to_string()),
        ..JournalRow::new(0, 0, JournalKind::Sum)
    }
}

/// Each number as a little-endian word; a null as a 0 byte and a value as a 1 byte before it; text
/// as its length and its bytes.
fn feed(hash: &mut blake3::Hasher, row: &JournalRow) {
    let mut words = |words: &[u64]| {
        for word in words {
            hash.update(&word.to_le_bytes());
        }
    };
    words(&[row.call, row.at_ns as u64, u64::from(row.bytes)]);
    for maybe in [
        row.offset,
        row.voiced.map(u64::from),
        row.rate_hz.map(u64::from),
    ] {
        words(&[u64::from(maybe.is_some()), maybe.unwrap_or(0)]);
    }
    let texts = [
        Some(row.kind.name()),
        row.session_id.as_deref(),
        row.text.as_deref(),
    ];
    for text in texts {
        hash.update(&[u8::from(text.is_some())]);
        let text = text.unwrap_or_default();
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
}
