//! The gateway's side of a stream: messages out, as fast as the caller takes them.

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendError;

use crate::conversation::message::ServerMessage;

/// Why a stream ended before its end.
#[derive(Debug)]
pub(super) enum Broken {
    /// The caller has gone: nothing more can be sent or received.
    Gone,
    /// The caller broke a rule of the protocol, in words for the caller.
    Refused(String),
    /// What the caller sends cannot be read on.
    Unreadable(Abort),
}

/// Why the gateway ends a stream that the caller did not end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Abort {
    /// It lived as long as a stream may.
    Age,
    /// The gateway shuts down.
    Shutdown,
    /// A message was too long.
    TooLong,
    /// What came was no WebSocket.
    Violation,
}

impl Abort {
    /// In words for the caller.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Abort::Age => "the stream was cut off for its age",
            Abort::Shutdown => "the gateway is shutting down",
            Abort::TooLong => "the message is too long",
            Abort::Violation => "the connection broke a rule of WebSocket",
        }
    }
}

/// Where messages to the caller go; waits while the caller does not take them.
#[derive(Debug, Clone)]
pub(super) struct Outbox<M = ServerMessage>(mpsc::Sender<Result<M, Abort>>);

impl<M> Outbox<M> {
    pub(super) fn new(messages: mpsc::Sender<Result<M, Abort>>) -> Outbox<M> {
        Outbox(messages)
    }

    pub(super) async fn send(&self, message: M) -> Result<(), Broken> {
        self.0.send(Ok(message)).await.map_err(gone)
    }

    /// Waits until the caller takes a message, and sends what `message` then is; cancel-safe.
    pub(super) async fn send_when_taken(
        &self,
        message: impl FnOnce() -> Option<M>,
    ) -> Result<(), Broken> {
        let room = self.0.reserve().await.map_err(gone)?;
        if let Some(message) = message() {
            room.send(Ok(message));
        }
        Ok(())
    }

    /// Sends what may as well be left out: a caller that does not read misses it.
    pub(super) fn offer(&self, message: M) {
        let _ = self.0.try_send(Ok(message));
    }

    /// Ends the stream, and says why.
    pub(super) async fn abort(&self, abort: Abort) {
        // A caller that has gone needs no reason.
        let _ = self.0.send(Err(abort)).await;
    }
}

fn gone<T>(_: SendError<T>) -> Broken {
    Broken::Gone
}
