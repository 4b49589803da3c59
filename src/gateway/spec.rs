//! How a gateway is set.

use std::path::PathBuf;
use std::sync::Arc;

use super::model::ModelSpec;
use crate::dialect::described::Server;
use crate::units::NS_PER_MS;

/// The protocol that a gateway serves.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Served {
    /// `voice_workflow.VoiceGateway` over gRPC.
    #[default]
    StreamAudio,
    /// OpenAI Realtime over WebSocket.
    Realtime(RealtimeSpec),
    /// A bot of Twilio Media Streams.
    Twilio(BotSpec),
    /// What a file describes.
    Described(Arc<Server>),
}

/// What a gateway does of its own accord where it is a bot of Twilio Media Streams.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BotSpec {
    /// Whether it speaks first.
    pub greeting: bool,
    /// Share of connections that are refused with HTTP 429, 0 to 1.
    pub refused: f64,
}

/// What a gateway does of its own accord where it serves OpenAI Realtime.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RealtimeSpec {
    /// Whether it speaks first, as soon as a client has set the session.
    pub greeting: bool,
    /// Share of answers that call a function first, 0 to 1.
    pub tool_calls: f64,
    /// How much later than the recogniser has it a final transcript is sent.
    pub late_transcripts_ns: i64,
    /// Share of connections that are refused with HTTP 429, 0 to 1.
    pub refused: f64,
}

/// How a gateway behaves.
#[derive(Debug, Clone, PartialEq)]
pub struct GatewaySpec {
    /// The protocol that it serves.
    pub serves: Served,
    /// How long the stages of the pipeline take.
    pub model: ModelSpec,
    /// Answers that can be produced at a time; the others wait in line.
    pub slots: usize,
    /// Silence after speech that ends an utterance.
    pub endpoint_silence_ns: i64,
    /// A shorter pause that is answered early, once in an utterance.
    pub early_endpoint_ns: Option<i64>,
    /// Share of answers that are an ERROR event instead, 0 to 1.
    pub error_rate: f64,
    /// Share of turns after which noise is transcribed before the next one, 0 to 1.
    pub stray_interims: f64,
    /// Age at which every stream is cut off, as by a proxy with such a limit; null for none.
    pub cut_streams_after_ns: Option<i64>,
    /// What every random choice derives from.
    pub seed: u64,
    /// Where the arrival of each client message is logged, as Parquet.
    pub arrivals_log: Option<PathBuf>,
}

impl Default for GatewaySpec {
    fn default() -> GatewaySpec {
        GatewaySpec {
            serves: Served::default(),
            model: ModelSpec::default(),
            slots: 64,
            endpoint_silence_ns: 500 * NS_PER_MS,
            early_endpoint_ns: None,
            error_rate: 0.0,
            stray_interims: 0.0,
            cut_streams_after_ns: None,
            seed: 0,
            arrivals_log: None,
        }
    }
}
