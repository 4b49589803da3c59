//! The bytes of one call as rows of the journal: what is not to be kept is gone before it gets there.

use bytes::Bytes;

use super::loudness::Loudness;
use super::messages::{Messages, NotUnderstood, Sent};
use super::tap::What;
use crate::conversation::message::{ClientMessage, Reply, ServerMessage};
use crate::dialect::{Asked, Carrier, Overheard, Recordable};
use crate::pcm::codec::Codec;
use crate::trace::journal::{JournalKind, JournalRow};
use crate::transport::ended::{BROKE, EndCode, Ended, NO_CODE};
use crate::transport::secrets::Secrets;
use crate::transport::status::GrpcStatus;
use crate::transport::websocket::frame::Sender;

/// Rate of calls that name none.
const DEFAULT_RATE_HZ: u32 = 16_000;

/// What is kept of the calls, besides lengths and times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keep {
    /// The caller's audio.
    pub audio: bool,
    /// What caller and gateway say as text, and the caller's name of the session.
    pub text: bool,
}

/// One call on its way into the journal.
#[derive(Debug)]
pub(super) struct Transcriber {
    number: u64,
    carrier: Carrier,
    asked: Messages,
    answered: Messages,
    overheard: Overheard,
    line: Loudness,
    rate_hz: u32,
    /// What servers are not to repeat in a file.
    secrets: Secrets,
    /// Nothing of what was said can be read.
    is_hidden: bool,
    /// The caller has said that nothing more comes.
    has_finished: bool,
    /// The code with which its WebSocket was closed first.
    close_code: Option<u16>,
    /// Used again and again.
    sent: Vec<Sent>,
}

/// A row, and the audio that is kept with it.
pub(super) type Entry = (JournalRow, Option<Bytes>);

impl Transcriber {
    /// The call with this number in `dialect`, which begins now.
    pub(super) fn new(number: u64, dialect: &Recordable) -> Transcriber {
        let nature = dialect.nature();
        let carrier = nature.carrier;
        Transcriber {
            number,
            carrier,
            asked: Messages::new(carrier, Sender::Client),
            answered: Messages::new(carrier, Sender::Server),
            overheard: dialect.session(),
            line: Loudness::default(),
            rate_hz: nature.input.map_or(DEFAULT_RATE_HZ, |format| format.rate.0),
            secrets: Secrets::default(),
            is_hidden: false,
            has_finished: false,
            close_code: None,
            sent: Vec::new(),
        }
    }

    /// The rows of what happened at `at_ns` since the start of the recording.
    ///
    /// # Errors
    /// A message that is not understood; the rows of those before it are in `entries`.
    pub(super) fn take(
        &mut self,
        what: What,
        at_ns: i64,
        keep: Keep,
        entries: &mut Vec<Entry>,
    ) -> Result<(), NotUnderstood> {
        let number = self.number;
        let row = |kind| JournalRow::new(number, at_ns, kind);
        match what {
            What::Opened(metadata, secrets) => {
                self.secrets = secrets;
                let mut opened = row(JournalKind::Opened);
                if !metadata.is_empty() {
                    opened.text = serde_json::to_string(&metadata).ok();
                }
                entries.push((opened, None));
            }
            What::Hidden => {
                self.is_hidden = true;
                let mut config = row(JournalKind::Config);
                config.rate_hz = Some(self.rate_hz);
                entries.push((config, None));
            }
            What::Asked(data) => {
                let mut sent = std::mem::take(&mut self.sent);
                let read = self.asked.push(data, &mut sent);
                for sent in sent.drain(..) {
                    self.asked(sent, at_ns, keep, entries)?;
                }
                self.sent = sent;
                read?;
            }
            What::Answered(data) => {
                let mut sent = std::mem::take(&mut self.sent);
                let read = self.answered.push(data, &mut sent);
                for sent in sent.drain(..) {
                    self.answered(sent, at_ns, keep, entries)?;
                }
                self.sent = sent;
                read?;
            }
            What::HalfClosed => entries.push((row(JournalKind::HalfClose), None)),
            What::Cancelled if !self.may_hang_up() => {
                let mut closed = row(JournalKind::Closed);
                closed.text = Some("CANCELLED".to_owned());
                entries.push((row(JournalKind::Cancel), None));
                entries.push((closed, None));
            }
            What::Cancelled => {
                let mut closed = row(JournalKind::Closed);
                closed.text = self.status(None);
                entries.push((closed, None));
            }
            What::Closed(status) => {
                let mut closed = row(JournalKind::Closed);
                closed.text = self.status(status);
                entries.push((closed, None));
            }
        }
        Ok(())
    }

    /// Whether that the caller hangs up now is no cancellation: who closes a WebSocket, or says that nothing more
    /// comes on it, may.
    fn may_hang_up(&self) -> bool {
        self.close_code.is_some() || self.is_hidden || self.has_finished
    }

    /// How the call ended.
    fn status(&self, status: Option<GrpcStatus>) -> Option<String> {
        match self.carrier {
            Carrier::Http2 => status.map(|status| status.code_name().to_owned()),
            Carrier::WebSocket if self.is_hidden => None,
            Carrier::WebSocket => {
                let code = self.close_code.unwrap_or(BROKE);
                let ended = Ended::new(EndCode::Close(code), "");
                Some(match ended.is_ok() {
                    true => "OK".to_owned(),
                    false => ended.to_string(),
                })
            }
        }
    }

    fn asked(
        &mut self,
        sent: Sent,
        at_ns: i64,
        keep: Keep,
        entries: &mut Vec<Entry>,
    ) -> Result<(), NotUnderstood> {
        let message = match sent {
            Sent::Message(message) => message,
            Sent::Closed(code) => {
                if self.close_code.is_none() && !self.has_finished {
                    let ends = JournalRow::new(self.number, at_ns, JournalKind::HalfClose);
                    entries.push((ends, None));
                }
                self.close_code.get_or_insert(code.unwrap_or(NO_CODE));
                return Ok(());
            }
        };
        let (number, line, rate_hz) = (self.number, &mut self.line, &mut self.rate_hz);
        let has_finished = &mut self.has_finished;
        let read = self.overheard.asked(message, &mut |asked| {
            let row = |kind, bytes| JournalRow {
                bytes: length(bytes),
                ..JournalRow::new(number, at_ns, kind)
            };
            entries.push(match asked {
                Asked::EndOfUtterance => (row(JournalKind::EndOfUtterance, 0), None),
                Asked::EndOfInput => {
                    *has_finished = true;
                    (row(JournalKind::HalfClose, 0), None)
                }
                Asked::Message(ClientMessage::Start(start)) => {
                    let said = u32::try_from(start.sample_rate_hz).ok();
                    *rate_hz = said.filter(|rate| *rate > 0).unwrap_or(DEFAULT_RATE_HZ);
                    let mut row = row(JournalKind::Config, 0);
                    let name = Some(start.session_id).filter(|name| !name.is_empty());
                    row.session_id = name.filter(|_| keep.text);
                    row.text = Some(start.language_code);
                    row.rate_hz = Some(*rate_hz);
                    (row, None)
                }
                Asked::Message(ClientMessage::Audio(pcm)) if pcm.iter().all(|byte| *byte == 0) => {
                    (row(JournalKind::Silence, pcm.len()), None)
                }
                Asked::Message(ClientMessage::Audio(pcm)) if keep.audio => {
                    (row(JournalKind::Audio, pcm.len()), Some(pcm))
                }
                Asked::Message(ClientMessage::Audio(pcm)) => {
                    let mut row = row(JournalKind::Audio, pcm.len());
                    let samples = Codec::Pcm16.decode(&pcm);
                    row.voiced = Some(line.is_voiced(&samples, *rate_hz));
                    (row, None)
                }
                Asked::Message(ClientMessage::Text(text)) => {
                    let mut row = row(JournalKind::Text, text.len());
                    row.text = Some(text).filter(|_| keep.text);
                    (row, None)
                }
            });
        });
        read.map_err(|_| NotUnderstood)
    }

    fn answered(
        &mut self,
        sent: Sent,
        at_ns: i64,
        keep: Keep,
        entries: &mut Vec<Entry>,
    ) -> Result<(), NotUnderstood> {
        let message = match sent {
            Sent::Message(message) => message,
            Sent::Closed(code) => {
                self.close_code.get_or_insert(code.unwrap_or(NO_CODE));
                return Ok(());
            }
        };
        let (number, rate_hz, secrets) = (self.number, self.rate_hz, &self.secrets);
        let from = entries.len();
        let read = self
            .overheard
            .answered(at_ns, message, &mut |at_ns, reply| {
                let row = |kind| JournalRow::new(number, at_ns, kind);
                let row = answered(&reply, keep, row).map(|row| JournalRow {
                    text: match row.kind {
                        JournalKind::Error => row.text.map(|words| secrets.hidden_in(words)),
                        _ => row.text,
                    },
                    ..row
                });
                entries.extend(row.map(|row| (row, None)));
            });
        if let Some(own_hz) = self.overheard.output_rate_hz() {
            for (row, _) in &mut entries[from..] {
                if row.kind == JournalKind::ReplyAudio {
                    row.bytes = at_rate(row.bytes, own_hz, rate_hz);
                }
            }
        }
        read.map_err(|_| NotUnderstood)
    }
}

/// Bytes of PCM16 at `from_hz`, if it were at `to_hz`.
fn at_rate(bytes: u32, from_hz: u32, to_hz: u32) -> u32 {
    let samples = u64::from(bytes / 2) * u64::from(to_hz) / u64::from(from_hz.max(1));
    u32::try_from(2 * samples).unwrap_or(u32::MAX - 1)
}

/// The row of a server message, unless it is of a kind that this version does not know.
fn answered(
    reply: &Reply,
    keep: Keep,
    row: impl Fn(JournalKind) -> JournalRow,
) -> Option<JournalRow> {
    let kind = match reply.what {
        ServerMessage::Transcript { .. } => JournalKind::Transcript,
        ServerMessage::Text(_) => JournalKind::LlmText,
        ServerMessage::Audio(_) => JournalKind::ReplyAudio,
        ServerMessage::TurnEnded => JournalKind::Listening,
        ServerMessage::Processing => JournalKind::Processing,
        ServerMessage::Speaking => JournalKind::Speaking,
        ServerMessage::Error(_) => JournalKind::Error,
        ServerMessage::Done => JournalKind::EndOfTurn,
        // What is no part of an answer has no place in a trace.
        ServerMessage::Ready | ServerMessage::Cleared | ServerMessage::Refused(_) => return None,
        ServerMessage::Unknown => return None,
    };
    let text = Some(reply.text()).filter(|text| keep.text && !text.is_empty());
    Some(JournalRow {
        bytes: length(reply.payload_bytes()),
        text: text.map(str::to_owned),
        ..row(kind)
    })
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::message::Start;
    use crate::dialect::stream_audio::encode;
    use crate::transport::status::GrpcStatus;

    const NOTHING: Keep = Keep {
        audio: false,
        text: false,
    };
    const ALL: Keep = Keep {
        audio: true,
        text: true,
    };

    fn config() -> Bytes {
        encode(ClientMessage::Start(Start {
            language_code: "de-DE".to_owned(),
            session_id: "+49 30 1234".to_owned(),
            sample_rate_hz: 8_000,
        }))
    }

    fn rows(pieces: Vec<What>, keep: Keep) -> Vec<Entry> {
        let (mut call, mut entries) = (Transcriber::new(7, &Recordable::StreamAudio), Vec::new());
        for (at_ns, what) in (0..).zip(pieces) {
            call.take(what, at_ns, keep, &mut entries).unwrap();
        }
        entries
    }

    fn audio(pcm: Vec<u8>) -> What {
        What::Asked(encode(ClientMessage::Audio(pcm.into())))
    }

    #[test]
    fn messages_become_rows_however_they_were_cut() {
        let config = config();
        let entries = rows(
            vec![
                What::Opened(Vec::new(), Secrets::default()),
                What::Asked(config.slice(..9)),
                What::Asked(config.slice(9..)),
                audio(vec![1; 640]),
                audio(vec![0; 640]),
                What::HalfClosed,
                What::Closed(Some(GrpcStatus::new(0, ""))),
            ],
            ALL,
        );
        let kinds: Vec<_> = entries.iter().map(|(row, _)| row.kind).collect();
        use JournalKind::{Audio, Closed, Config, HalfClose, Opened, Silence};
        assert_eq!(kinds, [Opened, Config, Audio, Silence, HalfClose, Closed]);
        assert!(entries.iter().all(|(row, _)| row.call == 7));
        let (config, audio, closed) = (&entries[1].0, &entries[2], &entries[5].0);
        assert_eq!(config.at_ns, 2, "when its last byte came");
        assert_eq!(config.session_id.as_deref(), Some("+49 30 1234"));
        assert_eq!(
            (config.text.as_deref(), config.rate_hz),
            (Some("de-DE"), Some(8_000))
        );
        assert_eq!(audio.1.as_ref().map(Bytes::len), Some(640));
        assert_eq!(entries[3].0.bytes, 640);
        assert!(entries[3].1.is_none(), "silence is not stored");
        assert_eq!(closed.text.as_deref(), Some("OK"));
    }

    #[test]
    fn of_timing_alone_neither_sound_nor_word_nor_name_is_kept() {
        let entries = rows(
            vec![
                What::Asked(config()),
                audio(vec![77; 640]),
                What::Asked(encode(ClientMessage::Text("my PIN is 1234".to_owned()))),
            ],
            NOTHING,
        );
        let said = format!("{entries:?}");
        assert!(!said.contains("PIN") && !said.contains("1234"), "{said}");
        let (spoken, sound) = &entries[1];
        assert_eq!((spoken.bytes, sound.as_ref()), (640, None));
        assert!(spoken.voiced.is_some());
        assert_eq!((entries[2].0.bytes, entries[2].0.text.as_ref()), (14, None));
    }

    #[test]
    fn what_is_not_of_the_protocol_is_not_understood() {
        let take = |bytes: &'static [u8]| {
            let asked = What::Asked(Bytes::from_static(bytes));
            Transcriber::new(0, &Recordable::StreamAudio).take(asked, 0, ALL, &mut Vec::new())
        };
        assert_eq!(take(&[1, 0, 0, 0, 1, 0]), Err(NotUnderstood), "compressed");
        assert_eq!(take(&[0, 0, 0, 0, 2, 0xff, 0xff]), Err(NotUnderstood));
        assert_eq!(take(&[0, 0, 0, 0, 0]), Ok(()), "an empty message");
    }
}
