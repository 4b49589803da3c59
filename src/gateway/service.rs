//! The gRPC service: one session for each stream, owned by the stream's response.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use super::arrivals::Caller;
use super::inbox::Inbox;
use super::outbox::{Abort, Broken, Outbox};
use super::session;
use super::shared::{RUN_ID_HEADER, Shared};
use super::stream;
use crate::conversation::message::ServerMessage;
use crate::dialect::stream_audio::client_message;
use crate::dialect::voice_workflow as proto;
use crate::dialect::voice_workflow::voice_gateway_server::VoiceGateway;

/// Messages of one stream that may wait for the transport.
const REPLIES: usize = 64;

/// The service that tonic calls.
pub(super) struct Service(pub(super) Arc<Shared>);

/// The server's messages of one stream. Dropping it (the caller cancelled, the connection broke)
/// aborts the session.
pub(super) struct Replies {
    messages: mpsc::Receiver<Result<ServerMessage, Abort>>,
    _session: JoinSet<()>,
}

impl Stream for Replies {
    type Item = Result<proto::ServerMessage, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = std::task::ready!(self.messages.poll_recv(cx));
        Poll::Ready(next.map(|message| match message {
            Ok(message) => Ok(message.into()),
            Err(abort) => Err(Status::unavailable(abort.reason())),
        }))
    }
}

#[tonic::async_trait]
impl VoiceGateway for Service {
    type StreamAudioStream = Replies;

    async fn stream_audio(
        &self,
        request: Request<Streaming<proto::ClientMessage>>,
    ) -> Result<Response<Replies>, Status> {
        let run_id = request.metadata().get(RUN_ID_HEADER);
        let run_id = run_id.and_then(|id| id.to_str().ok()).unwrap_or_default();
        let caller = Caller {
            run_id: run_id.to_owned(),
            wire_session_id: String::new(),
        };
        let messages = request.into_inner().map(|message| match message {
            Ok(message) => Ok(client_message(message)),
            Err(_) => Err(Broken::Gone),
        });
        let shared = Arc::clone(&self.0);
        let mut inbox = Inbox::new(Arc::clone(&shared), Box::pin(messages), caller);
        let (replies, messages) = mpsc::channel(REPLIES);
        let mut session = JoinSet::new();
        // A task of its own: messages are read and stamped while the transport cannot take answers.
        session.spawn(async move {
            let outbox = Outbox::new(replies);
            let serving = session::serve(&shared, &mut inbox, &outbox);
            stream::run(&shared, &outbox, serving).await;
        });
        Ok(Response::new(Replies {
            messages,
            _session: session,
        }))
    }
}
