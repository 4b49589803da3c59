//! A session's stream on a connection of its own: RFC 6455.
//!
//! A `dialler` opens connections ahead, on a thread of its own; a stream begins with its `handshake`
//! (`answer_head` is what the server says to it), which may end in a `refusal`, and is `frame`s from then on, which a `wire` writes and reads without waiting: a `session`
//! keeps it together. Both halves of a stream are polled by one task. A `sink` is the other end of one that is measured.
//!
//! A frame is taken whole or not at all, nothing comes between its bytes, and while the system has not taken
//! what was sent before nothing more is. A peer that is gone without a word is left to the timeout of the session:
//! each has a connection of its own, so that no other waits for it.

pub mod answer_head;
pub mod dialler;
mod exchange;
pub mod frame;
pub mod handshake;
mod refusal;
mod session;
pub(super) mod sink;
#[cfg(test)]
mod tests;
mod wire;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;

use super::ended::Ended;
use super::message::Message;
use super::outcome::{HadBy, Progress, Sent};
use crate::clock::RunClock;
use crate::units::RunTime;
use dialler::Line;
use session::{Session, broken};

/// An open connection, on which one stream can be opened; clones are the same one.
#[derive(Clone)]
pub struct Connection {
    pub(super) peer: SocketAddr,
    line: Rc<RefCell<Option<Line>>>,
}

impl Connection {
    /// The stream to be opened on `line`.
    #[must_use]
    pub fn of(line: Line) -> Connection {
        Connection {
            peer: line.peer,
            line: Rc::new(RefCell::new(Some(line))),
        }
    }

    /// When it was made, on the monotonic clock; `None` once its stream was opened.
    pub(super) fn connected_ns(&self) -> Option<i64> {
        Some(self.line.borrow().as_ref()?.connected_ns)
    }

    /// Whether its stream was opened already, or the peer has hung up.
    pub(super) fn is_lost(&self) -> bool {
        self.line.borrow().as_ref().is_none_or(Line::is_lost)
    }

    /// Asks for the upgrade.
    ///
    /// # Errors
    /// How the stream ended before it began.
    pub fn open(&mut self, request: &Request<()>) -> Result<(Outgoing, Incoming), Ended> {
        let Some(line) = self.line.take() else {
            return Err(broken("this connection has had its stream"));
        };
        let session = Rc::new(RefCell::new(Session::open(line, request)?));
        let incoming = Incoming {
            session: session.clone(),
            messages: Vec::new(),
        };
        Ok((Outgoing(session), incoming))
    }
}

/// What a caller sends on a stream.
pub struct Outgoing(Rc<RefCell<Session>>);

impl Outgoing {
    /// The last message is followed by a close frame, and may be empty.
    pub fn try_send(&mut self, message: &Message<'_>, is_last: bool) -> Sent {
        self.0.borrow_mut().try_send(message, is_last)
    }

    /// Writes what was sent, as far as the system takes it.
    pub fn write_out(&self) {
        self.0.borrow_mut().write_out();
    }

    /// Asks whether the server is there, with at most 125 bytes that it is to give back. Only the latest question
    /// is answered.
    pub fn ping(&mut self, payload: &'static [u8]) -> Sent {
        self.0.borrow_mut().ping(Bytes::from_static(payload))
    }

    /// Whether the server has not answered that yet.
    #[must_use]
    pub fn awaits_pong(&self) -> bool {
        self.0.borrow().awaits_pong()
    }

    /// When the oldest frame that was taken and has not been reported was written; `None` while there is none.
    pub fn take_written(&mut self, clock: &RunClock) -> Option<HadBy> {
        let stamp = self.0.borrow_mut().wire.take_stamp()?;
        Some(HadBy {
            at: clock.run_time_of(stamp.at_ns),
            stuck_since: stamp.stuck_since_ns.map(|ns| clock.run_time_of(ns)),
        })
    }

    pub(super) fn stuck_since(&self, clock: &RunClock) -> Option<RunTime> {
        let since_ns = self.0.borrow().wire.stuck_since_ns()?;
        Some(clock.run_time_of(since_ns))
    }

    /// Ready once there is more room, or more is written, than before; pending for good on a stream that has
    /// gone.
    pub fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.0.borrow_mut().poll_room(context)
    }

    /// Ends both directions at once.
    pub fn cancel(&mut self) {
        self.0.borrow_mut().cancel();
    }

    /// Says that nothing more is sent; whoever reads learns what the server had still to say, and that it ended
    /// with this code if it says nothing of that within two seconds.
    pub fn close(&mut self, code: u16) {
        self.0.borrow_mut().close(code);
    }
}

/// What a server answers on a stream.
pub struct Incoming {
    session: Rc<RefCell<Session>>,
    /// Handed over when the stream may be used again: who gets one may send.
    messages: Vec<Bytes>,
}

impl Incoming {
    /// Reads on, and hands each message that is complete to `each`. Pending for good after the end.
    pub fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        each: impl FnMut(Bytes),
    ) -> Poll<Progress> {
        let mut session = self.session.borrow_mut();
        let progress = session.poll_read(context, &mut self.messages);
        drop(session);
        self.messages.drain(..).for_each(each);
        progress
    }
}
