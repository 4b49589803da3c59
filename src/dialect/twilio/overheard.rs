//! A call that others hold, overheard: Twilio's messages as a bot reads them, a bot's as Twilio does.

use super::bot;
use super::server::{self, Event, FORMAT};
use crate::conversation::message::{ClientMessage, Reply, ServerMessage, Start};
use crate::dialect::asked::Asked;
use crate::pcm::codec::Codec;

const NO_EVENT: &str = "the caller sent a message that is no JSON object with an event";

/// Bytes of µ-law in one piece: a chunk of a trace has at most 4 MiB.
const PIECE: usize = 1024 * 1024;

/// Reads a message of the caller. What whoever configured the call says of it is not kept.
///
/// # Errors
/// It is none of the protocol.
pub(in crate::dialect) fn asked(
    message: &[u8],
    each: &mut dyn FnMut(Asked),
) -> Result<(), &'static str> {
    match server::read(message).ok_or(NO_EVENT)? {
        Event::Started { call_sid, .. } => {
            each(Asked::Message(ClientMessage::Start(Start {
                session_id: call_sid,
                language_code: String::new(),
                sample_rate_hz: FORMAT.rate.0.cast_signed(),
            })));
        }
        Event::Media(audio) => {
            for piece in audio.chunks(PIECE) {
                let pcm = Codec::Pcm16.encode(&FORMAT.codec.decode(piece));
                each(Asked::Message(ClientMessage::Audio(pcm.into())));
            }
        }
        Event::Heard(_) | Event::Stopped | Event::Other => {}
    }
    Ok(())
}

/// Reads a message of the bot.
///
/// # Errors
/// It is none of the protocol.
pub(in crate::dialect) fn answered(
    message: &[u8],
    each: &mut dyn FnMut(Reply),
) -> Result<(), &'static str> {
    let (what, kind) = match bot::read(message)? {
        bot::Message::Media(pcm) => (ServerMessage::Audio(pcm), "audio"),
        bot::Message::Clear => (ServerMessage::Cleared, "cleared"),
        bot::Message::Mark(_) | bot::Message::Other => return Ok(()),
    };
    each(Reply {
        what,
        about: None,
        kind,
        detail: String::new(),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    fn asks(message: &str) -> Result<Vec<Asked>, &'static str> {
        let mut all = Vec::new();
        asked(message.as_bytes(), &mut |one| all.push(one))?;
        Ok(all)
    }

    #[test]
    fn what_a_caller_says_is_its_call_and_its_audio() {
        let start = json!({"event": "start", "start": {
            "streamSid": "MZ1", "callSid": "CA1", "customParameters": {"name": "Ann"},
        }});
        let call = Start {
            session_id: "CA1".to_owned(),
            language_code: String::new(),
            sample_rate_hz: 8_000,
        };
        let expected = [Asked::Message(ClientMessage::Start(call))];
        assert_eq!(asks(&start.to_string()).unwrap(), expected);
        let media = json!({"event": "media", "media": {"payload": "/////w=="}});
        let silence = Asked::Message(ClientMessage::Audio(vec![0; 8].into()));
        assert_eq!(asks(&media.to_string()).unwrap(), [silence]);
        for nothing in ["connected", "mark", "stop", "dtmf"] {
            let message = json!({"event": nothing, "mark": {"name": "a"}});
            assert_eq!(asks(&message.to_string()).unwrap(), []);
        }
        assert_eq!(asks("{"), Err(NO_EVENT));
        assert_eq!(asks("[1]"), Err(NO_EVENT));
    }

    #[test]
    fn what_a_bot_says_is_audio_and_what_is_not_to_be_heard() {
        let heard = |message: &str| {
            let mut all = Vec::new();
            let read = answered(message.as_bytes(), &mut |one| all.push(one.what));
            read.map(|()| all)
        };
        let pcm = [0, 0, 0, 0];
        let said = heard(&server::media("MZ", &pcm)).unwrap();
        assert_eq!(said, [ServerMessage::Audio(Bytes::copy_from_slice(&pcm))]);
        assert_eq!(
            heard(&server::clear("MZ")).unwrap(),
            [ServerMessage::Cleared]
        );
        assert_eq!(heard(&server::mark("MZ", "a")).unwrap(), []);
        assert!(heard("no").is_err());
    }
}
