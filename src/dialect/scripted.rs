//! A dialect that tests read at a glance: texts as they are, audio as its PCM, replies by name.

use bytes::{Bytes, BytesMut};

use crate::conversation::message::{ClientMessage, Reply, ServerMessage};

pub(super) fn encode(message: ClientMessage) -> Bytes {
    match message {
        ClientMessage::Start(start) => format!("start {}", start.session_id).into(),
        ClientMessage::Audio(pcm) => pcm,
        ClientMessage::Text(text) => text.into(),
    }
}

pub(super) fn put_audio(chunk: &[u8], out: &mut BytesMut) {
    out.extend_from_slice(chunk);
}

/// `NAME` or `NAME text`.
pub(super) fn decode(message: &Bytes) -> Option<Reply> {
    let message = std::str::from_utf8(message).ok()?;
    let (name, text) = message.split_once(' ').unwrap_or((message, ""));
    let text = text.to_owned();
    let (what, kind) = match name {
        "transcript" => (ServerMessage::Transcript(text), "transcript"),
        "processing" => (ServerMessage::Processing, "processing"),
        "text" => (ServerMessage::Text(text), "llm_text"),
        "speaking" => (ServerMessage::Speaking, "speaking"),
        "audio" => (
            ServerMessage::Audio(vec![64; text.parse().ok()?].into()),
            "audio",
        ),
        "listening" => (ServerMessage::TurnEnded, "listening"),
        "done" => (ServerMessage::Done, "end_of_turn"),
        "error" => (ServerMessage::Error(text), "error"),
        _ => return None,
    };
    Some(Reply {
        what,
        kind,
        detail: String::new(),
    })
}
