//! What a bot sends to Twilio, as one writes it who is not trusted.

use bytes::Bytes;
use serde::Deserialize;

use super::setup::FORMAT;
use crate::dialect::base64;
use crate::dialect::field::Field;
use crate::pcm::codec::Codec;

/// Why a message cannot be read.
const NO_MESSAGE: &str = "the server sent a message that is no JSON object with an event";
/// Why its audio cannot be.
const NO_AUDIO: &str = "the server sent media whose payload is no base64";

/// A message of a bot.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// Audio, as PCM16 little-endian.
    Media(Bytes),
    /// A name that it wants back once what it sent before was heard.
    Mark(String),
    /// What was not heard yet is to be thrown away.
    Clear,
    /// Nothing that this version knows.
    Other,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Read<'a> {
    #[serde(borrow)]
    event: Field<'a>,
    #[serde(borrow)]
    media: Field<'a, Media<'a>>,
    #[serde(borrow)]
    mark: Field<'a, Mark<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Media<'a> {
    #[serde(borrow)]
    payload: Field<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Mark<'a> {
    #[serde(borrow)]
    name: Field<'a>,
}

/// Reads a message.
///
/// # Errors
/// Why it is none of the protocol.
pub(super) fn read(message: &[u8]) -> Result<Message, &'static str> {
    let read: Read<'_> = serde_json::from_slice(message).map_err(|_| NO_MESSAGE)?;
    Ok(match read.event.text().ok_or(NO_MESSAGE)? {
        "media" => {
            let payload = read.media.object().and_then(|media| media.payload.text());
            let bytes = base64::read(payload.unwrap_or_default()).ok_or(NO_AUDIO)?;
            Message::Media(Codec::Pcm16.encode(&FORMAT.codec.decode(&bytes)).into())
        }
        "mark" => {
            let name = read.mark.object().and_then(|mark| mark.name.text());
            Message::Mark(name.unwrap_or_default().to_owned())
        }
        "clear" => Message::Clear,
        _ => Message::Other,
    })
}

/// What the protocol calls a message.
pub(in crate::dialect) fn name_of(message: &[u8]) -> Option<String> {
    let read: Read<'_> = serde_json::from_slice(message).ok()?;
    read.event.text().map(str::to_owned)
}
