//! OpenAI Realtime, served: a WebSocket for each session, with the same pipeline behind it.

mod call;
mod ear;
mod opened;

use super::inbox::Inbox;
use super::outbox::{Broken, Outbox};
use super::shared::Shared;
use super::spec::RealtimeSpec;
use super::websocket::{Frame, Protocol, Request};
use crate::dialect::realtime::server::request::{self, ClientEvent};
use opened::Opened;

/// The protocol, served as a specification says.
pub(super) struct Realtime(pub(super) RealtimeSpec);

impl Protocol for Realtime {
    type Message = ClientEvent;
    type Reply = String;

    /// Clients name it where they cannot set headers.
    fn subprotocol(&self) -> Option<&'static str> {
        Some("realtime")
    }

    fn refused(&self) -> f64 {
        self.0.refused
    }

    fn reader(&self) -> impl FnMut(Frame<'_>) -> ClientEvent + Send + 'static {
        |frame| match frame {
            Frame::Text(text) => request::read(text),
            Frame::Binary(_) => request::binary(),
        }
    }

    async fn converse(
        &self,
        shared: &Shared,
        request: &Request,
        inbox: &mut Inbox<ClientEvent>,
        outbox: &Outbox<String>,
    ) -> Result<(), Broken> {
        call::converse(shared, &self.0, Opened::by(request), inbox, outbox).await
    }
}
