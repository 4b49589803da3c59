//! Synthetic calls, written as what happens in them.

use super::call::RecordedCall;
use crate::trace::journal::{JournalKind, JournalRow};
use crate::units::NS_PER_MS;

/// Time between chunks.
pub(super) const CHUNK_NS: i64 = 20 * NS_PER_MS;

/// The rows of a call that goes on as it is told, in chunks of 20 ms at 16 kHz, whose audio is not
/// kept.
#[derive(Debug)]
pub(super) struct Script {
    rows: Vec<JournalRow>,
    at_ns: i64,
}

impl Script {
    /// A call that is opened and configured at instant 0.
    pub(super) fn new() -> Script {
        let mut script = Script {
            rows: Vec::new(),
            at_ns: 0,
        };
        script.push(JournalKind::Opened, |_| {});
        script.push(JournalKind::Config, |row| {
            row.session_id = Some("a".to_owned());
            row.text = Some("en-US".to_owned());
            row.rate_hz = Some(16_000);
        });
        script
    }

    fn push(&mut self, kind: JournalKind, set: impl FnOnce(&mut JournalRow)) -> &mut Script {
        let mut row = JournalRow::new(0, self.at_ns, kind);
        set(&mut row);
        self.rows.push(row);
        self
    }

    fn chunks(&mut self, count: usize, kind: JournalKind, voiced: Option<bool>) -> &mut Script {
        for _ in 0..count {
            self.at_ns += CHUNK_NS;
            self.push(kind, |row| (row.bytes, row.voiced) = (640, voiced));
        }
        self
    }

    pub(super) fn speech(&mut self, chunks: usize) -> &mut Script {
        self.chunks(chunks, JournalKind::Audio, Some(true))
    }

    pub(super) fn noise(&mut self, chunks: usize) -> &mut Script {
        self.chunks(chunks, JournalKind::Audio, Some(false))
    }

    pub(super) fn silence(&mut self, chunks: usize) -> &mut Script {
        self.chunks(chunks, JournalKind::Silence, None)
    }

    /// Nothing is sent for the time of so many chunks.
    pub(super) fn nothing(&mut self, chunks: usize) -> &mut Script {
        self.at_ns += chunks as i64 * CHUNK_NS;
        self
    }

    /// What is said next comes a little later, so that it has a place in order.
    pub(super) fn reply(&mut self, kind: JournalKind, bytes: u32) -> &mut Script {
        self.at_ns += NS_PER_MS;
        self.push(kind, |row| row.bytes = bytes);
        self.at_ns += NS_PER_MS;
        self
    }

    pub(super) fn processing(&mut self) -> &mut Script {
        self.reply(JournalKind::Processing, 0)
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Script {
        self.push(JournalKind::Text, |row| row.text = Some(text.to_owned()))
    }

    pub(super) fn end_of_utterance(&mut self) -> &mut Script {
        self.push(JournalKind::EndOfUtterance, |_| {})
    }

    pub(super) fn half_close(&mut self) -> &mut Script {
        self.push(JournalKind::HalfClose, |_| {})
    }

    pub(super) fn call(&self) -> RecordedCall {
        RecordedCall::of(self.rows.clone()).unwrap()
    }
}
