//! What a server says, and the message as its carrier takes it.

use bytes::Bytes;

/// What is said in a message.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content<'a> {
    None,
    Text(&'a str),
    /// Audio as the server codes it.
    Audio(&'a [u8]),
}

/// A message of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Text of a WebSocket.
    Text(String),
    /// Bytes of a WebSocket, or a message of gRPC without what comes before it.
    Bytes(Bytes),
}

impl From<Said> for Bytes {
    fn from(said: Said) -> Bytes {
        match said {
            Said::Text(text) => text.into(),
            Said::Bytes(bytes) => bytes,
        }
    }
}
