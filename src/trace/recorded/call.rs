//! One call: what was sent and what was answered, as far as a trace can hold it.

use crate::pcm::wav::MAX_FILE_SAMPLES;
use crate::trace::check::{
    MAX_CHUNK_BYTES, MAX_LANGUAGE_BYTES, MAX_METADATA_BYTES, MAX_SESSION_EVENTS, MAX_SESSION_NS,
    MAX_SESSION_TEXT_BYTES, RATES_HZ,
};
use crate::trace::journal::{JournalKind, JournalRow};
use crate::trace::model::{ReplyKind, metadata_pairs};
use crate::units::{SampleRate, Samples};

/// A call, all of whose instants are in order and whose chunks are whole samples.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RecordedCall {
    /// Its number in the journal.
    pub(crate) number: u64,
    /// When its stream was opened.
    pub(super) opened_ns: i64,
    /// When its configuration was sent.
    pub(super) config_ns: i64,
    /// The caller's name of it, where that was kept.
    pub(crate) session_id: Option<String>,
    /// Metadata that was kept, as JSON.
    pub(super) metadata: Option<String>,
    pub(super) language_code: String,
    pub(super) rate: SampleRate,
    /// Where the caller said that an utterance ends: before which of the messages sent, in order.
    pub(super) said_ends: Vec<usize>,
    /// What the caller sent after the configuration.
    pub(super) sent: Vec<Sent>,
    pub(super) replies: Vec<Reply>,
    /// The code that it ended with; `None` while it was open.
    pub(super) status: Option<String>,
    /// Its last instant.
    pub(super) end_ns: i64,
    /// What was recorded of it after a message that a trace cannot hold was left out.
    pub(crate) is_cut: bool,
    /// Messages that a trace has no place for: those before the configuration, a further one behind
    /// audio, and chunks without samples.
    pub(crate) left_out: u64,
    /// Messages that the recorder lost.
    pub(crate) lost: u64,
}

/// A message of the caller, or its hanging up.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sent {
    /// When it left.
    pub(super) at_ns: i64,
    pub(super) what: What,
}

/// What the caller sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// Audio that is not all zero, and where it is, unless it is not kept.
    Audio {
        bytes: u32,
        offset: Option<u64>,
        voiced: bool,
    },
    /// Audio that is all zero.
    Silence {
        bytes: u32,
    },
    /// Text; of its length only, where it was not kept.
    Text(String),
    HalfClose,
    Cancel,
}

/// A message of the server.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reply {
    pub(super) at_ns: i64,
    pub(super) kind: ReplyKind,
    pub(super) bytes: u32,
    pub(super) text: Option<String>,
}

/// Why a call is not in the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It was never configured, so that the rate of its audio is not known.
    Unconfigured,
    /// Its configuration names a rate that audio cannot have.
    Rate,
}

impl Sent {
    /// Its samples; 0 for what is not audio.
    pub(super) fn samples(&self) -> u64 {
        match self.what {
            What::Audio { bytes, .. } | What::Silence { bytes } => u64::from(bytes / 2),
            _ => 0,
        }
    }

    /// When its first sample was captured, if it left as soon as the last one was.
    pub(super) fn captured_ns(&self, rate: SampleRate) -> i64 {
        self.at_ns - Samples(self.samples()).duration_ns(rate)
    }

    /// Whether it is audio that is not all zero.
    pub(super) fn is_audio(&self) -> bool {
        matches!(self.what, What::Audio { .. })
    }

    /// Whether it holds speech, as the recorder said of audio that is not kept.
    pub(super) fn is_voiced(&self) -> bool {
        matches!(self.what, What::Audio { voiced: true, .. })
    }
}

impl RecordedCall {
    /// Whether its end was recorded.
    pub(crate) fn has_ended(&self) -> bool {
        self.status.is_some()
    }

    /// The call that `rows` tell of, in any order. From the first message on that a trace cannot
    /// hold it is cut off.
    ///
    /// # Errors
    /// A call that is of no use in a trace.
    pub(crate) fn of(mut rows: Vec<JournalRow>) -> Result<RecordedCall, Unfit> {
        rows.retain(|row| row.kind != JournalKind::Sum);
        // Both directions of a stream are recorded side by side.
        rows.sort_by_key(|row| row.at_ns);
        let first = rows.iter().find(|row| row.kind == JournalKind::Config);
        let first = first.ok_or(Unfit::Unconfigured)?;
        let config_ns = first.at_ns.max(0);
        // A caller may configure a session anew until there is audio.
        let is_audio =
            |row: &JournalRow| matches!(row.kind, JournalKind::Audio | JournalKind::Silence);
        let before = rows.iter().take_while(|row| !is_audio(row));
        let last = before.filter(|row| row.kind == JournalKind::Config).last();
        let config = last.unwrap_or(first);
        let rate_hz = config.rate_hz.unwrap_or(0);
        if !RATES_HZ.contains(&rate_hz) {
            return Err(Unfit::Rate);
        }
        let language_code = config.text.as_deref().unwrap_or_default();
        let room = language_code.floor_char_boundary(MAX_LANGUAGE_BYTES);
        let language_code = &language_code[..room];
        let opened_ns = rows.first().map_or(0, |row| row.at_ns.max(0));
        let mut call = RecordedCall {
            number: config.call,
            opened_ns,
            config_ns,
            session_id: config.session_id.clone(),
            metadata: None,
            language_code: language_code.to_owned(),
            rate: SampleRate(rate_hz),
            said_ends: Vec::new(),
            sent: Vec::new(),
            replies: Vec::new(),
            status: None,
            end_ns: opened_ns,
            is_cut: false,
            left_out: 0,
            lost: 0,
        };
        let mut taker = Taker::default();
        for row in rows {
            if taker.take(&mut call, row).is_none() {
                call.is_cut = true;
                break;
            }
        }
        match taker.is_configured {
            true => Ok(call),
            false => Err(Unfit::Unconfigured),
        }
    }
}

/// Takes rows into a call, and keeps count of what a trace limits.
#[derive(Default)]
struct Taker {
    is_configured: bool,
    has_finished: bool,
    has_hung_up: bool,
    samples: u64,
    sent_text_bytes: usize,
    reply_text_bytes: usize,
}

impl Taker {
    /// `None` for a row that a trace cannot hold.
    fn take(&mut self, call: &mut RecordedCall, row: JournalRow) -> Option<()> {
        let at_ns = row.at_ns.max(0);
        if at_ns - call.opened_ns > MAX_SESSION_NS {
            return None;
        }
        match row.kind {
            JournalKind::Opened => {
                let fits = |text: &String| {
                    text.len() <= MAX_METADATA_BYTES && metadata_pairs(text).is_some()
                };
                call.metadata = row.text.filter(fits);
            }
            JournalKind::Lost => call.lost += u64::from(row.bytes),
            JournalKind::Config if self.samples == 0 => self.is_configured = true,
            JournalKind::EndOfUtterance if call.said_ends.last() == Some(&call.sent.len()) => {}
            JournalKind::EndOfUtterance => call.said_ends.push(call.sent.len()),
            JournalKind::Closed => {
                let code = row.text.unwrap_or_else(|| "UNKNOWN".to_owned());
                self.reply(call, at_ns, ReplyKind::Status, 0, Some(code.clone()))?;
                call.status = Some(code);
            }
            kind => match (reply_kind(kind), self.sent(&row)?) {
                (Some(kind), _) => self.reply(call, at_ns, kind, row.bytes, row.text)?,
                (None, Some(what)) if call.sent.len() + 2 < MAX_SESSION_EVENTS => {
                    call.sent.push(Sent { at_ns, what });
                }
                (None, Some(_)) => return None,
                (None, None) => call.left_out += 1,
            },
        }
        call.end_ns = at_ns;
        Some(())
    }

    fn reply(
        &mut self,
        call: &mut RecordedCall,
        at_ns: i64,
        kind: ReplyKind,
        bytes: u32,
        text: Option<String>,
    ) -> Option<()> {
        self.reply_text_bytes += text.as_ref().map_or(0, String::len);
        if call.replies.len() >= MAX_SESSION_EVENTS
            || self.reply_text_bytes > MAX_SESSION_TEXT_BYTES
        {
            return None;
        }
        call.replies.push(Reply {
            at_ns,
            kind,
            bytes,
            text,
        });
        Some(())
    }

    /// What the caller sent, if a trace has a place for it; `None` if a trace cannot go on from it.
    fn sent(&mut self, row: &JournalRow) -> Option<Option<What>> {
        let what = match row.kind {
            _ if !self.is_configured => return Some(None),
            JournalKind::Audio | JournalKind::Silence => {
                if !row.bytes.is_multiple_of(2) || row.bytes > MAX_CHUNK_BYTES {
                    return None;
                }
                self.samples += u64::from(row.bytes / 2);
                if self.samples > MAX_FILE_SAMPLES {
                    return None;
                }
                match row.kind {
                    JournalKind::Silence => What::Silence { bytes: row.bytes },
                    _ => What::Audio {
                        bytes: row.bytes,
                        offset: row.offset,
                        voiced: row.voiced.unwrap_or(false),
                    },
                }
            }
            JournalKind::Text => {
                let kept = row.text.as_ref().map_or(row.bytes as usize, String::len);
                self.sent_text_bytes += kept;
                if self.sent_text_bytes > MAX_SESSION_TEXT_BYTES {
                    return None;
                }
                // Its length loads a gateway as the text did.
                let unknown = || "x".repeat(row.bytes as usize);
                What::Text(row.text.clone().unwrap_or_else(unknown))
            }
            JournalKind::HalfClose => What::HalfClose,
            JournalKind::Cancel => What::Cancel,
            _ => return Some(None),
        };
        let has_place = match what {
            // A caller may hang up after the last word, while the answer still comes.
            What::Cancel => !std::mem::replace(&mut self.has_hung_up, true),
            What::HalfClose => !std::mem::replace(&mut self.has_finished, true),
            What::Audio { bytes: 0, .. } | What::Silence { bytes: 0 } => false,
            _ => !self.has_finished && !self.has_hung_up,
        };
        Some(has_place.then_some(what))
    }
}

fn reply_kind(kind: JournalKind) -> Option<ReplyKind> {
    Some(match kind {
        JournalKind::Transcript => ReplyKind::Transcript,
        JournalKind::LlmText => ReplyKind::LlmText,
        JournalKind::ReplyAudio => ReplyKind::Audio,
        JournalKind::Listening => ReplyKind::Listening,
        JournalKind::Processing => ReplyKind::Processing,
        JournalKind::Speaking => ReplyKind::Speaking,
        JournalKind::Error => ReplyKind::Error,
        JournalKind::EndOfTurn => ReplyKind::EndOfTurn,
        _ => return None,
    })
}
