//! Protocols over WebSocket, served: connections accepted and upgraded, each the session of a `Protocol`.

mod server;
mod socket;
mod upgrade;

pub(super) use server::serve;
pub(super) use upgrade::{Request, caller, header, query_value, shortened};

use bytes::Bytes;
use tokio_tungstenite::tungstenite::Message;

use super::inbox::{Arriving, Inbox};
use super::outbox::{Broken, Outbox};
use super::shared::Shared;

/// A message of a client.
pub(super) enum Frame<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes that are none.
    Binary(&'a Bytes),
}

/// What a gateway speaks over WebSocket.
pub(super) trait Protocol: Send + Sync + 'static {
    /// What clients send.
    type Message: Arriving + Send;

    /// What they are told.
    type Reply: Into<Message> + Send;

    /// The name of the subprotocol that is agreed to where clients offer it.
    fn subprotocol(&self) -> Option<&'static str>;

    /// Share of connections that are refused with HTTP 429.
    fn refused(&self) -> f64;

    /// What each message of a client says, one after the other.
    fn reader(&self) -> impl FnMut(Frame<'_>) -> Self::Message + Send + 'static;

    /// Holds the session that `request` opened until the client ends it.
    fn converse(
        &self,
        shared: &Shared,
        request: &Request,
        inbox: &mut Inbox<Self::Message>,
        outbox: &Outbox<Self::Reply>,
    ) -> impl Future<Output = Result<(), Broken>> + Send;
}
