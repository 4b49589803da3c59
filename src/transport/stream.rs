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
use super::ended::{Ended, NORMAL};
use super::http2;
use super::keep_alive::KeptAlive;
use super::message::Message;
use super::outcome::{HadBy, Progress, Sent};
#[cfg(test)]
use super::scripted;
use super::websocket;
use super::websocket::dialler::Line;
use crate::clock::RunClock;
use crate::units::RunTime;

/// A connection on which streams are opened; clones are the same one.
#[derive(Clone)]
pub enum Connection {
    /// Many streams on one connection.
    Http2(http2::Connection),
    /// One stream, the connection its own.
    WebSocket(websocket::Connection),
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

    /// What opens the one stream on `line`.
    #[must_use]
    pub fn of_line(line: Line) -> Connection {
        Connection::WebSocket(websocket::Connection::of(line))
    }

    /// Who answers.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        match self {
            Connection::Http2(connection) => connection.peer,
            Connection::WebSocket(connection) => connection.peer,
            #[cfg(test)]
            Connection::Scripted(connection) => connection.peer,
        }
    }

    /// When it was made, on the monotonic clock, where it is a session's own.
    #[must_use]
    pub fn connected_ns(&self) -> Option<i64> {
        match self {
            Connection::WebSocket(connection) => connection.connected_ns(),
            Connection::Http2(_) => None,
            #[cfg(test)]
            Connection::Scripted(_) => None,
        }
    }

    /// Whether it takes no further stream: lost, or told to go away.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        match self {
            Connection::Http2(connection) => connection.is_lost(),
            Connection::WebSocket(connection) => connection.is_lost(),
            #[cfg(test)]
            Connection::Scripted(_) => false,
        }
    }

    /// How many streams the server takes at once; `usize::MAX` when it sets no limit.
    #[must_use]
    pub fn max_streams(&self) -> usize {
        match self {
            Connection::Http2(connection) => connection.max_streams(),
            Connection::WebSocket(_) => 1,
            #[cfg(test)]
            Connection::Scripted(_) => usize::MAX,
        }
    }

    /// Opens a stream.
    ///
    /// # Errors
    /// How it ended before it began.
    pub fn open(&mut self, request: Request<()>) -> Result<(Outgoing, Incoming), Ended> {
        match self {
            Connection::Http2(connection) => {
                let (outgoing, incoming) = connection.open(request)?;
                Ok((Outgoing::Http2(outgoing), Incoming::Http2(incoming)))
            }
            Connection::WebSocket(connection) => {
                let (outgoing, incoming) = connection.open(&request)?;
                Ok((Outgoing::WebSocket(outgoing), Incoming::WebSocket(incoming)))
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
    /// On a WebSocket.
    WebSocket(websocket::Outgoing),
    /// To a test.
    #[cfg(test)]
    Scripted(scripted::Outgoing),
}

impl Outgoing {
    /// Sends a message, all of it or nothing, without waiting; the last one ends this direction.
    pub fn try_send(&mut self, message: Message<'_>, is_last: bool) -> Sent {
        match self {
            Outgoing::Http2(stream) => stream.try_send(message.joined(), is_last),
            Outgoing::WebSocket(stream) => stream.try_send(&message, is_last),
            #[cfg(test)]
            Outgoing::Scripted(stream) => stream.try_send(&message.joined(), is_last),
        }
    }

    /// Writes what was sent on its connection, on this stream or another, as far as the system takes it;
    /// it takes the rest by itself.
    pub fn write_out(&self) {
        match self {
            Outgoing::Http2(stream) => stream.write_out(),
            Outgoing::WebSocket(stream) => stream.write_out(),
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
            Outgoing::WebSocket(stream) => stream.take_written(clock),
            #[cfg(test)]
            Outgoing::Scripted(stream) => stream.take_written(),
        }
    }

    /// Since when the system has taken nothing of the connection, as the peer takes nothing from it.
    #[must_use]
    pub fn stuck_since(&self, clock: &RunClock) -> Option<RunTime> {
        match self {
            Outgoing::Http2(stream) => stream.stuck_since(clock),
            Outgoing::WebSocket(stream) => stream.stuck_since(clock),
            #[cfg(test)]
            Outgoing::Scripted(stream) => stream.stuck_since(),
        }
    }

    /// Ready when there is more room, or more has been written, than before; wakes whoever asked then.
    pub fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self {
            Outgoing::Http2(stream) => stream.poll_room(context),
            Outgoing::WebSocket(stream) => stream.poll_room(context),
            #[cfg(test)]
            Outgoing::Scripted(stream) => stream.poll_room(context),
        }
    }

    /// Says that nothing more comes, where ending one direction does not say it; what the server still says
    /// is read, until it has closed as well, or has said nothing of that for two seconds.
    pub fn close(&mut self) {
        match self {
            Outgoing::Http2(_) => {}
            Outgoing::WebSocket(stream) => stream.close(NORMAL),
            #[cfg(test)]
            Outgoing::Scripted(stream) => stream.close(),
        }
    }

    /// Ends both directions at once.
    pub fn cancel(&mut self) {
        match self {
            Outgoing::Http2(stream) => stream.cancel(),
            Outgoing::WebSocket(stream) => stream.cancel(),
            #[cfg(test)]
            Outgoing::Scripted(stream) => stream.cancel(),
        }
    }
}

/// What a server answers on a stream.
pub enum Incoming {
    /// On a stream of HTTP/2.
    Http2(http2::Incoming),
    /// On a WebSocket.
    WebSocket(websocket::Incoming),
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
            Incoming::WebSocket(stream) => stream.poll_read(context, each),
            #[cfg(test)]
            Incoming::Scripted(stream) => stream.poll_read(context, each),
        }
    }
}
