//! A session that others hold, as it is overheard between them: what the caller says, and what the server answers.

use std::sync::Arc;

use bytes::Bytes;

use super::asked::Asked;
use super::nature::Nature;
use super::realtime::Realtime;
use super::twilio::Twilio;
use super::{realtime, stream_audio, twilio};
use crate::conversation::audible::Threshold;
use crate::conversation::message::Reply;

/// The protocol of calls that others make, in which they can be overheard.
#[derive(Debug, Clone)]
pub enum Recordable {
    /// `voice_workflow.VoiceGateway/StreamAudio`.
    StreamAudio,
    /// OpenAI's Realtime protocol.
    Realtime(Arc<Realtime>),
    /// Twilio Media Streams.
    Twilio {
        /// What of a bot's sound is of its answers.
        audible: Threshold,
        /// How long after its last sound an answer has ended, in ns.
        answer_gap_ns: i64,
    },
}

impl Recordable {
    /// What users call it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Recordable::StreamAudio => "stream-audio",
            Recordable::Realtime(_) => "realtime",
            Recordable::Twilio { .. } => "twilio",
        }
    }

    /// What it is like.
    #[must_use]
    pub fn nature(&self) -> Nature {
        match self {
            Recordable::StreamAudio => Nature::default(),
            Recordable::Realtime(setup) => setup.nature(),
            Recordable::Twilio { .. } => Twilio::default().nature(),
        }
    }

    /// What others say on a session that was just opened.
    #[must_use]
    pub fn session(&self) -> Overheard {
        match self {
            Recordable::StreamAudio => Overheard::StreamAudio,
            Recordable::Realtime(setup) => {
                Overheard::Realtime(Box::new(realtime::Overheard::new(setup)))
            }
            Recordable::Twilio {
                audible,
                answer_gap_ns,
            } => Overheard::Twilio(Box::new(twilio::Overheard::new(*audible, *answer_gap_ns))),
        }
    }
}

/// One session, overheard.
#[derive(Debug)]
pub enum Overheard {
    /// Each message says all that is to be known of it.
    StreamAudio,
    /// One of the Realtime protocol.
    Realtime(Box<realtime::Overheard>),
    /// One of Twilio Media Streams.
    Twilio(Box<twilio::Overheard>),
}

impl Overheard {
    /// Reads a message of the caller, which may be several things, or none.
    ///
    /// # Errors
    /// It is none of the protocol, or what the caller says cannot be followed from it on.
    pub fn asked(
        &mut self,
        message: Bytes,
        each: &mut dyn FnMut(Asked),
    ) -> Result<(), &'static str> {
        match self {
            Overheard::StreamAudio => {
                let message = stream_audio::decode_client(message);
                let message = message.ok_or("the caller sent a message that is not protobuf")?;
                if let Some(message) = message {
                    each(Asked::Message(message));
                }
                Ok(())
            }
            Overheard::Realtime(session) => session.asked(&message, each),
            Overheard::Twilio(session) => session.asked(&message, each),
        }
    }

    /// Reads a message of the server that came at `at_ns`, which may be several of the conversation's, or none. Each is
    /// handed on with its own instant: what is part of an answer may be known later than it came.
    ///
    /// # Errors
    /// It is none of the protocol.
    pub fn answered(
        &mut self,
        at_ns: i64,
        message: Bytes,
        each: &mut dyn FnMut(i64, Reply),
    ) -> Result<(), &'static str> {
        match self {
            Overheard::StreamAudio => {
                let reply = stream_audio::decode(message);
                let reply = reply.ok_or("the server sent a message that is not protobuf")?;
                each(at_ns, reply);
                Ok(())
            }
            Overheard::Realtime(session) => {
                session.answered(&message, &mut |reply| each(at_ns, reply))
            }
            Overheard::Twilio(session) => session.answered(at_ns, &message, each),
        }
    }

    /// Samples a second of the server's audio; `None` for those of the caller's.
    #[must_use]
    pub fn output_rate_hz(&self) -> Option<u32> {
        match self {
            Overheard::StreamAudio => None,
            Overheard::Realtime(session) => Some(session.output_rate_hz()),
            Overheard::Twilio(_) => Some(twilio::server::FORMAT.rate.0),
        }
    }
}
