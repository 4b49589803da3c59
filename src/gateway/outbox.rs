//! The gateway's side of a stream: messages out, as fast as the caller takes them.

use tokio::sync::mpsc;

use crate::conversation::message::ServerMessage;

/// Why a stream ended before its end.
#[derive(Debug)]
pub(super) enum Broken {
    /// The caller has gone: nothing more can be sent or received.
    Gone,
    /// The caller broke a rule of the protocol, in words for the caller.
    Refused(String),
}

/// Why the gateway ends a stream that the caller did not end.
#[derive(Debug)]
pub(super) struct Abort(pub(super) &'static str);

/// Where the server's messages go; waits while the caller does not take them.
pub(super) struct Outbox(mpsc::Sender<Result<ServerMessage, Abort>>);

impl Outbox {
    pub(super) fn new(messages: mpsc::Sender<Result<ServerMessage, Abort>>) -> Outbox {
        Outbox(messages)
    }

    pub(super) async fn send(&self, message: ServerMessage) -> Result<(), Broken> {
        self.0.send(Ok(message)).await.map_err(|_| Broken::Gone)
    }

    /// Sends what may as well be left out: a caller that does not read misses it.
    pub(super) fn offer(&self, message: ServerMessage) {
        let _ = self.0.try_send(Ok(message));
    }

    /// Ends the stream as unavailable, and says why.
    pub(super) async fn abort(&self, reason: &'static str) {
        // A caller that has gone needs no reason.
        let _ = self.0.send(Err(Abort(reason))).await;
    }
}
