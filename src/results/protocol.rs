//! The names of protocols and of what a run settles about them, as `run.json` and the rows have them.

use std::fmt;

crate::names! {
    /// How conversations are written.
    #[derive(Default)]
    pub enum DialectName {
        /// The bidirectional gRPC stream of a voice gateway: `StreamAudio`.
        #[default]
        StreamAudio = "stream-audio",
        /// OpenAI Realtime over a WebSocket.
        Realtime = "realtime",
        /// Twilio Media Streams over a WebSocket.
        Twilio = "twilio",
        /// One that a file describes, over gRPC.
        DescribedGrpc = "described-grpc",
        /// One that a file describes, over a WebSocket.
        DescribedWebSocket = "described-websocket",
    }
}

impl DialectName {
    /// Whether a connection of its own carries each session: a WebSocket.
    #[must_use]
    pub fn is_websocket(self) -> bool {
        match self {
            DialectName::StreamAudio | DialectName::DescribedGrpc => false,
            DialectName::Realtime | DialectName::Twilio | DialectName::DescribedWebSocket => true,
        }
    }

    /// Whether transcript, text and audio of an answer follow from each other, so that the times between
    /// them are stages, as those of a description do. A model that takes and gives speech makes them side by side.
    #[must_use]
    pub fn has_serial_stages(self) -> bool {
        match self {
            DialectName::StreamAudio
            | DialectName::DescribedGrpc
            | DialectName::DescribedWebSocket => true,
            DialectName::Realtime | DialectName::Twilio => false,
        }
    }
}

crate::names! {
    /// A variation of a dialect.
    pub enum Profile {
        /// OpenAI Realtime as it is generally available.
        OpenAi = "openai",
        /// OpenAI Realtime before that: flat fields, older names.
        Beta = "beta",
        /// Sessions that only transcribe.
        Transcription = "transcription",
        /// The realtime transcription of vLLM.
        Vllm = "vllm",
    }
}

crate::names! {
    /// How samples are coded on the wire.
    pub enum WireCodec {
        /// 16-bit linear, little-endian.
        Pcm16 = "pcm16",
        /// G.711 µ-law.
        MuLaw = "mulaw",
        /// G.711 A-law.
        ALaw = "alaw",
    }
}

/// How audio is coded on the wire, both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WireFormat {
    /// The codec.
    pub codec: WireCodec,
    /// Samples a second.
    pub rate_hz: u32,
}

impl fmt::Display for WireFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} Hz", self.codec, self.rate_hz)
    }
}

crate::names! {
    /// Who finds the end of an utterance.
    pub enum Endpointing {
        /// The server, by its own detection.
        Server = "server",
        /// The caller, who says so (push-to-talk): figures do not contain the detection.
        None = "none",
    }
}

crate::names! {
    /// What callers do about what a server says before they speak.
    pub enum Greeting {
        /// They wait for its end.
        Wait = "wait",
        /// They speak when the plan says so.
        Ignore = "ignore",
    }
}

crate::names! {
    /// What is opened before the planned start of a session.
    pub enum ConnectAhead {
        /// TCP and TLS.
        Connection = "connection",
        /// The session too.
        Session = "session",
    }
}
