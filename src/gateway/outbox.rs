//! The gateway's side of a stream: messages out, as fast as the caller takes them.

use tokio::sync::mpsc;
use tonic::Status;

use crate::wire::voice_workflow::ServerMessage;

/// Why a stream ended before its end.
#[derive(Debug)]
pub(super) enum Broken {
    /// The caller has gone: nothing more can be sent or received.
    Gone,
    /// The caller broke a rule of the protocol, in words for the caller.
    Refused(String),
}

impl From<Status> for Broken {
    fn from(_: Status) -> Broken {
        Broken::Gone
    }
}

/// Where the server's messages go; waits while the caller does not take them.
pub(super) struct Outbox(mpsc::Sender<Result<ServerMessage, Status>>);

impl Outbox {
    pub(super) fn new(messages: mpsc::Sender<Result<ServerMessage, Status>>) -> Outbox {
        Outbox(messages)
    }

    pub(super) async fn send(&self, message: ServerMessage) -> Result<(), Broken> {
        self.0.send(Ok(message)).await.map_err(|_| Broken::Gone)
    }

    /// Sends what may as well be left out: a caller that does not read misses it.
    pub(super) fn offer(&self, message: ServerMessage) {
        let _ = self.0.try_send(Ok(message));
    }

    /// Ends the stream with `status`.
    pub(super) async fn abort(&self, status: Status) {
        // A caller that has gone needs no status.
        let _ = self.0.send(Err(status)).await;
    }
}
