//! The caller's side of a stream: messages in, each stamped and logged as it comes out.

use std::pin::Pin;
use std::sync::Arc;

use tokio_stream::{Stream, StreamExt as _};

use super::arrivals::{ArrivalsSink, Caller};
use super::counters::GatewayCounters;
use super::outbox::Broken;
use super::shared::Shared;
use crate::conversation::message::ClientMessage;
use crate::dialect::described::Told;
use crate::dialect::realtime::server::request::{ClientEvent, Request};
use crate::dialect::twilio::server::Event;

/// Messages as the transport hands them over: `None` for one without content.
pub(super) type Messages<M> = Pin<Box<dyn Stream<Item = Result<Option<M>, Broken>> + Send>>;

/// A message of a caller, in any protocol.
pub(super) trait Arriving {
    /// Bytes of audio or text.
    fn payload_bytes(&self) -> usize;

    /// The session's name, if it says one.
    fn session_id(&self) -> Option<&str>;
}

pub(super) struct Inbox<M = ClientMessage> {
    shared: Arc<Shared>,
    messages: Messages<M>,
    caller: Arc<Caller>,
    seq: u32,
}

impl<M: Arriving> Inbox<M> {
    pub(super) fn new(shared: Arc<Shared>, messages: Messages<M>, caller: Caller) -> Inbox<M> {
        Inbox {
            shared,
            messages,
            caller: Arc::new(caller),
            seq: 0,
        }
    }

    /// The session's name, as far as it is known.
    pub(super) fn session_id(&self) -> String {
        self.caller.wire_session_id.clone()
    }

    /// The next message with content, `None` after the last; cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Option<M>, Broken> {
        while let Some(message) = self.messages.next().await {
            let message = message?;
            let received = self.shared.arrivals.as_ref().map(ArrivalsSink::now);
            GatewayCounters::count(&self.shared.counters.messages);
            if let Some(session_id) = message.as_ref().and_then(M::session_id) {
                self.caller = Arc::new(Caller {
                    run_id: self.caller.run_id.clone(),
                    wire_session_id: session_id.to_owned(),
                });
            }
            if let (Some(log), Some(received)) = (&self.shared.arrivals, received) {
                let bytes = message.as_ref().map_or(0, M::payload_bytes);
                log.push(&self.caller, self.seq, received, bytes);
            }
            self.seq = self.seq.wrapping_add(1);
            if message.is_some() {
                return Ok(message);
            }
        }
        Ok(None)
    }
}

impl Arriving for ClientMessage {
    fn payload_bytes(&self) -> usize {
        match self {
            ClientMessage::Audio(pcm) => pcm.len(),
            ClientMessage::Text(text) => text.len(),
            ClientMessage::Start(_) => 0,
        }
    }

    fn session_id(&self) -> Option<&str> {
        match self {
            ClientMessage::Start(start) => Some(&start.session_id),
            ClientMessage::Audio(_) | ClientMessage::Text(_) => None,
        }
    }
}

impl Arriving for ClientEvent {
    fn payload_bytes(&self) -> usize {
        match &self.asks {
            Ok(Request::Append(audio)) => audio.len(),
            Ok(Request::Create { what, .. }) => what.written().len(),
            _ => 0,
        }
    }

    /// The request that opened the connection said it.
    fn session_id(&self) -> Option<&str> {
        None
    }
}

/// A message that is none is of no use to a bot.
impl Arriving for Option<Event> {
    fn payload_bytes(&self) -> usize {
        match self {
            Some(Event::Media(bytes)) => bytes.len(),
            _ => 0,
        }
    }

    /// The request that opened the connection said it.
    fn session_id(&self) -> Option<&str> {
        None
    }
}

impl Arriving for Told {
    fn payload_bytes(&self) -> usize {
        match self {
            Told::Audio(coded) => coded.len(),
            Told::Text(text) => text.len(),
            _ => 0,
        }
    }

    /// Where it says none, the request that opened the stream did.
    fn session_id(&self) -> Option<&str> {
        match self {
            Told::Started { session_id, .. } => Some(&**session_id).filter(|id| !id.is_empty()),
            _ => None,
        }
    }
}
