//! What a stream of gRPC is answered with, by a session of its own.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::Stream;
use tonic::Status;

use super::outbox::{Abort, Outbox};

/// Messages of one stream that may wait for the transport.
const REPLIES: usize = 64;

/// The server's messages of one stream, as the wire has them. Dropping it (the caller cancelled, the connection broke)
/// aborts the session.
pub(super) struct Replies<M, Wire> {
    messages: mpsc::Receiver<Result<M, Abort>>,
    _session: JoinSet<()>,
    wire: PhantomData<fn() -> Wire>,
}

impl<M, Wire> Replies<M, Wire> {
    /// Those of a session.
    pub(super) fn of<Session>(session: impl FnOnce(Outbox<M>) -> Session) -> Replies<M, Wire>
    where
        Session: Future<Output = ()> + Send + 'static,
    {
        let (replies, messages) = mpsc::channel(REPLIES);
        let mut task = JoinSet::new();
        // A task of its own: messages are read and stamped while the transport cannot take answers.
        task.spawn(session(Outbox::new(replies)));
        Replies {
            messages,
            _session: task,
            wire: PhantomData,
        }
    }
}

impl<M: Into<Wire>, Wire> Stream for Replies<M, Wire> {
    type Item = Result<Wire, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = std::task::ready!(self.messages.poll_recv(cx));
        Poll::Ready(next.map(|message| match message {
            Ok(message) => Ok(message.into()),
            Err(abort) => Err(Status::unavailable(abort.reason())),
        }))
    }
}
