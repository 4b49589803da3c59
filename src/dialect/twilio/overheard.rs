//! A call that others hold, overheard: what Twilio says as a bot reads it, and the bot's answers by their sound.

use super::bot::{self, Message};
use super::server::{self, Event};
use super::setup::FORMAT;
use crate::conversation::audible::Threshold;
use crate::conversation::message::{ClientMessage, Reply, ServerMessage, Start};
use crate::conversation::sound::{ANSWER_GAP_NS, Sound};
use crate::dialect::asked::Asked;
use crate::pcm::codec::Codec;

const NO_MESSAGE: &str = "the caller sent a message that is none of Twilio Media Streams";
const OTHER_FORMAT: &str = "the caller's audio is not in \u{b5}-law at 8 kHz";

/// One call, overheard.
#[derive(Debug)]
pub struct Overheard {
    sound: Sound,
}

impl Default for Overheard {
    /// A call that was just connected, on a quiet line.
    fn default() -> Overheard {
        Overheard::new(Threshold::default(), ANSWER_GAP_NS)
    }
}

impl Overheard {
    /// A call that was just connected, in which sound over a threshold is of an answer until so long after its last.
    #[must_use]
    pub fn new(audible: Threshold, answer_gap_ns: i64) -> Overheard {
        Overheard {
            sound: Sound::new(FORMAT.rate, audible, answer_gap_ns),
        }
    }

    /// Reads a message of Twilio. Custom parameters may say anything of whoever calls: they are passed over.
    ///
    /// # Errors
    /// What is no message of the protocol, and a call whose audio is in another format than Twilio's.
    pub fn asked(
        &mut self,
        message: &[u8],
        each: &mut dyn FnMut(Asked),
    ) -> Result<(), &'static str> {
        match server::read(message).ok_or(NO_MESSAGE)? {
            Event::Started {
                has_known_format: false,
                ..
            } => return Err(OTHER_FORMAT),
            Event::Started { call_sid, .. } => {
                each(Asked::Message(ClientMessage::Start(Start {
                    session_id: call_sid,
                    language_code: String::new(),
                    sample_rate_hz: i32::try_from(FORMAT.rate.0).unwrap_or(0),
                })));
            }
            Event::Media(audio) => {
                let pcm = Codec::Pcm16.encode(&FORMAT.codec.decode(&audio));
                each(Asked::Message(ClientMessage::Audio(pcm.into())));
            }
            Event::Stopped => each(Asked::EndOfInput),
            Event::Heard(_) | Event::Other => {}
        }
        Ok(())
    }

    /// Reads a message of the bot that came at `at_ns`. An answer is audio from what is audible first on, until what is
    /// audible last; that it has ended is known when the next one begins, or when it is cleared.
    ///
    /// # Errors
    /// What is no message of the protocol.
    pub fn answered(
        &mut self,
        at_ns: i64,
        message: &[u8],
        each: &mut dyn FnMut(i64, Reply),
    ) -> Result<(), &'static str> {
        match bot::read(message)? {
            Message::Media(pcm) => {
                for known in self.sound.heard(at_ns, &pcm) {
                    each(known.at_ns, reply(known.what));
                }
            }
            Message::Clear if self.sound.cleared(at_ns) => {
                each(at_ns, reply(ServerMessage::TurnEnded));
            }
            Message::Clear | Message::Mark(_) | Message::Other => {}
        }
        Ok(())
    }
}

fn reply(what: ServerMessage) -> Reply {
    let kind = match what {
        ServerMessage::TurnEnded => "listening",
        _ => "audio",
    };
    Reply {
        what,
        about: None,
        kind,
        detail: String::new(),
    }
}
