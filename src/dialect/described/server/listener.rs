//! What a client says in one session.

use std::sync::Arc;

use bytes::Bytes;

use super::setup::Server;
use super::shape::{AUDIO, Audio, Came, Read, SAMPLE_RATE, SESSION_ID, Shape, TEXT};
use crate::dialect::base64;
use crate::dialect::described::framing::Coding;
use crate::dialect::described::protobuf;

/// Most characters of a session's name.
const MOST_CHARS: usize = 256;

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The last of the messages that open a session.
    Started {
        /// The session's name; empty where they say none.
        session_id: String,
        /// The rate of its audio in Hz, where they say it.
        sample_rate_hz: Option<u32>,
    },
    /// Audio, in the server's [codec](Server::codec).
    Audio(Bytes),
    /// What is typed instead of spoken.
    Text(String),
    /// The utterance has ended.
    EndOfUtterance,
    /// Nothing more comes.
    EndOfInput,
    /// What needs no answer: it keeps the session alive, is a part of what several messages say, or is none of the
    /// description's.
    Other,
    /// A message that is longer than what is read of them, audio aside.
    TooLong,
}

/// Follows what a client says in one session.
#[derive(Debug)]
pub struct Listener {
    server: Arc<Server>,
    /// Messages that open the session and have come.
    opened: usize,
    session_id: String,
    sample_rate_hz: Option<u32>,
}

impl Listener {
    /// Of a session that has just been connected.
    #[must_use]
    pub fn new(server: Arc<Server>) -> Listener {
        Listener {
            server,
            opened: 0,
            session_id: String::new(),
            sample_rate_hz: None,
        }
    }

    /// What a text of a WebSocket says.
    pub fn text(&mut self, text: &str) -> Told {
        let server = Arc::clone(&self.server);
        let came = server.shapes.text(text);
        came.map_or(Told::TooLong, |came| self.understand(&server, &came))
    }

    /// What bytes of a WebSocket say.
    pub fn binary(&mut self, bytes: &Bytes) -> Told {
        match self.server.shapes.audio {
            Audio::Binary => self.audio(bytes.clone()),
            Audio::In(_) | Audio::Field(_) => Told::Other,
        }
    }

    /// What a message of gRPC says.
    pub fn message(&mut self, message: &Bytes) -> Told {
        let server = Arc::clone(&self.server);
        if let Audio::Field(numbers) = &server.shapes.audio
            && let Some(bytes) = protobuf::bytes_at(numbers, message)
        {
            let audio = match bytes {
                [] => Bytes::new(),
                bytes => message.slice_ref(bytes),
            };
            return self.audio(audio);
        }
        let came = server.shapes.protobuf(message);
        came.map_or(Told::TooLong, |came| self.understand(&server, &came))
    }

    fn understand(&mut self, server: &Server, came: &Came<'_>) -> Told {
        let shapes = &server.shapes;
        if let Some(shape) = shapes.open.get(self.opened) {
            self.opened += 1;
            let read = shape.read(came).unwrap_or_default();
            return self.open(&read, self.opened == shapes.open.len());
        }
        // Of several messages the last one says it.
        for (all, told) in [
            (&shapes.end_of_utterance, Told::EndOfUtterance),
            (&shapes.end_of_input, Told::EndOfInput),
        ] {
            let place = all.iter().rposition(|shape| shape.read(came).is_some());
            match place {
                Some(place) if place + 1 == all.len() => return told,
                Some(_) => return Told::Other,
                None => {}
            }
        }
        let reads = |shape: &Option<Shape>| shape.as_ref().and_then(|shape| shape.read(came));
        if reads(&shapes.keep_alive).is_some() {
            return Told::Other;
        }
        if let Audio::In(shape) = &shapes.audio
            && let Some(read) = shape.read(came)
            && let Some(coded) = value(&read, AUDIO).and_then(base64::read)
        {
            return self.audio(coded.into());
        }
        match reads(&shapes.typed) {
            Some(read) => Told::Text(value(&read, TEXT).unwrap_or_default().to_owned()),
            None => Told::Other,
        }
    }

    fn open(&mut self, read: &Read, is_last: bool) -> Told {
        if let Some(name) = value(read, SESSION_ID) {
            self.session_id = name.chars().take(MOST_CHARS).collect();
        }
        if let Some(rate) = value(read, SAMPLE_RATE) {
            self.sample_rate_hz = rate.parse().ok();
        }
        match is_last {
            true => Told::Started {
                session_id: self.session_id.clone(),
                sample_rate_hz: self.sample_rate_hz,
            },
            false => Told::Other,
        }
    }

    fn audio(&self, coded: Bytes) -> Told {
        Told::Audio(match self.server.sending() {
            Coding::Of(_) => coded,
            coding @ Coding::F32 => coding.decode(&coded).into(),
        })
    }
}

/// The value that stands where this mark does.
fn value(read: &Read, mark: char) -> Option<&str> {
    let mut read = read.iter();
    read.find(|(of, _)| *of == mark)
        .map(|(_, value)| value.as_str())
}
