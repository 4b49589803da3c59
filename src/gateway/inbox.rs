//! The caller's side of a stream: messages in, each stamped and logged as it comes out.

use std::sync::Arc;

use tonic::{Status, Streaming};

use super::arrivals::{ArrivalsSink, Caller};
use super::service::Shared;
use super::tally::Tally;
use crate::wire::voice_workflow::ClientMessage;
use crate::wire::voice_workflow::client_message::Content;

pub(super) struct Inbox {
    shared: Arc<Shared>,
    messages: Streaming<ClientMessage>,
    caller: Arc<Caller>,
    seq: u32,
}

impl Inbox {
    pub(super) fn new(
        shared: Arc<Shared>,
        messages: Streaming<ClientMessage>,
        run_id: String,
    ) -> Inbox {
        let caller = Arc::new(Caller {
            run_id,
            wire_session_id: String::new(),
        });
        Inbox {
            shared,
            messages,
            caller,
            seq: 0,
        }
    }

    /// The next message with content, `None` after the half-close; cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Option<Content>, Status> {
        while let Some(message) = self.messages.message().await? {
            let received = self.shared.arrivals.as_ref().map(ArrivalsSink::now);
            Tally::count(&self.shared.tally.messages);
            if let Some(Content::Config(config)) = &message.content {
                self.caller = Arc::new(Caller {
                    run_id: self.caller.run_id.clone(),
                    wire_session_id: config.session_id.clone(),
                });
            }
            if let (Some(log), Some(received)) = (&self.shared.arrivals, received) {
                log.push(&self.caller, self.seq, received, payload_bytes(&message));
            }
            self.seq = self.seq.wrapping_add(1);
            if message.content.is_some() {
                return Ok(message.content);
            }
        }
        Ok(None)
    }
}

/// Bytes of PCM or text.
fn payload_bytes(message: &ClientMessage) -> usize {
    match &message.content {
        Some(Content::AudioChunk(pcm)) => pcm.len(),
        Some(Content::TextInput(text)) => text.len(),
        Some(Content::Config(_)) | None => 0,
    }
}
