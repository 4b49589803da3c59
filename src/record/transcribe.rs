//! The bytes of one call as rows of the journal: what is not to be kept is gone before it gets there.

use bytes::Bytes;

use super::loudness::Loudness;
use super::tap::What;
use crate::conversation::message::{ClientMessage, Reply, ServerMessage};
use crate::dialect::stream_audio::{decode, decode_client};
use crate::trace::journal::{JournalKind, JournalRow};
use crate::transport::grpc::FrameReader;

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

/// A message that cannot be read: compressed, too large, or not of the protocol.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotUnderstood;

/// One call on its way into the journal.
#[derive(Debug)]
pub(super) struct Transcriber {
    number: u64,
    asked: FrameReader,
    answered: FrameReader,
    line: Loudness,
    rate_hz: u32,
}

/// A row, and the audio that is kept with it.
pub(super) type Entry = (JournalRow, Option<Bytes>);

impl Transcriber {
    /// The call with this number, which begins now.
    pub(super) fn new(number: u64) -> Transcriber {
        Transcriber {
            number,
            asked: FrameReader::default(),
            answered: FrameReader::default(),
            line: Loudness::default(),
            rate_hz: DEFAULT_RATE_HZ,
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
            What::Opened(metadata) => {
                let mut opened = row(JournalKind::Opened);
                if !metadata.is_empty() {
                    opened.text = serde_json::to_string(&metadata).ok();
                }
                entries.push((opened, None));
            }
            What::Asked(data) => {
                let mut messages = Vec::new();
                let read = self.asked.push(data, |message| messages.push(message));
                for message in messages {
                    if let Some(message) = decode_client(message).ok_or(NotUnderstood)? {
                        entries.push(self.asked(message, at_ns, keep));
                    }
                }
                read.map_err(|_| NotUnderstood)?;
            }
            What::Answered(data) => {
                let mut messages = Vec::new();
                let read = self.answered.push(data, |message| messages.push(message));
                for message in messages {
                    let reply = decode(message).ok_or(NotUnderstood)?;
                    entries.extend(answered(&reply, keep, row).map(|row| (row, None)));
                }
                read.map_err(|_| NotUnderstood)?;
            }
            What::HalfClosed => entries.push((row(JournalKind::HalfClose), None)),
            What::Cancelled => {
                let mut closed = row(JournalKind::Closed);
                closed.text = Some("CANCELLED".to_owned());
                entries.push((row(JournalKind::Cancel), None));
                entries.push((closed, None));
            }
            What::Closed(status) => {
                let mut closed = row(JournalKind::Closed);
                closed.text = status.map(|status| status.code_name().to_owned());
                entries.push((closed, None));
            }
        }
        Ok(())
    }

    fn asked(&mut self, message: ClientMessage, at_ns: i64, keep: Keep) -> Entry {
        let row = |kind, bytes| JournalRow {
            bytes: length(bytes),
            ..JournalRow::new(self.number, at_ns, kind)
        };
        match message {
            ClientMessage::Start(start) => {
                let rate_hz = u32::try_from(start.sample_rate_hz).ok();
                self.rate_hz = rate_hz.filter(|rate| *rate > 0).unwrap_or(DEFAULT_RATE_HZ);
                let mut row = row(JournalKind::Config, 0);
                row.session_id = Some(start.session_id).filter(|_| keep.text);
                row.text = Some(start.language_code);
                row.rate_hz = Some(self.rate_hz);
                (row, None)
            }
            ClientMessage::Audio(pcm) if pcm.iter().all(|byte| *byte == 0) => {
                (row(JournalKind::Silence, pcm.len()), None)
            }
            ClientMessage::Audio(pcm) if keep.audio => {
                (row(JournalKind::Audio, pcm.len()), Some(pcm))
            }
            ClientMessage::Audio(pcm) => {
                let samples: Vec<i16> = pcm
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .map(|bytes| i16::from_le_bytes(*bytes))
                    .collect();
                let mut row = row(JournalKind::Audio, pcm.len());
                row.voiced = Some(self.line.is_voiced(&samples, self.rate_hz));
                (row, None)
            }
            ClientMessage::Text(text) => {
                let mut row = row(JournalKind::Text, text.len());
                row.text = Some(text).filter(|_| keep.text);
                (row, None)
            }
        }
    }
}

/// The row of a server message, unless it is of a kind that this version does not know.
fn answered(
    reply: &Reply,
    keep: Keep,
    row: impl Fn(JournalKind) -> JournalRow,
) -> Option<JournalRow> {
    let kind = match reply.what {
        ServerMessage::Transcript(_) => JournalKind::Transcript,
        ServerMessage::Text(_) => JournalKind::LlmText,
        ServerMessage::Audio(_) => JournalKind::ReplyAudio,
        ServerMessage::TurnEnded => JournalKind::Listening,
        ServerMessage::Processing => JournalKind::Processing,
        ServerMessage::Speaking => JournalKind::Speaking,
        ServerMessage::Error(_) => JournalKind::Error,
        ServerMessage::Done => JournalKind::EndOfTurn,
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
        let (mut call, mut entries) = (Transcriber::new(7), Vec::new());
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
                What::Opened(Vec::new()),
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
            Transcriber::new(0).take(asked, 0, ALL, &mut Vec::new())
        };
        assert_eq!(take(&[1, 0, 0, 0, 1, 0]), Err(NotUnderstood), "compressed");
        assert_eq!(take(&[0, 0, 0, 0, 2, 0xff, 0xff]), Err(NotUnderstood));
        assert_eq!(take(&[0, 0, 0, 0, 0]), Ok(()), "an empty message");
    }
}
