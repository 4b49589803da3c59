//! What the workers tell the sink: small, and made without allocating but for a box a second and a
//! session, so that telling costs the pacer next to nothing. The rows of the results are made of it on
//! the sink's thread.

use std::sync::Arc;

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
    /// A message was sent or received.
    Message(Message),
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
    /// Its session.
    pub script: Arc<Script>,
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
    pub(super) fn row(&self) -> MessageRow {
        let (direction, kind, [intended_ns, released_ns, sent_ns, received_ns]) = match self.passage
        {
            Passage::Sent {
                kind,
                intended,
                released,
                sent,
            } => {
                let instants = [Some(intended.0), Some(released.0), Some(sent.0), None];
                (Direction::Sent, kind.name(), instants)
            }
            Passage::Received { kind, at } => {
                (Direction::Received, kind, [None, None, None, Some(at.0)])
            }
        };
        MessageRow {
            session_id: self.script.rows.session.session_id.clone(),
            copy: self.script.copy,
            turn: self.turn,
            direction,
            kind: kind.to_owned(),
            seq: self.seq,
            intended_ns,
            released_ns,
            sent_ns,
            received_ns,
            bytes: self.bytes,
        }
    }
}
