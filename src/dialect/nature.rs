//! What a dialect is like: what an engine must know of it to hold a conversation in it.

use crate::conversation::answer::AnsweredBy;
use crate::pcm::codec::Format;
use crate::units::{SampleRate, Samples};

/// What carries a dialect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Carrier {
    /// Streams of HTTP/2 connections, which sessions share.
    #[default]
    Http2,
    /// A WebSocket a session.
    WebSocket,
}

/// Who finds where an utterance ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Endpointing {
    /// As the trace has it: its callers push to talk, or leave the microphone open.
    #[default]
    AsTraced,
    /// The server, in what an open microphone sends: silence is sent after each utterance, and after the
    /// last until its answer was heard.
    Server,
    /// The caller says so: no silence is sent.
    Caller,
}

/// What a dialect is like.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Nature {
    /// What carries it.
    pub carrier: Carrier,
    /// Of the audio that is sent; `None` for PCM16 at the call's rate.
    pub input: Option<Format>,
    /// The rate of the audio that is decoded; `None` for the call's.
    pub output: Option<SampleRate>,
    /// How long each chunk is, whatever the trace has; `None` for the trace's chunks.
    pub chunk_ns: Option<i64>,
    /// Whether a message of audio is bytes and no text, where the carrier distinguishes them; all others are text.
    pub sends_binary: bool,
    /// Whether the server says when audio may be sent.
    pub says_ready: bool,
    /// Who finds where an utterance ends.
    pub endpointing: Endpointing,
    /// What makes an answer.
    pub answered_by: AnsweredBy,
    /// Whether only the sound of an answer tells where it begins and ends.
    pub by_sound: bool,
    /// Whether the caller ends the session, once all was answered; a server does after the half-close.
    pub caller_ends: bool,
    /// Whether the server, once it was told that nothing more comes, says what it has left to say and closes.
    pub awaits_close: bool,
    /// Whether the server names what its messages are about.
    pub has_items: bool,
    /// Whether the final transcript of an utterance may come after its answer.
    pub late_transcripts: bool,
}

impl Nature {
    /// Whether sessions are sent as the trace has them.
    #[must_use]
    pub fn keeps_rows(&self) -> bool {
        self.endpointing == Endpointing::AsTraced && self.chunk_ns.is_none()
    }

    /// Bytes of each chunk on the wire, where they do not follow from the trace.
    #[must_use]
    pub fn chunk_bytes(&self) -> Option<usize> {
        let (format, chunk_ns) = (self.input?, self.chunk_ns?);
        let samples = usize::try_from(Samples::in_ns(chunk_ns, format.rate).0).ok()?;
        Some(samples.max(1) * format.bytes_per_sample())
    }
}
