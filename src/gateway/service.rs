//! The gRPC service: one session for each stream, owned by the stream's response.

use std::sync::Arc;

use tokio_stream::StreamExt as _;
use tonic::{Request, Response, Status, Streaming};

use super::arrivals::Caller;
use super::inbox::Inbox;
use super::outbox::Broken;
use super::replies::Replies;
use super::session;
use super::shared::{RUN_ID_HEADER, Shared};
use super::stream;
use crate::conversation::message::ServerMessage;
use crate::dialect::stream_audio::client_message;
use crate::dialect::voice_workflow as proto;
use crate::dialect::voice_workflow::voice_gateway_server::VoiceGateway;

/// The service that tonic calls.
pub(super) struct Service(pub(super) Arc<Shared>);

#[tonic::async_trait]
impl VoiceGateway for Service {
    type StreamAudioStream = Replies<ServerMessage, proto::ServerMessage>;

    async fn stream_audio(
        &self,
        request: Request<Streaming<proto::ClientMessage>>,
    ) -> Result<Response<Self::StreamAudioStream>, Status> {
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
        let replies = Replies::of(|outbox| async move {
            let serving = session::serve(&shared, &mut inbox, &outbox);
            stream::run(&shared, &outbox, serving).await;
        });
        Ok(Response::new(replies))
    }
}
