//! A session that others hold, overheard: the caller's events as a server reads them, the server's as a caller does.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::agreed::Agreed;
use super::profile::Profile;
use super::server::item::{Role, What};
use super::server::request::{self, Request};
use super::session::{Commit, Session, Stage};
use super::setup::Realtime;
use super::tools::Tools;
use crate::conversation::message::{ClientMessage, Reply, Start};
use crate::dialect::asked::Asked;
use crate::dialect::field::Field;
use crate::pcm::codec::{Codec, Format};

const NO_EVENT: &str = "the caller sent a message that is no JSON event";
const NO_BASE64: &str = "the caller sent audio that is no base64";
const UNKNOWN_CODEC: &str = "the caller's audio is in a codec that is not known";
const OTHER_RATE: &str = "the caller's audio changed its rate";

/// Bytes of PCM in one piece, an even number: a chunk of a trace has at most 4 MiB.
const PIECE: usize = 1024 * 1024;
/// Bytes of what is typed before an answer is asked for.
const MOST_TYPED: usize = 1024 * 1024;

/// One session, overheard.
#[derive(Debug)]
pub struct Overheard {
    /// What the server's events are read with.
    session: Session,
    agreed: Agreed,
    /// What was said last of what the session is, and whether audio followed.
    told: Option<(u32, String)>,
    has_audio: bool,
    /// The first byte of a sample whose second comes with the next chunk.
    half: Option<u8>,
    /// What was typed since an answer was asked for.
    typed: String,
    /// Utterances that the caller has ended.
    commits: usize,
}

/// What a session event is told by.
#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Field<'a>,
}

/// The session in a session event.
#[derive(Deserialize)]
struct OfSession {
    session: Map<String, Value>,
}

impl Overheard {
    /// A session that was just opened, of which nothing is known but what `setup` says.
    #[must_use]
    pub fn new(setup: &Realtime) -> Overheard {
        let mut setup = setup.clone();
        // Functions are answered by the caller: a turn in which one is called goes on.
        setup.tools = Tools::new(json!({})).ok();
        Overheard {
            agreed: Agreed::new(setup.profile, setup.format, setup.is_push_to_talk),
            session: Session::new(Arc::new(setup), 0),
            told: None,
            has_audio: false,
            half: None,
            typed: String::new(),
            commits: 0,
        }
    }

    /// Samples a second of the server's audio.
    #[must_use]
    pub fn output_rate_hz(&self) -> u32 {
        self.agreed.output.rate.0
    }

    /// Reads an event of the caller. One that the protocol does not know says nothing, as to a server.
    ///
    /// # Errors
    /// What is no event, and audio that cannot be read.
    pub fn asked(
        &mut self,
        message: &[u8],
        each: &mut dyn FnMut(Asked),
    ) -> Result<(), &'static str> {
        let text = std::str::from_utf8(message).map_err(|_| NO_EVENT)?;
        let event = request::read(text);
        let asks = match event.asks {
            Ok(asks) => asks,
            Err(fault) if fault.code == "invalid_json" => return Err(NO_EVENT),
            Err(fault)
                if fault.code == "invalid_value" && fault.param.as_deref() == Some("audio") =>
            {
                return Err(NO_BASE64);
            }
            Err(_) => {
                if let Some(update) = request::vllm_update(text) {
                    self.agree_with_vllm(&update);
                    self.tell(each)?;
                }
                return Ok(());
            }
        };
        match asks {
            Request::Update(session) => {
                self.session.stage = self.session.stage.max(Stage::Started);
                self.agree(&session);
                self.tell(each)?;
            }
            Request::Append(audio) => {
                let format = self.agreed.input.ok_or(UNKNOWN_CODEC)?;
                self.tell(each)?;
                self.has_audio = true;
                // Who sends audio has a session that the server agrees to.
                self.session.stage = Stage::Ready;
                let pcm = self.pcm(audio, format);
                for start in (0..pcm.len()).step_by(PIECE) {
                    let piece = pcm.slice(start..(start + PIECE).min(pcm.len()));
                    each(Asked::Message(ClientMessage::Audio(piece)));
                }
            }
            // Where vLLM's utterances begin.
            Request::Commit { is_final: false } if self.is_vllm() => self.half = None,
            Request::Commit { .. } if self.is_vllm() => {
                self.half = None;
                self.session.awaits_transcript = Some(self.commits);
                self.commits += 1;
                self.tell(each)?;
                each(Asked::EndOfUtterance);
            }
            Request::Commit { .. } => {
                self.half = None;
                if self.agreed.is_push_to_talk {
                    let turn = self.commits;
                    self.commits += 1;
                    let event = u64::MAX;
                    self.session.commits.push_back(Commit { event, turn });
                    self.tell(each)?;
                    each(Asked::EndOfUtterance);
                }
            }
            Request::Clear => self.half = None,
            Request::Create {
                what: what @ What::Message { .. },
                ..
            } => self.typed(&what),
            Request::Respond => {
                let typed = std::mem::take(&mut self.typed);
                if !typed.is_empty() {
                    self.tell(each)?;
                    each(Asked::Message(ClientMessage::Text(typed)));
                }
            }
            Request::Create { .. }
            | Request::Cancel
            | Request::Truncate { .. }
            | Request::Delete(_)
            | Request::Retrieve(_) => {}
        }
        Ok(())
    }

    /// Reads an event of the server.
    ///
    /// # Errors
    /// What is no event.
    pub fn answered(
        &mut self,
        message: &[u8],
        each: &mut dyn FnMut(Reply),
    ) -> Result<(), &'static str> {
        if is_of_session(message)
            && let Ok(OfSession { session }) = serde_json::from_slice(message)
        {
            self.agree(&session);
        }
        let read = self.session.decode(0, message, each);
        // What a caller owes is the caller's own business.
        while self.session.owed(i64::MAX).is_some() {}
        read
    }

    fn agree(&mut self, session: &Map<String, Value>) {
        self.agreed.take(session);
        let setup = Arc::make_mut(&mut self.session.setup);
        setup.format = self.agreed.output;
        if self.agreed.transcribes_only && setup.profile.answers() {
            setup.profile = Profile::Transcription;
        }
    }

    fn agree_with_vllm(&mut self, update: &Map<String, Value>) {
        self.agreed.take_vllm(update);
        let setup = Arc::make_mut(&mut self.session.setup);
        setup.profile = Profile::Vllm;
        setup.format = self.agreed.output;
        // It never confirms.
        self.session.stage = Stage::Ready;
    }

    fn is_vllm(&self) -> bool {
        self.session.setup.profile == Profile::Vllm
    }

    /// An item of the conversation that the caller adds.
    fn typed(&mut self, what: &What) {
        let What::Message {
            role: Role::User, ..
        } = what
        else {
            return;
        };
        let words = what.written();
        if words.is_empty() || self.typed.len() + words.len() > MOST_TYPED {
            return;
        }
        if !self.typed.is_empty() {
            self.typed.push('\n');
        }
        self.typed += &words;
    }

    /// Says what the session is, where that is new.
    fn tell(&mut self, each: &mut dyn FnMut(Asked)) -> Result<(), &'static str> {
        let Some(input) = self.agreed.input else {
            return Ok(());
        };
        let session = (input.rate.0, self.agreed.language.clone());
        if self.has_audio {
            let is_other = |(rate, _): &(u32, String)| *rate != session.0;
            return match self.told.as_ref().is_some_and(is_other) {
                true => Err(OTHER_RATE),
                false => Ok(()),
            };
        }
        if self.told.as_ref() != Some(&session) {
            each(Asked::Message(ClientMessage::Start(Start {
                session_id: String::new(),
                language_code: session.1.clone(),
                sample_rate_hz: i32::try_from(session.0).unwrap_or(0),
            })));
            self.told = Some(session);
        }
        Ok(())
    }

    /// The whole samples of what came, as PCM16 little-endian. Digital silence is zeros, which A-law does not have.
    fn pcm(&mut self, audio: Bytes, format: Format) -> Bytes {
        match format.codec {
            Codec::Pcm16 => {
                let mut whole = match self.half.take() {
                    None => audio,
                    Some(half) => {
                        let mut whole = BytesMut::with_capacity(1 + audio.len());
                        whole.extend_from_slice(&[half]);
                        whole.extend_from_slice(&audio);
                        whole.freeze()
                    }
                };
                if !whole.len().is_multiple_of(2) {
                    let rest = whole.split_off(whole.len() - 1);
                    self.half = rest.first().copied();
                }
                whole
            }
            codec if audio.iter().all(|byte| *byte == codec.silence_byte()) => {
                vec![0; 2 * audio.len()].into()
            }
            codec => Codec::Pcm16.encode(&codec.decode(&audio)).into(),
        }
    }
}

fn is_of_session(message: &[u8]) -> bool {
    const EVENTS: [&str; 4] = [
        "session.created",
        "session.updated",
        "transcription_session.created",
        "transcription_session.updated",
    ];
    let read: Result<Kind<'_>, _> = serde_json::from_slice(message);
    let kind = read.ok();
    let kind = kind.as_ref().and_then(|read| read.kind.text());
    kind.is_some_and(|kind| EVENTS.contains(&kind))
}
