//! From the bytes of one side of a call to its messages, however they were cut: gRPC's, or those of a WebSocket.

use bytes::Bytes;

use crate::dialect::Carrier;
use crate::transport::websocket::frame::{Event, Sender};
use crate::transport::{grpc, websocket::frame};

/// A message that cannot be read: compressed, too large, or not of the protocol.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotUnderstood;

/// What a side sent.
#[derive(Debug)]
pub(super) enum Sent {
    /// A message.
    Message(Bytes),
    /// The end of a WebSocket, with its code if it has one.
    Closed(Option<u16>),
}

/// Finds the messages of one side.
#[derive(Debug)]
pub(super) enum Messages {
    Grpc(grpc::FrameReader),
    WebSocket(frame::FrameReader),
}

impl Messages {
    /// Those that `from` sends over `carrier`.
    pub(super) fn new(carrier: Carrier, from: Sender) -> Messages {
        match carrier {
            Carrier::Http2 => Messages::Grpc(grpc::FrameReader::default()),
            Carrier::WebSocket => Messages::WebSocket(frame::FrameReader::new(from)),
        }
    }

    /// Appends what is complete with the next bytes to `all`.
    ///
    /// # Errors
    /// Bytes that are no messages; those before them are in `all`.
    pub(super) fn push(&mut self, data: Bytes, all: &mut Vec<Sent>) -> Result<(), NotUnderstood> {
        match self {
            Messages::Grpc(reader) => {
                let read = reader.push(data, |message| all.push(Sent::Message(message)));
                read.map_err(|_| NotUnderstood)
            }
            Messages::WebSocket(reader) => {
                let read = reader.push(data, |event| match event {
                    Event::Message(message) => all.push(Sent::Message(message)),
                    Event::Close { code, .. } => all.push(Sent::Closed(code)),
                    Event::Ping(_) | Event::Pong(_) => {}
                });
                read.map_err(|_| NotUnderstood)
            }
        }
    }
}
