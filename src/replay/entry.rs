//! What the workers tell the sink: small, and made without allocating but for a box a second and a
//! session, so that telling costs the pacer next to nothing. The rows of the results are made of it on
//! the sink's thread.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use super::accumulator::Second;
use super::progress::TurnRecord;
use super::script::Script;
use super::session::SessionRecord;
use crate::results::row::{Direction, MessageRow, StartedRow};
use crate::trace::model::EventKind;
use crate::units::RunTime;

/// One thing to be kept.
pub enum Entry {
    /// A turn started.
    Started(TurnStart),
    /// A turn ended.
    Turn(Box<TurnRecord>),
    /// A session ended, after its turns.
    Session(Box<SessionRecord>),
    /// A session started of which messages are kept.
    Opened(Arc<Script>),
    /// Messages were sent or received.
    Messages(Batch),
    /// A second of a worker is over.
    Second {
        /// The worker.
        worker: usize,
        /// Number of the second since the epoch.
        number: i64,
        /// What the worker counted.
        second: Box<Second>,
    },
    /// A worker tells no more.
    WorkerDone(usize),
}

/// Messages that were handed over. They count as waiting until this is dropped.
pub struct Batch {
    pub(super) messages: Vec<Message>,
    /// Sessions that have no more.
    pub(super) ended: Vec<u64>,
    /// How many they were.
    pub(super) count: usize,
    /// How many messages of the worker wait.
    pub(super) waiting: Arc<AtomicUsize>,
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.count, Relaxed);
    }
}

/// The first message of a turn left.
pub struct TurnStart {
    pub(super) script: Arc<Script>,
    pub(super) turn: u32,
    pub(super) intended: RunTime,
    pub(super) started: RunTime,
}

impl TurnStart {
    pub(super) fn row(&self) -> StartedRow {
        StartedRow {
            session_id: self.script.rows.session.session_id.clone(),
            copy: self.script.copy,
            turn: self.turn,
            user: self.script.user,
            intended_start_ns: self.intended.0,
            started_ns: self.started.0,
            planned_start_ns: Some(self.script.start.0),
        }
    }
}

/// A message that was sent or received.
pub struct Message {
    /// Its session's place in the plan.
    pub session: u64,
    /// Number of its turn.
    pub turn: u32,
    /// Its number among those of its session and direction, from 0.
    pub seq: u32,
    /// PCM or text.
    pub bytes: u32,
    /// Which way it went, and when.
    pub passage: Passage,
}

/// Which way a message went, and when.
pub enum Passage {
    /// To the gateway.
    Sent {
        /// What it is.
        kind: EventKind,
        /// When it was due.
        intended: RunTime,
        /// When the pacer woke for it.
        released: RunTime,
        /// When it was handed to the transport.
        taken: RunTime,
        /// When the system had all of it.
        sent: RunTime,
    },
    /// To the gateway, since the protocol demands it.
    Owed {
        /// When it was handed to the transport.
        taken: RunTime,
        /// When the system had all of it.
        sent: RunTime,
    },
    /// From the gateway.
    Received {
        /// What it is.
        kind: &'static str,
        /// When it came.
        at: RunTime,
    },
}

impl Message {
    /// Its row; `script` is that of its session.
    pub(super) fn row(&self, script: &Script) -> MessageRow {
        let (direction, kind, at) = match self.passage {
            Passage::Sent {
                kind,
                intended,
                released,
                taken,
                sent,
            } => {
                let at = [intended, released, taken, sent].map(|at| Some(at.0));
                (Direction::Sent, kind.name(), at)
            }
            Passage::Owed { taken, sent } => {
                let at = [None, None, Some(taken.0), Some(sent.0)];
                (Direction::Sent, "protocol", at)
            }
            Passage::Received { kind, .. } => (Direction::Received, kind, [None; 4]),
        };
        let [intended_ns, released_ns, taken_ns, sent_ns] = at;
        MessageRow {
            session_id: script.rows.session.session_id.clone(),
            copy: script.copy,
            turn: self.turn,
            direction,
            kind: kind.to_owned(),
            seq: self.seq,
            intended_ns,
            released_ns,
            taken_ns,
            sent_ns,
            received_ns: match self.passage {
                Passage::Received { at, .. } => Some(at.0),
                Passage::Sent { .. } | Passage::Owed { .. } => None,
            },
            bytes: self.bytes,
        }
    }
}
