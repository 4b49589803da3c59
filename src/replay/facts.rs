//! What the rows of a run share, and those of a session.

use std::net::SocketAddr;
use std::sync::Arc;

use super::phases::Phases;
use super::script::Script;
use crate::conversation::message::Start;
use crate::dialect::Nature;
use crate::results::manifest::{trace_id, wire_session_id};
use crate::results::protocol::DialectName;
use crate::trace::model::{ClipRow, SpeechMethod, TurnRow};

/// What all sessions of a run share.
#[derive(Debug)]
pub(super) struct RunFacts {
    /// The run.
    pub(super) run_id: String,
    /// Wall clock of the run's epoch.
    pub(super) epoch_realtime_ns: i64,
    /// Whether transcripts and answers are kept.
    pub(super) keep_text: bool,
    /// Whether the gateway sees the trace's own session ids.
    pub(super) keep_session_ids: bool,
    /// The clips of the trace.
    pub(super) clips: Arc<[ClipRow]>,
    /// Whether there are users, who wait for answers.
    pub(super) closed_loop: bool,
    /// How conversations are written, by its name.
    pub(super) dialect: DialectName,
    /// What that is like.
    pub(super) nature: Nature,
    /// The parts of the run.
    pub(super) phases: Phases,
}

impl RunFacts {
    /// The session's name as the gateway sees it.
    pub(super) fn wire_session_id(&self, script: &Script) -> String {
        let name = &script.rows.session.session_id;
        match self.keep_session_ids {
            true => name.clone(),
            false => wire_session_id(&self.run_id, name, script.copy),
        }
    }

    /// What the caller says of a session at its start.
    pub(super) fn start(&self, script: &Script) -> Start {
        let session = &script.rows.session;
        Start {
            session_id: self.wire_session_id(script),
            language_code: session.language_code.clone(),
            sample_rate_hz: i32::try_from(session.sample_rate_hz).unwrap_or(i32::MAX),
        }
    }

    /// The W3C trace id of a session: the same inputs give the same one.
    pub(super) fn trace_id(&self, script: &Script) -> String {
        let name = &script.rows.session.session_id;
        trace_id(&self.run_id, name, script.copy)
    }

    /// Whether an utterance has speech, and so expects an answer.
    pub(super) fn expects_answer(&self, turn: &TurnRow) -> bool {
        let clip = turn.clip.and_then(|clip| self.clips.get(clip as usize));
        clip.is_none_or(|clip| clip.speech_method != SpeechMethod::None)
    }
}

/// What all rows of a session share.
#[derive(Debug, Clone, Default)]
pub(super) struct CallFacts {
    /// Number of the connection.
    pub(super) connection: Option<u32>,
    /// Who answered.
    pub(super) peer: Option<SocketAddr>,
    /// Value of the replica header.
    pub(super) replica: Option<Arc<str>>,
    /// Connection made for it.
    pub(super) connected_ns: Option<i64>,
    /// The server said that it is ready.
    pub(super) ready_ns: Option<i64>,
    /// Request headers accepted with a stream slot.
    pub(super) opened_ns: Option<i64>,
    /// Response headers received.
    pub(super) headers_ns: Option<i64>,
    /// Status of the response.
    pub(super) http_status: Option<u16>,
}
