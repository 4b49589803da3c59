//! A session's stream, whatever carries it.
//!
//! A frame is *taken* when the transport will finish it before any other of its stream, and *written*
//! when the system has all of it. Between the two it waits until its connection is written
//! [out](Outgoing::write_out), with all that was sent on it by then, and while the system takes no more.

use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;

use super::channel::Channel;
use super::http2;
use super::keep_alive::KeptAlive;
use super::outcome::{HadBy, Progress, Sent};
#[cfg(test)]
use super::scripted;
use super::status::GrpcStatus;
use crate::clock::RunClock;
use crate::units::RunTime;

/// A connection on which streams are opened; clones are the same one.
#[derive(Clone)]
pub enum Connection {
    /// Many streams on one connection.
    Http2(http2::Connection),
    /// What a test says.
    #[cfg(test)]
    Scripted(scripted::Connection),
}

impl Connection {
    /// What opens streams on `channel`, and what moves their bytes.
    #[must_use]
    pub fn of(channel: Channel) -> (Connection, KeptAlive) {
        let (connection, kept) = http2::Connection::of(channel);
        (Connection::Http2(connection), kept)
    }

    /// Who answers.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        match self {
            Connection::Http2(connection) => connection.peer,
            #[cfg(test)]
            Connection::Scripted(connection) => connection.peer,
        }
    }

    /// Whether it takes no further stream: lost, or told to go away.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        match self {
            Connection::Http2(connection) => connection.is_lost(),
            #[cfg(test)]
            Connection::Scripted(_) => false,
        }
    }

    /// How many streams the server takes at once; `usize::MAX` when it sets no limit.
    #[must_use]
    pub fn max_streams(&self) -> usize {
        match self {
            Connection::Http2(connection) => connection.max_streams(),
            #[cfg(test)]
            Connection::Scripted(_) => usize::MAX,
        }
    }

    /// Opens a stream.
    ///
    /// # Errors
    /// How it ended before it began.
    pub fn open(&mut self, request: Request<()>) -> Result<(Outgoing, Incoming), GrpcStatus> {
        match self {
            Connection::Http2(connection) => {
                let (outgoing, incoming) = connection.open(request)?;
                Ok((Outgoing::Http2(outgoing), Incoming::Http2(incoming)))
            }
            #[cfg(test)]
            Connection::Scripted(connection) => {
                let (outgoing, incoming) = connection.open(&request);
                Ok((Outgoing::Scripted(outgoing), Incoming::Scripted(incoming)))
            }
        }
    }
}

/// What a caller sends on a stream.
pub enum Outgoing {
    /// On a stream of HTTP/2.
    Http2(http2::Outgoing),
    /// To a test.
    #[cfg(test)]
    Scripted(scripted::Outgoing),
}

impl Outgoing {
    /// Sends a frame, all of it or nothing, without waiting; the last one ends this direction.
    pub fn try_send(&mut self, frame: Bytes, is_last: bool) -> Sent {
        match self {
            Outgoing::Http2(stream) => stream.try_send(frame, is_last),
            #[cfg(test)]
            Outgoing::Scripted(stream) => stream.try_send(&frame, is_last),
        }
    }

    /// Writes what was sent on its connection, on this stream or another, as far as the system takes it;
    /// it takes the rest by itself.
    pub fn write_out(&self) {
        match self {
            Outgoing::Http2(stream) => stream.write_out(),
            #[cfg(test)]
            Outgoing::Scripted(_) => {}
        }
    }

    /// When the oldest frame that was taken and has not been reported was written; `None` while there
    /// is none. To be asked until then, after [`write_out`](Self::write_out) and when there is
    /// [room](Self::poll_room).
    pub fn take_written(&mut self, clock: &RunClock) -> Option<HadBy> {
        match self {
            Outgoing::Http2(stream) => stream.take_written(clock),
            #[cfg(test)]
            Outgoing::Scripted(stream) => stream.take_written(),
        }
    }

    /// Since when the system has taken nothing of the connection, as the peer takes nothing from it.
    #[must_use]
    pub fn stuck_since(&self, clock: &RunClock) -> Option<RunTime> {
        match self {
            Outgoing::Http2(stream) => stream.stuck_since(clock),
            #[cfg(test)]
            Outgoing::Scripted(stream) => stream.stuck_since(),
        }
    }

    /// Ready when there is more room, or more has been written, than before; wakes whoever asked then.
    pub fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self {
            Outgoing::Http2(stream) => stream.poll_room(context),
            #[cfg(test)]
            Outgoing::Scripted(stream) => stream.poll_room(context),
        }
    }

    /// Ends both directions at once.
    pub fn cancel(&mut self) {
        match self {
            Outgoing::Http2(stream) => stream.cancel(),
            #[cfg(test)]
            Outgoing::Scripted(stream) => stream.cancel(),
        }
    }
}

/// What a server answers on a stream.
pub enum Incoming {
    /// On a stream of HTTP/2.
    Http2(http2::Incoming),
    /// From a test.
    #[cfg(test)]
    Scripted(scripted::Incoming),
}

impl Incoming {
    /// Reads on, and hands each message that is complete to `each`. Pending for good after the end.
    pub fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        each: impl FnMut(Bytes),
    ) -> Poll<Progress> {
        match self {
            Incoming::Http2(stream) => stream.poll_read(context, each),
            #[cfg(test)]
            Incoming::Scripted(stream) => stream.poll_read(context, each),
        }
    }
}
