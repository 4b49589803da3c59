//! How a conversation is written in a protocol: pure encoding and decoding; the only home of
//! generated code, of protobuf and of a protocol's JSON.
//!
//! A `Dialect` is a run's; a `DialectSession`, made of it, is one session's: what the protocol numbers and
//! names, what the server has said of itself, and what is owed to it. Neither knows a socket or a clock.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use crate::conversation::framed::{FramedAudio, PLACE_BYTES, cut};
use crate::conversation::message::{ClientMessage, Reply, Start};

mod asked;
mod base64;
pub mod described;
mod field;
pub mod grpc;
mod nature;
mod overheard;
pub mod realtime;
#[cfg(test)]
pub mod scripted;
mod sending;
pub mod stream_audio;
pub mod twilio;
#[expect(
    missing_docs,
    reason = "generated; the .proto file holds the documentation"
)]
#[expect(clippy::allow_attributes_without_reason, reason = "generated")]
#[rustfmt::skip]
pub mod voice_workflow;

pub use asked::Asked;
pub use nature::{Carrier, Endpointing, Nature};
pub use overheard::{Overheard, Recordable};
pub use sending::{EndOfInput, Owed, Part};

use described::Described;
use realtime::Realtime;
use twilio::Twilio;

/// The protocol of a run. Immutable; clones are the same one.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Dialect {
    /// `voice_workflow.VoiceGateway/StreamAudio`.
    #[default]
    StreamAudio,
    /// OpenAI's Realtime protocol, or a relative.
    Realtime(Arc<Realtime>),
    /// Twilio Media Streams, of which we play Twilio's side.
    Twilio(Arc<Twilio>),
    /// One that a file describes.
    Described(Arc<Described>),
    /// One that tests read at a glance.
    #[cfg(test)]
    Scripted(Nature),
}

impl Dialect {
    /// What it is like, whatever it carries.
    #[must_use]
    pub fn nature(&self) -> Nature {
        match self {
            Dialect::StreamAudio => Nature::default(),
            Dialect::Realtime(realtime) => realtime.nature(),
            Dialect::Twilio(twilio) => twilio.nature(),
            Dialect::Described(described) => described.nature(),
            #[cfg(test)]
            Dialect::Scripted(nature) => *nature,
        }
    }

    /// Whether servers are told to answer with text alone.
    #[must_use]
    pub fn is_text_only(&self) -> bool {
        match self {
            Dialect::StreamAudio | Dialect::Twilio(_) => false,
            Dialect::Realtime(realtime) => realtime.is_text_only(),
            Dialect::Described(described) => described.is_text_only(),
            #[cfg(test)]
            Dialect::Scripted(_) => false,
        }
    }

    /// Path and query of the request of the session that begins so, where the target has none; `{var:NAME}` in it
    /// stands for what each session has of its own.
    #[must_use]
    pub fn path(&self, start: &Start) -> Cow<'_, str> {
        match self {
            Dialect::StreamAudio => stream_audio::PATH.into(),
            Dialect::Realtime(realtime) => realtime.path().into(),
            Dialect::Described(described) => described.path(start).into(),
            Dialect::Twilio(_) => "/".into(),
            #[cfg(test)]
            Dialect::Scripted(_) => "/".into(),
        }
    }

    /// Names and values of the headers that a session's request needs, beside those of its carrier; `{var:NAME}` in
    /// values stands for what each session has of its own.
    #[must_use]
    pub fn headers(&self) -> Vec<(String, String)> {
        match self {
            Dialect::StreamAudio | Dialect::Twilio(_) => Vec::new(),
            Dialect::Realtime(realtime) => {
                let headers = realtime.headers().iter();
                let owned = headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
                owned.collect()
            }
            Dialect::Described(described) => described.headers().to_vec(),
            #[cfg(test)]
            Dialect::Scripted(_) => Vec::new(),
        }
    }

    /// `audio`, as the wire has it, in chunks of these sizes as they are sent; the last may be shorter.
    #[must_use]
    pub fn frame_audio(
        &self,
        audio: &[u8],
        sizes: impl Iterator<Item = usize> + Clone,
    ) -> FramedAudio {
        let capacity = sizes.clone().map(|size| self.frame_bytes(size)).sum();
        FramedAudio::of(cut(audio, sizes), capacity, |chunk, out| match self {
            Dialect::StreamAudio => stream_audio::put_audio(chunk, out),
            Dialect::Realtime(_) => realtime::put_audio(chunk, out),
            Dialect::Twilio(_) => twilio::put_audio(chunk, out),
            Dialect::Described(described) => described.put_audio(chunk, out),
            #[cfg(test)]
            Dialect::Scripted(_) => scripted::put_audio(chunk, out),
        })
    }

    /// Bytes that a chunk of so many bytes takes in framed audio.
    #[must_use]
    pub fn framed_bytes(&self, chunk_bytes: usize) -> usize {
        self.frame_bytes(chunk_bytes) + PLACE_BYTES
    }

    /// The dialect with which it is measured what a chunk costs: audio as this one writes it, of callers who wait for
    /// no answer.
    #[must_use]
    pub fn for_trial(&self) -> Dialect {
        match self {
            Dialect::StreamAudio => Dialect::StreamAudio,
            Dialect::Realtime(realtime) => Dialect::Realtime(Arc::new(realtime.for_trial())),
            Dialect::Twilio(twilio) => Dialect::Twilio(Arc::new(twilio.for_trial())),
            Dialect::Described(described) => Dialect::Described(Arc::new(described.for_trial())),
            #[cfg(test)]
            Dialect::Scripted(nature) => Dialect::Scripted(*nature),
        }
    }

    /// What a server says so that audio may be sent: the first message by itself, and each of the others when it has
    /// received something.
    #[must_use]
    pub fn agreement(&self) -> &'static [&'static str] {
        match self {
            Dialect::StreamAudio | Dialect::Twilio(_) | Dialect::Described(_) => &[],
            Dialect::Realtime(_) => realtime::AGREEMENT,
            #[cfg(test)]
            Dialect::Scripted(_) => &[],
        }
    }

    fn frame_bytes(&self, chunk_bytes: usize) -> usize {
        match self {
            Dialect::StreamAudio => stream_audio::frame_bytes(chunk_bytes),
            Dialect::Realtime(_) => realtime::frame_bytes(chunk_bytes),
            Dialect::Twilio(_) => twilio::frame_bytes(chunk_bytes),
            Dialect::Described(described) => described.frame_bytes(chunk_bytes),
            #[cfg(test)]
            Dialect::Scripted(_) => chunk_bytes,
        }
    }

    /// What the protocol calls a message of the server; `None` where it has no names, or this message has none.
    #[must_use]
    pub fn name_of(&self, message: &[u8]) -> Option<String> {
        match self {
            Dialect::StreamAudio => None,
            Dialect::Realtime(_) => realtime::name_of(message),
            Dialect::Twilio(_) => twilio::name_of(message),
            Dialect::Described(described) => described.name_of(message),
            #[cfg(test)]
            Dialect::Scripted(_) => None,
        }
    }

    /// What one session says and hears, in which so many utterances will be said; `var` has its values of columns.
    #[must_use]
    pub fn session(&self, utterances: usize, var: impl Fn(&str) -> String) -> DialectSession {
        match self {
            Dialect::StreamAudio => DialectSession::StreamAudio,
            Dialect::Realtime(realtime) => {
                let session = realtime::Session::new(realtime.clone(), utterances);
                DialectSession::Realtime(Box::new(session))
            }
            Dialect::Twilio(twilio) => {
                DialectSession::Twilio(Box::new(twilio::Session::new(twilio.clone())))
            }
            Dialect::Described(described) => {
                let vars = described.vars().iter().map(|name| var(name));
                let session = described::Session::new(described.clone(), vars.collect());
                DialectSession::Described(Box::new(session))
            }
            #[cfg(test)]
            Dialect::Scripted(nature) => DialectSession::Scripted(scripted::Session::new(*nature)),
        }
    }
}

/// One session of a dialect.
#[derive(Debug, Default)]
pub enum DialectSession {
    /// It numbers and owes nothing.
    #[default]
    StreamAudio,
    /// One of the Realtime protocol.
    Realtime(Box<realtime::Session>),
    /// One of Twilio Media Streams.
    Twilio(Box<twilio::Session>),
    /// One that a file describes.
    Described(Box<described::Session>),
    /// One that tests read at a glance.
    #[cfg(test)]
    Scripted(scripted::Session),
}

impl DialectSession {
    /// Whether the server has said that this may be sent.
    #[must_use]
    pub fn may_send(&self, part: Part) -> bool {
        match self {
            DialectSession::StreamAudio | DialectSession::Twilio(_) => true,
            DialectSession::Realtime(session) => session.may_send(part),
            DialectSession::Described(session) => session.may_send(part),
            #[cfg(test)]
            DialectSession::Scripted(session) => session.may_send(part),
        }
    }

    /// The messages that say what the session is, which are sent at `at_ns`.
    pub fn start(&mut self, at_ns: i64, start: Start) -> Vec<Bytes> {
        match self {
            DialectSession::StreamAudio => vec![stream_audio::encode(ClientMessage::Start(start))],
            DialectSession::Realtime(session) => session.start(),
            DialectSession::Twilio(session) => session.start(&start),
            DialectSession::Described(session) => session.start(at_ns, start),
            #[cfg(test)]
            DialectSession::Scripted(_) => vec![scripted::encode(ClientMessage::Start(start))],
        }
    }

    /// A webhook has the server told this when the session starts.
    pub fn add_parameters(&mut self, parameters: Vec<(String, String)>) {
        if let DialectSession::Twilio(session) = self {
            session.add_parameters(parameters);
        }
    }

    /// The messages of what is typed instead of spoken.
    pub fn text(&mut self, text: String) -> Vec<Bytes> {
        match self {
            DialectSession::StreamAudio => vec![stream_audio::encode(ClientMessage::Text(text))],
            DialectSession::Realtime(session) => session.text(&text),
            // A caller on the telephone types nothing.
            DialectSession::Twilio(_) => Vec::new(),
            DialectSession::Described(session) => session.text(text),
            #[cfg(test)]
            DialectSession::Scripted(_) => vec![scripted::encode(ClientMessage::Text(text))],
        }
    }

    /// What stands before and after the next chunk, whose frame many sessions share.
    pub fn around_audio(&mut self) -> (&[u8], &[u8]) {
        match self {
            DialectSession::StreamAudio | DialectSession::Realtime(_) => (&[], &[]),
            DialectSession::Twilio(session) => session.around_audio(),
            DialectSession::Described(session) => session.around_audio(),
            #[cfg(test)]
            DialectSession::Scripted(_) => (&[], &[]),
        }
    }

    /// The chunk was taken.
    pub fn audio_taken(&mut self, at_ns: i64) {
        match self {
            DialectSession::StreamAudio | DialectSession::Realtime(_) => {}
            DialectSession::Twilio(session) => session.audio_taken(),
            DialectSession::Described(session) => session.audio_taken(at_ns),
            #[cfg(test)]
            DialectSession::Scripted(_) => {}
        }
    }

    /// The messages that end utterance `turn`, all of which was sent; none where the server finds its end.
    pub fn end_of_utterance(&mut self, turn: usize) -> Vec<Bytes> {
        match self {
            DialectSession::StreamAudio | DialectSession::Twilio(_) => Vec::new(),
            DialectSession::Realtime(session) => session.end_of_utterance(turn),
            DialectSession::Described(session) => session.end_of_utterance(),
            #[cfg(test)]
            DialectSession::Scripted(session) => session.end_of_utterance(turn),
        }
    }

    /// How the caller says that nothing more comes.
    pub fn end_of_input(&mut self) -> EndOfInput {
        match self {
            DialectSession::StreamAudio => EndOfInput::HalfClose,
            DialectSession::Realtime(session) => session.end_of_input(),
            DialectSession::Twilio(session) => session.end_of_input(),
            DialectSession::Described(session) => session.end_of_input(),
            #[cfg(test)]
            DialectSession::Scripted(session) => session.end_of_input(),
        }
    }

    /// Reads a message of the server, which may be several of the conversation's, or none. `at_ns` is when it came:
    /// what is owed for it is due by the same clock.
    ///
    /// # Errors
    /// Why it is none of the protocol; the session cannot go on.
    pub fn decode(
        &mut self,
        at_ns: i64,
        message: Bytes,
        mut each: impl FnMut(Reply),
    ) -> Result<(), &'static str> {
        let reply = match self {
            DialectSession::StreamAudio => stream_audio::decode(message),
            DialectSession::Realtime(session) => return session.decode(at_ns, &message, &mut each),
            DialectSession::Twilio(session) => Some(session.decode(at_ns, &message)?),
            DialectSession::Described(session) => return session.decode(&message, &mut each),
            #[cfg(test)]
            DialectSession::Scripted(session) => session.decode(at_ns, &message),
        };
        each(reply.ok_or("the server sent a message that is not protobuf")?);
        Ok(())
    }

    /// What is said at once when the caller hears no more of the answer that is playing, of which the last so many
    /// nanoseconds were not heard.
    pub fn interrupted(&mut self, unheard_ns: i64) -> Vec<Bytes> {
        match self {
            // A bot stops by itself when it hears the caller.
            DialectSession::StreamAudio
            | DialectSession::Twilio(_)
            | DialectSession::Described(_) => Vec::new(),
            DialectSession::Realtime(session) => session.interrupted(unheard_ns),
            #[cfg(test)]
            DialectSession::Scripted(session) => session.interrupted(unheard_ns),
        }
    }

    /// The next message that is owed by now; to be asked until there is none.
    pub fn owed(&mut self, now_ns: i64) -> Option<Owed> {
        match self {
            DialectSession::StreamAudio => None,
            DialectSession::Realtime(session) => session.owed(now_ns),
            DialectSession::Twilio(session) => session.owed(now_ns),
            DialectSession::Described(session) => session.owed(now_ns),
            #[cfg(test)]
            DialectSession::Scripted(session) => session.owed(now_ns),
        }
    }

    /// When the next message is owed, as far as that is known.
    #[must_use]
    pub fn owed_at(&self) -> Option<i64> {
        match self {
            DialectSession::StreamAudio => None,
            DialectSession::Realtime(session) => session.owed_at(),
            DialectSession::Twilio(session) => session.owed_at(),
            DialectSession::Described(session) => session.owed_at(),
            #[cfg(test)]
            DialectSession::Scripted(session) => session.owed_at(),
        }
    }
}
