//! The other side: what a bot receives from Twilio, and what it sends.

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::setup::ENCODING;
pub use super::setup::FORMAT;
use crate::dialect::base64;
use crate::dialect::field::Field;
use crate::pcm::codec::Codec;

/// What Twilio sends to a bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The call has begun.
    Started {
        /// By which messages name the stream.
        stream_sid: String,
        /// By which the service names the call.
        call_sid: String,
        /// What whoever configured the call says of it, as JSON; empty where nothing is said.
        parameters: String,
        /// Its audio is in [`FORMAT`], as far as is said.
        has_known_format: bool,
    },
    /// Audio of the caller, in µ-law.
    Media(Bytes),
    /// The caller has heard what was sent before the mark of this name.
    Heard(String),
    /// The caller has hung up.
    Stopped,
    /// Nothing that this version knows.
    Other,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Read<'a> {
    #[serde(borrow)]
    event: Field<'a>,
    #[serde(borrow)]
    start: Field<'a, Started<'a>>,
    #[serde(borrow)]
    media: Field<'a, Media<'a>>,
    #[serde(borrow)]
    mark: Field<'a, Mark<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Started<'a> {
    #[serde(borrow)]
    stream_sid: Field<'a>,
    #[serde(borrow)]
    call_sid: Field<'a>,
    #[serde(borrow)]
    custom_parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    media_format: Field<'a, MediaFormat<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct MediaFormat<'a> {
    #[serde(borrow)]
    encoding: Field<'a>,
    #[serde(borrow)]
    sample_rate: Field<'a>,
}

impl MediaFormat<'_> {
    fn is_known(&self) -> bool {
        let encoding = self.encoding.text();
        let rate_hz = self.sample_rate.whole();
        encoding.is_none_or(|encoding| encoding == ENCODING)
            && rate_hz.is_none_or(|rate_hz| rate_hz == i64::from(FORMAT.rate.0))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Media<'a> {
    #[serde(borrow)]
    track: Field<'a>,
    #[serde(borrow)]
    payload: Field<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Mark<'a> {
    #[serde(borrow)]
    name: Field<'a>,
}

/// Reads a message that Twilio sends; `None` if it is no JSON object with an event.
#[must_use]
pub fn read(message: &[u8]) -> Option<Event> {
    let read: Read<'_> = serde_json::from_slice(message).ok()?;
    let text = |field: &Field<'_>| field.text().unwrap_or_default().to_owned();
    Some(match read.event.text()? {
        "start" => {
            let start = read.start.object()?;
            Event::Started {
                stream_sid: text(&start.stream_sid),
                call_sid: text(&start.call_sid),
                parameters: start
                    .custom_parameters
                    .map_or_else(String::new, |parameters| parameters.get().to_owned()),
                has_known_format: start
                    .media_format
                    .object()
                    .is_none_or(MediaFormat::is_known),
            }
        }
        "media" => {
            let media = read.media.object()?;
            match media.track.text() {
                // What the bot said comes back where both tracks are streamed.
                Some("outbound") => Event::Other,
                _ => Event::Media(base64::read(media.payload.text()?)?.into()),
            }
        }
        "mark" => Event::Heard(text(&read.mark.object()?.name)),
        "stop" => Event::Stopped,
        _ => Event::Other,
    })
}

/// Audio that a bot sends, PCM16 little-endian at 8 kHz.
#[must_use]
pub fn media(stream_sid: &str, pcm: &[u8]) -> String {
    let bytes = FORMAT.codec.encode(&Codec::Pcm16.decode(pcm));
    let mut payload = BytesMut::new();
    base64::put(&bytes, &mut payload);
    let payload = String::from_utf8_lossy(&payload);
    json!({"event": "media", "streamSid": stream_sid, "media": {"payload": payload}}).to_string()
}

/// A name that a bot wants back once what it sent before was heard.
#[must_use]
pub fn mark(stream_sid: &str, name: &str) -> String {
    json!({"event": "mark", "streamSid": stream_sid, "mark": {"name": name}}).to_string()
}

/// What was not heard yet is to be thrown away.
#[must_use]
pub fn clear(stream_sid: &str) -> String {
    json!({"event": "clear", "streamSid": stream_sid}).to_string()
}
