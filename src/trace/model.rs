//! The rows of a trace bundle: sessions, turns, events, clips and sources.

crate::names! {
    /// How the caller's microphone behaves between utterances.
    pub enum Microphone {
        /// Silence is sent between and after utterances; the gateway finds the end of speech.
        Open = "open",
        /// Nothing is sent between utterances; the stream is half-closed after the last chunk.
        PushToTalk = "push_to_talk",
    }
}

crate::names! {
    /// What a run of client messages is.
    pub enum EventKind {
        /// The stream's configuration, always first.
        Config = "config",
        /// Chunks of a clip.
        Audio = "audio",
        /// Chunks of digital silence.
        Fill = "fill",
        /// Text in place of audio.
        Text = "text",
        /// The caller has finished sending.
        HalfClose = "half_close",
        /// The caller hangs up.
        Cancel = "cancel",
    }
}

crate::names! {
    /// How the speech extent of a clip was found.
    pub enum SpeechMethod {
        /// Short-time energy over the noise floor.
        Energy = "energy",
        /// A voice activity detector.
        Vad = "vad",
        /// A label given with the audio.
        Label = "label",
        /// No speech: no answer is expected.
        None = "none",
    }
}

crate::names! {
    /// What a server message is.
    pub enum ReplyKind {
        /// A transcript, interim or final.
        Transcript = "transcript",
        /// Text of the language model.
        LlmText = "llm_text",
        /// Speech.
        Audio = "audio",
        /// The gateway listens: its turn has ended.
        Listening = "listening",
        /// The gateway has heard an utterance.
        Processing = "processing",
        /// Speech of a sentence follows.
        Speaking = "speaking",
        /// A failure of the gateway.
        Error = "error",
        /// The caller has finished, and all answers are sent.
        EndOfTurn = "end_of_turn",
        /// The end of the stream; its text is the name of the gRPC code, or the close code.
        Status = "status",
    }
}

crate::names! {
    /// Where a trace comes from.
    pub enum TraceSource {
        /// Made from audio files.
        Prepared = "prepared",
        /// Recorded from live calls.
        Recorded = "recorded",
        /// Made from another system's log.
        Imported = "imported",
    }
}

crate::table! {
    /// One row per session, numbered from 0 in order of `start_ns`.
    pub struct SessionRow in "sessions" {
        /// Number of the session.
        pub session: u32 [""],
        /// Unique name, the same in every replay.
        pub session_id: String [""],
        /// When the stream is opened, since the start of the trace.
        pub start_ns: i64 ["ns"],
        /// BCP 47 language of the caller.
        pub language_code: String [""],
        /// Rate of the audio both ways.
        pub sample_rate_hz: u32 ["Hz"],
        /// How the microphone behaves between utterances.
        pub microphone: Microphone [""],
        /// Number of utterances.
        pub turns: u32 [""],
        /// How the recorded call ended; null when not recorded.
        pub recorded_status: Option<String> [""],
        /// When the recorded call ended, since the start of the trace; null when not recorded.
        pub recorded_end_ns: Option<i64> ["ns"],
        /// Metadata that was kept with the recorded call, sent again in a replay: a JSON list of
        /// pairs of name and value; null where there is none.
        pub metadata: Option<String> [""],
    }
}

crate::table! {
    /// One row per utterance of the caller.
    pub struct TurnRow in "turns" {
        /// Number of the session.
        pub session: u32 [""],
        /// Number of the turn in its session, from 0.
        pub turn: u32 [""],
        /// Start of the first chunk's audio, since the start of the trace.
        pub at_ns: i64 ["ns"],
        /// End of the last chunk's audio, since the start of the trace.
        pub end_ns: i64 ["ns"],
        /// First voiced sample, since the start of the trace; null when there is no speech.
        pub speech_start_ns: Option<i64> ["ns"],
        /// End of the last voiced sample, since the start of the trace; null when there is no speech.
        pub speech_end_ns: Option<i64> ["ns"],
        /// Pause from the end of the heard answer before it; null when unknown (first turns have none).
        pub think_ns: Option<i64> ["ns"],
        /// Number of the clip; null for text.
        pub clip: Option<u32> [""],
    }
}

crate::table! {
    /// One row per run of client messages, sorted by (`session`, `at_ns`).
    pub struct EventRow in "events" {
        /// Number of the session.
        pub session: u32 [""],
        /// Number of the turn it belongs to (fill belongs to the turn before it).
        pub turn: u32 [""],
        /// Start of the first chunk's audio, or the leaving instant of what is not audio, since the
        /// start of the trace. Chunk `k` leaves at `at_ns + (k+1) * interval_ns`.
        pub at_ns: i64 ["ns"],
        /// What is sent.
        pub kind: EventKind [""],
        /// Number of the clip that audio comes from; null for everything else.
        pub clip: Option<u32> [""],
        /// Offset of the first chunk in the clip's PCM.
        pub offset_bytes: u64 ["bytes"],
        /// PCM bytes of a chunk; the last one of a clip may be shorter.
        pub chunk_bytes: u32 ["bytes"],
        /// Time between chunks.
        pub interval_ns: i64 ["ns"],
        /// Number of chunks; 1 for what is not audio.
        pub count: u32 ["chunks"],
        /// The text of a text message; null otherwise.
        pub text: Option<String> [""],
    }
}

crate::table! {
    /// One row per server message of a recorded session, sorted by (`session`, `at_ns`).
    pub struct ReplyRow in "replies" {
        /// Number of the session.
        pub session: u32 [""],
        /// Number of the turn that it answers; of a message that is no turn's, that of the utterance
        /// that had begun last.
        pub turn: u32 [""],
        /// When it came, since the start of the trace.
        pub at_ns: i64 ["ns"],
        /// What it is.
        pub kind: ReplyKind [""],
        /// Bytes of audio, or of text in UTF-8.
        pub bytes: u32 ["bytes"],
        /// The text; null where it has none, or was not kept.
        pub text: Option<String> [""],
    }
}

crate::table! {
    /// One row per clip of audio. Equal audio is stored once.
    pub struct ClipRow in "clips" {
        /// Number of the clip.
        pub clip: u32 [""],
        /// BLAKE3 of the PCM bytes, in hex.
        pub clip_id: String [""],
        /// WAV file, relative to the bundle; null when only the timing is known.
        pub file: Option<String> [""],
        /// Rate of the samples.
        pub sample_rate_hz: u32 ["Hz"],
        /// Length.
        pub samples: u64 ["samples"],
        /// First voiced sample.
        pub speech_start_samples: u64 ["samples"],
        /// One past the last voiced sample.
        pub speech_end_samples: u64 ["samples"],
        /// How the speech extent was found.
        pub speech_method: SpeechMethod [""],
        /// Peak level; -inf for digital silence.
        pub peak_dbfs: f64 ["dBFS"],
        /// RMS level; -inf for digital silence.
        pub rms_dbfs: f64 ["dBFS"],
        /// The file it was made from, relative to the folder that was given, written as `path` of
        /// `sources`; null when unknown.
        pub source_path: Option<String> [""],
        /// What is said; null when unknown.
        pub transcript: Option<String> [""],
    }
}

crate::table! {
    /// One row per source file and channel that `prepare` looked at.
    pub struct SourceRow in "sources" {
        /// The file, relative to the folder that was given; a byte of its name that is not UTF-8 is
        /// written as `\xff`, and a backslash as two.
        pub path: String [""],
        /// Size of the file.
        pub bytes: u64 ["bytes"],
        /// Modification time, since 1970-01-01 UTC.
        pub mtime_ns: i64 ["ns"],
        /// Which channel the clip was made from: `mix` (all of them, each by the weight that ITU-R BS.775
        /// gives its loudspeaker, divided by the sum of the weights), `left`, `right`.
        pub channel: String [""],
        /// Codec of the source; empty when it could not be read.
        pub codec: String [""],
        /// Rate of the source; 0 when it could not be read.
        pub rate_hz: u32 ["Hz"],
        /// Channels of the source; 0 when it could not be read.
        pub channels: u32 [""],
        /// Hash of every setting that changes the result.
        pub settings_hash: String [""],
        /// Number of the clip made from it; null when skipped.
        pub clip: Option<u32> [""],
        /// Why it was skipped; null when it was not.
        pub skipped: Option<String> [""],
        /// Who decoded it: `native` (this program) or `ffmpeg`; null when it could not be read, and in
        /// older traces.
        pub decoder: Option<String> [""],
        /// What was cut off at its start and end as no audio of the source: where the figures are from,
        /// and samples of the source a channel, such as `LAME tag 1105+900`; null where nothing was.
        pub trim: Option<String> [""],
        /// What was odd about it, and how it was taken, such as `cut short: decoded 61 of 1,200 s`; null
        /// when nothing was.
        pub note: Option<String> [""],
    }
}

/// The pairs of name and value of a session's `metadata`; `None` when it is something else.
#[must_use]
pub fn metadata_pairs(json: &str) -> Option<Vec<(String, String)>> {
    serde_json::from_str(json).ok()
}

/// One session with all that belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRows {
    /// The session.
    pub session: SessionRow,
    /// Its utterances.
    pub turns: Vec<TurnRow>,
    /// Its runs of client messages.
    pub events: Vec<EventRow>,
    /// What it was answered; empty unless it was recorded.
    pub replies: Vec<ReplyRow>,
}
