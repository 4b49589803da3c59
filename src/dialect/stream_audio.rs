//! The gateway's own protocol, `proto/voice_workflow.proto`, over gRPC.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;

use super::grpc::{HEADER_BYTES, frame, put_header};
use super::voice_workflow::client_message::Content as Said;
use super::voice_workflow::server_message::Content as Answer;
use super::voice_workflow::{self as proto, EventType};
use crate::conversation::message::{ClientMessage, Reply, ServerMessage, Start};

/// The method's path.
pub const PATH: &str = "/voice_workflow.VoiceGateway/StreamAudio";

/// Tag of `ClientMessage.audio_chunk`: field 2, length-delimited.
const AUDIO_TAG: u8 = 2 << 3 | 2;

/// A caller's message as it is sent.
#[must_use]
pub fn encode(message: ClientMessage) -> Bytes {
    frame(&proto::ClientMessage::from(message))
}

/// Bytes of the frame around a chunk of so many bytes of audio, and of the chunk.
pub(super) fn frame_bytes(chunk_bytes: usize) -> usize {
    HEADER_BYTES + message_bytes(chunk_bytes)
}

fn message_bytes(chunk_bytes: usize) -> usize {
    1 + prost::length_delimiter_len(chunk_bytes) + chunk_bytes
}

/// Appends a chunk of audio as it is sent: what [`encode`] makes of it, without the copies.
pub(super) fn put_audio(chunk: &[u8], out: &mut BytesMut) {
    put_header(out, message_bytes(chunk.len()));
    out.put_u8(AUDIO_TAG);
    // Where there is room, and `BytesMut` grows, it cannot fail.
    let _ = prost::encode_length_delimiter(chunk.len(), out);
    out.put_slice(chunk);
}

/// Reads a caller's message; `None` when it is not valid protobuf, `Some(None)` when it has no content
/// that this version knows.
#[must_use]
pub fn decode_client(message: Bytes) -> Option<Option<ClientMessage>> {
    let message = proto::ClientMessage::decode(message).ok()?;
    Some(client_message(message))
}

/// What a caller's message is in a conversation.
#[must_use]
pub fn client_message(message: proto::ClientMessage) -> Option<ClientMessage> {
    Some(match message.content? {
        Said::Config(config) => ClientMessage::Start(Start {
            session_id: config.session_id,
            language_code: config.language_code,
            sample_rate_hz: config.sample_rate,
        }),
        Said::AudioChunk(pcm) => ClientMessage::Audio(pcm),
        Said::TextInput(text) => ClientMessage::Text(text),
    })
}

impl From<ClientMessage> for proto::ClientMessage {
    fn from(message: ClientMessage) -> proto::ClientMessage {
        let content = match message {
            ClientMessage::Start(start) => Said::Config(proto::VoiceConfig {
                language_code: start.language_code,
                session_id: start.session_id,
                sample_rate: start.sample_rate_hz,
            }),
            ClientMessage::Audio(pcm) => Said::AudioChunk(pcm),
            ClientMessage::Text(text) => Said::TextInput(text),
        };
        proto::ClientMessage {
            content: Some(content),
        }
    }
}

/// Reads a server's message; `None` when it is not valid protobuf.
#[must_use]
pub fn decode(message: Bytes) -> Option<Reply> {
    let mut detail = String::new();
    let (what, kind) = match proto::ServerMessage::decode(message).ok()?.content {
        Some(Answer::TranscriptChunk(text)) => (ServerMessage::transcript(text), "transcript"),
        Some(Answer::LlmResponseChunk(text)) => (ServerMessage::Text(text), "llm_text"),
        Some(Answer::AudioChunk(pcm)) => (ServerMessage::Audio(pcm), "audio"),
        Some(Answer::Event(event)) => {
            let kind = event.r#type();
            detail = event.message;
            match kind {
                EventType::Listening => (ServerMessage::TurnEnded, "listening"),
                EventType::Processing => (ServerMessage::Processing, "processing"),
                EventType::Speaking => (ServerMessage::Speaking, "speaking"),
                EventType::EndOfTurn => (ServerMessage::Done, "end_of_turn"),
                EventType::Error => (ServerMessage::Error(std::mem::take(&mut detail)), "error"),
                EventType::EventUnspecified => (ServerMessage::Unknown, "unknown"),
            }
        }
        None => (ServerMessage::Unknown, "unknown"),
    };
    Some(Reply {
        what,
        about: None,
        kind,
        detail,
    })
}

impl From<ServerMessage> for proto::ServerMessage {
    fn from(message: ServerMessage) -> proto::ServerMessage {
        let event = |kind: EventType, message| {
            Answer::Event(proto::ServerEvent {
                r#type: kind.into(),
                message,
            })
        };
        let content = match message {
            ServerMessage::Transcript { text, .. } => Answer::TranscriptChunk(text),
            ServerMessage::Text(text) => Answer::LlmResponseChunk(text),
            ServerMessage::Audio(pcm) => Answer::AudioChunk(pcm),
            ServerMessage::Processing => event(EventType::Processing, String::new()),
            ServerMessage::Speaking => event(EventType::Speaking, String::new()),
            ServerMessage::TurnEnded => event(EventType::Listening, String::new()),
            ServerMessage::Done => event(EventType::EndOfTurn, String::new()),
            ServerMessage::Error(text) | ServerMessage::Refused(text) => {
                event(EventType::Error, text)
            }
            ServerMessage::Ready | ServerMessage::Cleared | ServerMessage::Unknown => {
                event(EventType::EventUnspecified, String::new())
            }
        };
        proto::ServerMessage {
            content: Some(content),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Dialect;
    use super::*;

    #[test]
    fn framed_audio_is_what_prost_would_encode() {
        let pcm: Vec<u8> = (0..1500).map(|n| n as u8).collect();
        let sizes = [640, 320, 130, 400, 100];
        let framed = Dialect::StreamAudio.frame_audio(&pcm, sizes.into_iter());
        let mut from = 0;
        for (number, size) in sizes.into_iter().enumerate() {
            let chunk = &pcm[from..(from + size).min(1500)];
            let expected = encode(ClientMessage::Audio(Bytes::copy_from_slice(chunk)));
            assert_eq!(frame_bytes(chunk.len()), expected.len());
            assert_eq!(framed.chunk(number), (expected, chunk.len()));
            from += size;
        }
        assert_eq!(framed.chunk(5), (Bytes::new(), 0));
    }

    #[test]
    fn messages_are_read_as_they_were_written() {
        let start = Start {
            session_id: "a".to_owned(),
            language_code: "de-DE".to_owned(),
            sample_rate_hz: 8_000,
        };
        let pcm = Bytes::from_static(&[1, 2]);
        for message in [
            ClientMessage::Start(start),
            ClientMessage::Audio(pcm.clone()),
            ClientMessage::Text("hello".to_owned()),
        ] {
            let read = decode_client(encode(message.clone()).slice(HEADER_BYTES..));
            assert_eq!(read, Some(Some(message)));
        }
        for (message, kind) in [
            (ServerMessage::transcript("a"), "transcript"),
            (ServerMessage::Text("b".into()), "llm_text"),
            (ServerMessage::Audio(pcm), "audio"),
            (ServerMessage::TurnEnded, "listening"),
            (ServerMessage::Processing, "processing"),
            (ServerMessage::Speaking, "speaking"),
            (ServerMessage::Done, "end_of_turn"),
            (ServerMessage::Error("no GPU".into()), "error"),
            (ServerMessage::Unknown, "unknown"),
        ] {
            let bytes = proto::ServerMessage::from(message.clone()).encode_to_vec();
            let reply = decode(bytes.into()).unwrap();
            assert_eq!((reply.what, reply.kind), (message, kind));
        }
    }

    #[test]
    fn what_is_not_protobuf_is_no_message_and_what_is_not_known_is_unknown() {
        assert_eq!(decode(Bytes::from_static(&[0xff, 0xff])), None);
        assert_eq!(decode_client(Bytes::from_static(&[0xff, 0xff])), None);
        assert_eq!(decode_client(Bytes::new()), Some(None));
        assert_eq!(decode(Bytes::new()).unwrap().what, ServerMessage::Unknown);
    }

    #[test]
    fn words_that_come_with_an_event_are_its_text() {
        let event = proto::ServerEvent {
            r#type: EventType::Listening.into(),
            message: "go on".to_owned(),
        };
        let message = proto::ServerMessage {
            content: Some(Answer::Event(event)),
        };
        let reply = decode(message.encode_to_vec().into()).unwrap();
        assert_eq!((reply.text(), reply.payload_bytes()), ("go on", 5));
        assert_eq!(reply.what, ServerMessage::TurnEnded);
    }
}
