//! A description in words: what would be sent, and what is understood of a reply.

use bytes::{Bytes, BytesMut};

use super::framing::Framing;
use super::message::Message;
use super::protobuf;
use super::setup::Described;
use super::template::{Values, asked_for};
use crate::conversation::answer::AnsweredBy;
use crate::conversation::message::{Reply, ServerMessage, Start};
use crate::dialect::grpc::HEADER_BYTES;
use crate::dialect::nature::{Carrier, Endpointing};
use crate::units::{NS_PER_MS, SampleRate, Samples, duration_text};

/// The length of a chunk that stands for those of a trace.
const CHUNK_NS: i64 = 20 * NS_PER_MS;

impl Described {
    /// What would be sent in a session, in order: what each message is, and the message.
    #[must_use]
    pub fn sent(&self, start: &Start) -> Vec<(&'static str, String)> {
        let rate = self.rate(u32::try_from(start.sample_rate_hz).unwrap_or(0));
        let values = Values {
            session_id: start.session_id.clone(),
            language: start.language_code.clone(),
            sample_rate: rate,
            vars: self.vars.iter().map(|name| asked_for(name)).collect(),
            text: "{text}".to_owned(),
        };
        let mut sent = vec![
            ("dialect", self.name.clone()),
            ("request", self.request(start)),
        ];
        let headers = self.headers.iter();
        sent.extend(headers.map(|(name, value)| ("header", format!("{name}: {value}"))));
        sent.push(("microphone", self.microphone().to_owned()));
        sent.push(("answer", self.answer().to_owned()));
        let mut messages = |what, messages: &[Message]| {
            let messages = messages.iter();
            sent.extend(messages.map(|message| (what, message.shown(&values))));
        };
        messages("open", &self.open);
        if self.nature.says_ready {
            sent.push(("wait", "until the server is ready".to_owned()));
        }
        sent.push(("audio", self.audio(rate)));
        sent.push(("chunk", self.chunk(rate, &values)));
        let mut messages = |what, messages: &[Message], none: &str| {
            let shown = messages
                .iter()
                .map(|message| (what, message.shown(&values)));
            sent.extend(shown);
            if messages.is_empty() && !none.is_empty() {
                sent.push((what, none.to_owned()));
            }
        };
        messages("text", self.text.as_slice(), "");
        messages("utterance end", &self.end_of_utterance, "");
        let none = match self.nature.carrier {
            Carrier::WebSocket => "the connection is closed once all was answered",
            Carrier::Http2 => "half-close",
        };
        messages("input end", &self.end_of_input, none);
        if let Some(keep_alive) = &self.keep_alive {
            let every = duration_text(keep_alive.every_ns);
            let message = keep_alive.message.shown(&values);
            sent.push((
                "keep-alive",
                format!("after {every} without audio: {message}"),
            ));
        }
        sent
    }

    fn request(&self, start: &Start) -> String {
        match self.nature.carrier {
            Carrier::WebSocket => format!("GET {}, a WebSocket", self.path(start)),
            Carrier::Http2 => format!("POST {}, gRPC", self.path(start)),
        }
    }

    fn microphone(&self) -> &'static str {
        match self.nature.endpointing {
            Endpointing::Server => "open: the server finds where an utterance ends",
            Endpointing::Caller => "push-to-talk: the caller says where an utterance ends",
            Endpointing::AsTraced => "as the trace has it",
        }
    }

    fn answer(&self) -> &'static str {
        match self.nature.answered_by {
            AnsweredBy::Audio => "audio",
            AnsweredBy::AudioOrText => "audio, or text",
            AnsweredBy::Transcript => "the final transcript",
        }
    }

    fn audio(&self, rate: u32) -> String {
        let rate = match self.nature.input {
            Some(_) => format!("{rate} Hz"),
            None => "the call's rate".to_owned(),
        };
        let chunks = match self.nature.chunk_ns {
            Some(ns) => format!("of {}", duration_text(ns)),
            None => "as the trace has them".to_owned(),
        };
        format!("{} at {rate}, in chunks {chunks}", self.sending.name())
    }

    fn chunk(&self, rate: u32, values: &Values) -> String {
        let length_ns = self.nature.chunk_ns.unwrap_or(CHUNK_NS);
        let samples = Samples::in_ns(length_ns, SampleRate(rate)).0 as usize;
        let given = vec![0; samples * self.sending.codec().bytes_per_sample()];
        let bytes = self.sending.coded_bytes(given.len());
        let what = match &self.framing {
            Framing::Binary => format!("a binary message of {bytes} bytes"),
            Framing::Shared { head, tail } => format!("{head}<{bytes} bytes in base64>{tail}"),
            Framing::Enveloped { head, tail } => {
                let (head, tail) = (head.fill(values), tail.fill(values));
                format!("{head}<{bytes} bytes in base64>{tail}")
            }
            Framing::Field(_) => {
                let mut frame = BytesMut::new();
                self.put_audio(&given, &mut frame);
                let head = frame[..frame.len() - bytes].iter();
                let head: Vec<_> = head.map(|byte| format!("{byte:02x}")).collect();
                format!("{} <{bytes} bytes>", head.join(" "))
            }
        };
        format!("{what}, for {}", duration_text(length_ns))
    }

    /// The message that a line of a sample stands for: itself, or the protobuf of which it is the JSON.
    ///
    /// # Errors
    /// It is no JSON of the replies' type.
    pub fn sample(&self, line: &str) -> Result<Bytes, String> {
        match self.reader.message_type() {
            Some(of) => Ok(protobuf::encode(of, line)?.slice(HEADER_BYTES..)),
            None => Ok(Bytes::copy_from_slice(line.as_bytes())),
        }
    }
}

/// What a reply is, in words.
#[must_use]
pub fn understood(reply: &Reply) -> String {
    let what = match &reply.what {
        ServerMessage::Ready => "ready: audio may be sent",
        ServerMessage::Transcript { is_final, .. } => match is_final {
            Some(true) => "final transcript",
            Some(false) => "interim transcript",
            None => "transcript",
        },
        ServerMessage::Processing => "processing",
        ServerMessage::Text(_) => "text",
        ServerMessage::Speaking => "speaking",
        ServerMessage::Audio(pcm) => return format!("audio: {} samples", pcm.len() / 2),
        ServerMessage::Cleared => "cleared: what plays is thrown away",
        ServerMessage::TurnEnded => "turn ended",
        ServerMessage::Done => "done",
        ServerMessage::Error(_) => "error",
        ServerMessage::Refused(_) => "refused",
        ServerMessage::Unknown => "not understood: no [[reply]] is about it",
    };
    match reply.text() {
        "" => what.to_owned(),
        text => format!("{what}: {text}"),
    }
}
