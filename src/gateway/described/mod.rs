//! A dialect that a file describes, served: over a WebSocket or gRPC, with the same pipeline behind it.

mod call;
mod grpc;

pub(super) use grpc::Service;

use std::sync::Arc;

use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::inbox::Inbox;
use super::outbox::{Broken, Outbox};
use super::shared::Shared;
use super::websocket::{Frame, Protocol, Request};
use crate::dialect::described::{Listener, Said, Server, Told};

/// A described dialect over WebSocket.
pub(super) struct Described(pub(super) Arc<Server>);

impl Protocol for Described {
    type Message = Told;
    type Reply = Said;

    fn subprotocol(&self) -> Option<&'static str> {
        None
    }

    fn refused(&self) -> f64 {
        0.0
    }

    fn reader(&self) -> impl FnMut(Frame<'_>) -> Told + Send + 'static {
        let mut listener = Listener::new(Arc::clone(&self.0));
        move |frame| match frame {
            Frame::Text(text) => listener.text(text),
            Frame::Binary(bytes) => listener.binary(bytes),
        }
    }

    async fn converse(
        &self,
        shared: &Shared,
        _request: &Request,
        inbox: &mut Inbox<Told>,
        outbox: &Outbox<Said>,
    ) -> Result<(), Broken> {
        call::converse(shared, &self.0, inbox, outbox).await
    }
}

impl From<Said> for Message {
    fn from(said: Said) -> Message {
        match said {
            Said::Text(text) => Message::Text(Utf8Bytes::from(text)),
            Said::Bytes(bytes) => Message::Binary(bytes),
        }
    }
}
