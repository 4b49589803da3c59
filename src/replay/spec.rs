//! How a replay is set.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request};

use super::connections::Opening;
use super::phases::Phases;
use super::session_vars::{SessionVars, Written};
use crate::conversation::audible::Threshold;
use crate::conversation::message::Start;
use crate::conversation::sound::ANSWER_GAP_NS;
use crate::dialect::{Carrier, Dialect, twilio};
use crate::results::protocol::DialectName;
use crate::results::settings::{PacerKind, Settings};
use crate::transport::endpoint::Endpoint;
use crate::transport::websocket::handshake;
use crate::units::{NS_PER_MS, NS_PER_S};

/// How requests say who calls.
pub const USER_AGENT: &str = concat!("voicelt/", env!("CARGO_PKG_VERSION"));

/// When the utterances of a session start after its first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnTiming {
    /// As in the trace.
    Recorded,
    /// The think time after the heard answer's end.
    Reactive {
        /// Already so long after the answer's first sample is heard, if it is still playing then.
        barge_in_ns: Option<i64>,
    },
}

impl TurnTiming {
    /// Whether callers wait for answers.
    #[must_use]
    pub fn is_reactive(self) -> bool {
        self != TurnTiming::Recorded
    }

    /// How long callers let an answer play before they speak into it.
    #[must_use]
    pub fn barge_in_ns(self) -> Option<i64> {
        match self {
            TurnTiming::Reactive { barge_in_ns } => barge_in_ns,
            TurnTiming::Recorded => None,
        }
    }
}

/// What callers do about what a server says before their first utterance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GreetingWait {
    /// They speak when the plan says so.
    Ignore,
    /// They hear out one that has begun.
    HearOut,
    /// They wait for one to begin, and hear it out.
    Wait,
}

/// How a plan is replayed.
#[derive(Debug, Clone)]
pub struct ReplaySpec {
    /// The protocol.
    pub dialect: Dialect,
    /// Threads that send.
    pub workers: usize,
    /// Connections of all of them.
    pub connections: u32,
    /// Which of the gateway's addresses they go to, and when they are opened.
    pub opening: Opening,
    /// What signs the requests for sessions of Twilio Media Streams; `{var:NAME}` in it stands for what each session has
    /// of its own.
    pub auth_token: Option<String>,
    /// Whether connections lead to a webhook, which says for each call where its audio is to go.
    pub webhook: bool,
    /// What wakes the workers.
    pub pacer: PacerKind,
    /// How long before an instant the processor is kept busy instead of asleep.
    pub spin_ns: i64,
    /// Chunks that are due within so long leave together, early.
    pub coalesce_ns: i64,
    /// Most memory for framed audio.
    pub clip_memory_bytes: usize,
    /// When utterances start.
    pub turn_timing: TurnTiming,
    /// End of speech to first audio, and stream's end to its status.
    pub timeout_ns: i64,
    /// Buffer of the virtual caller.
    pub playout_buffer_ns: i64,
    /// What callers can hear.
    pub audible: Threshold,
    /// How long after its last sound an answer has ended, where nothing else tells.
    pub answer_gap_ns: i64,
    /// How long after its answer a transcript is waited for.
    pub transcript_wait_ns: i64,
    /// What callers do about what a server says first.
    pub greeting: GreetingWait,
    /// Values of each session, for headers, the target and what opens a session.
    pub vars: Option<Arc<SessionVars>>,
    /// Further request headers.
    pub headers: Vec<(String, String)>,
    /// Response header that names the replica.
    pub replica_header: Option<String>,
    /// Whether the gateway sees the trace's own session ids.
    pub keep_session_ids: bool,
    /// Whether transcripts and answers are kept.
    pub keep_text: bool,
    /// Whether a row is kept of each message.
    pub messages: bool,
    /// The parts of the run.
    pub phases: Phases,
}

impl ReplaySpec {
    /// The protocol's name.
    #[must_use]
    pub fn dialect_name(&self) -> DialectName {
        dialect_name(&self.dialect)
    }

    /// Whether several sessions may be on one connection.
    #[must_use]
    pub fn shares_connections(&self) -> bool {
        self.dialect.nature().carrier == Carrier::Http2
    }

    /// A template with the values of session `number`.
    #[must_use]
    pub fn filled<'a>(&self, template: &'a str, number: u64, written: Written) -> Cow<'a, str> {
        match &self.vars {
            Some(vars) => vars.fill(template, number, written),
            None => Cow::Borrowed(template),
        }
    }

    /// The value of a column for session `number`; empty where there is none.
    #[must_use]
    pub fn var(&self, column: &str, number: u64) -> String {
        let vars = self.vars.as_ref();
        let value = vars.and_then(|vars| vars.value(column, number));
        value.unwrap_or_default().to_owned()
    }

    /// Names and values of the headers of session `number`.
    #[must_use]
    pub fn filled_headers(&self, number: u64) -> Vec<(String, String)> {
        let headers = self.headers.iter();
        let filled = headers.map(|(name, value)| {
            let value = self.filled(value, number, Written::Plain);
            (name.clone(), value.into_owned())
        });
        filled.collect()
    }

    /// A message of JSON with the values of session `number`.
    #[must_use]
    pub fn filled_json(&self, message: Bytes, number: u64) -> Bytes {
        match &self.vars {
            Some(vars) => vars.fill_json(message, number),
            None => message,
        }
    }

    /// The request for session `number` with the signature by which a bot of Twilio Media Streams knows who asks, where
    /// there is a token for it.
    #[must_use]
    pub fn signed(&self, mut request: Request<()>, number: u64) -> Request<()> {
        if let Some(signature) = self.signature(&handshake::url(&request), number) {
            request.headers_mut().insert(twilio::SIGNATURE, signature);
        }
        request
    }

    /// The signature of `text` for session `number`, where there is a token for it.
    #[must_use]
    pub fn signature(&self, text: &str, number: u64) -> Option<HeaderValue> {
        let token = self.filled(self.auth_token.as_ref()?, number, Written::Plain);
        HeaderValue::try_from(twilio::signature(&token, text)).ok()
    }

    /// Path and query of the request for session `number`, which begins so, at `endpoint`, which decides where it has
    /// any.
    #[must_use]
    pub fn path(&self, endpoint: &Endpoint, number: u64, start: &Start) -> String {
        let path = match endpoint.path_and_query() {
            "/" => self.dialect.path(start),
            path => path.into(),
        };
        self.filled(&path, number, Written::Url).into_owned()
    }

    /// The settings of a run: these, and `others`. What may be secret is hidden.
    #[must_use]
    pub fn shown(&self, others: Settings) -> Settings {
        let hidden = |(name, _): &(String, String)| (name.clone(), "(hidden)".to_owned());
        let headers: BTreeMap<String, String> = self.headers.iter().map(hidden).collect();
        let resolve_every_ns = self.opening.resolve_every.as_nanos();
        Settings {
            workers: (self.workers as u64).into(),
            connections: u64::from(self.connections).into(),
            balance: self.opening.balance.into(),
            cold_connections: self.opening.cold.into(),
            resolve_every_ns: i64::try_from(resolve_every_ns).unwrap_or(i64::MAX).into(),
            pacer: self.pacer.into(),
            spin_ns: self.spin_ns.into(),
            coalesce_ns: self.coalesce_ns.into(),
            clip_memory_bytes: (self.clip_memory_bytes as u64).into(),
            reactive: self.turn_timing.is_reactive().into(),
            barge_in_ns: self.turn_timing.barge_in_ns().into(),
            timeout_ns: self.timeout_ns.into(),
            playout_buffer_ns: self.playout_buffer_ns.into(),
            audible_dbfs: self.audible.dbfs.into(),
            headers: headers.into(),
            replica_header: self.replica_header.clone().into(),
            keep_session_ids: self.keep_session_ids.into(),
            text: self.keep_text.into(),
            webhook: self.webhook.into(),
            messages: self.messages.into(),
            phases: self.phases.shown().into(),
            ..others
        }
    }
}

/// A protocol's name.
#[must_use]
pub fn dialect_name(dialect: &Dialect) -> DialectName {
    match dialect {
        Dialect::StreamAudio => DialectName::StreamAudio,
        Dialect::Realtime(_) => DialectName::Realtime,
        Dialect::Twilio(_) => DialectName::Twilio,
        Dialect::Described(described) => match described.nature().carrier {
            Carrier::Http2 => DialectName::DescribedGrpc,
            Carrier::WebSocket => DialectName::DescribedWebSocket,
        },
        #[cfg(test)]
        Dialect::Scripted(_) => DialectName::StreamAudio,
    }
}

/// Threads that send, of a machine with so many cores, unless it is said otherwise: the other half
/// is left to the system and to what keeps the books.
#[must_use]
pub fn default_workers(cores: usize) -> usize {
    cores.div_ceil(2)
}

impl Default for ReplaySpec {
    /// One thread and one connection, no part of the run but its drain, and otherwise what
    /// `voicelt replay` does when it is told nothing else.
    fn default() -> ReplaySpec {
        ReplaySpec {
            dialect: Dialect::default(),
            workers: 1,
            connections: 1,
            opening: Opening::default(),
            auth_token: None,
            webhook: false,
            pacer: PacerKind::default(),
            spin_ns: 5_000,
            coalesce_ns: 0,
            clip_memory_bytes: 256_000_000,
            turn_timing: TurnTiming::Recorded,
            timeout_ns: 30 * NS_PER_S,
            playout_buffer_ns: 60 * NS_PER_MS,
            audible: Threshold::default(),
            answer_gap_ns: ANSWER_GAP_NS,
            transcript_wait_ns: 2 * NS_PER_S,
            greeting: GreetingWait::Ignore,
            vars: None,
            headers: Vec::new(),
            replica_header: None,
            keep_session_ids: false,
            keep_text: true,
            messages: false,
            phases: Phases::default(),
        }
    }
}
