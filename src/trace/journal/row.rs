//! The rows of a journal, and what a recording is.

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
        /// The caller says that an utterance has ended: nothing is sent until the next one.
        EndOfUtterance = "end_of_utterance",
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
        /// The call is over; `text` is the name of its gRPC code, or the close code of its WebSocket.
        Closed = "closed",
        /// So many messages of this call, as `bytes` says, were lost before this instant.
        Lost = "lost",
        /// The end of a batch: `text` is a hash of its other rows, and as JSON, where the batch begins,
        /// what the batches before it hold, and what is recorded. The writer adds it.
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
        /// Bytes of audio, as PCM16 at the call's rate, or of text in UTF-8; kept or not.
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
        /// First four bytes of the BLAKE3 of the audio, as a little-endian number; null where it is not
        /// kept, and in journals before format 2.0.
        pub audio_sum: Option<u32> [""],
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
            audio_sum: None,
        }
    }
}

/// What a recording is, as its journal and later its bundle say.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
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
