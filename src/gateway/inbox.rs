//! The caller's side of a stream: messages in, each stamped and logged as it comes out.

use std::pin::Pin;
use std::sync::Arc;

use tokio_stream::{Stream, StreamExt as _};

use super::arrivals::{ArrivalsSink, Caller};
use super::counters::GatewayCounters;
use super::outbox::Broken;
use super::shared::Shared;
use crate::conversation::message::ClientMessage;

/// Messages as the transport hands them over: `None` for one without content.
pub(super) type Messages =
    Pin<Box<dyn Stream<Item = Result<Option<ClientMessage>, Broken>> + Send>>;

pub(super) struct Inbox {
    shared: Arc<Shared>,
    messages: Messages,
    caller: Arc<Caller>,
    seq: u32,
}

impl Inbox {
    pub(super) fn new(shared: Arc<Shared>, messages: Messages, run_id: String) -> Inbox {
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
    pub(super) async fn next(&mut self) -> Result<Option<ClientMessage>, Broken> {
        while let Some(message) = self.messages.next().await {
            let message = message?;
            let received = self.shared.arrivals.as_ref().map(ArrivalsSink::now);
            GatewayCounters::count(&self.shared.counters.messages);
            if let Some(ClientMessage::Start(start)) = &message {
                self.caller = Arc::new(Caller {
                    run_id: self.caller.run_id.clone(),
                    wire_session_id: start.session_id.clone(),
                });
            }
            if let (Some(log), Some(received)) = (&self.shared.arrivals, received) {
                log.push(
                    &self.caller,
                    self.seq,
                    received,
                    payload_bytes(message.as_ref()),
                );
            }
            self.seq = self.seq.wrapping_add(1);
            if message.is_some() {
                return Ok(message);
            }
        }
        Ok(None)
    }
}

/// Bytes of PCM or text.
fn payload_bytes(message: Option<&ClientMessage>) -> usize {
    match message {
        Some(ClientMessage::Audio(pcm)) => pcm.len(),
        Some(ClientMessage::Text(text)) => text.len(),
        Some(ClientMessage::Start(_)) | None => 0,
    }
}
