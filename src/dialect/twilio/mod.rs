//! Twilio Media Streams, of which we play Twilio's side: JSON messages over a WebSocket, µ-law in base64. What a bot
//! sends is read in `bot`, what it receives in `server`, for gateways and recordings, which read both (`overheard`).

mod bot;
mod incoming;
mod overheard;
pub mod server;
mod session;
mod setup;
mod signature;
#[cfg(test)]
mod tests;
mod twiml;

use bytes::BytesMut;

use super::base64;

pub(super) use bot::name_of;
pub use incoming::signed_text;
pub use overheard::Overheard;
pub use session::Session;
pub use setup::{Twilio, TwilioSpec};
pub use signature::{SIGNATURE, signature};
pub use twiml::{MOST_TWIML, StreamVerb, stream_verb};

/// Characters of a chunk of so many bytes, without what stands around them.
pub(super) fn frame_bytes(chunk_bytes: usize) -> usize {
    base64::chars(chunk_bytes)
}

/// Appends a chunk as all sessions have it.
pub(super) fn put_audio(chunk: &[u8], out: &mut BytesMut) {
    base64::put(chunk, out);
}
