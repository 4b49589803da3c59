//! The row that ends a batch: a hash of it, and what lets a reader go on behind damage.
//!
//! Its text is the hash, a space, and a JSON object: the format, where the batch begins, what the
//! batches before it hold together, and what is recorded. The hash is of the other rows and of the JSON, and not of
//! other batches, so that each can be read by itself. Before format 2.0 the text was a hash of the
//! place and the rows alone.

use serde::{Deserialize, Serialize};

use super::{JournalKind, JournalRow, Recording};

/// What the batches of a journal hold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Passed {
    /// Calls that were opened.
    pub calls: u64,
    /// Utterances that the server said it had heard.
    pub turns: u64,
    /// Rows.
    pub rows: u64,
}

impl Passed {
    /// Counts a row.
    pub fn add(&mut self, row: &JournalRow) {
        self.calls += u64::from(row.kind == JournalKind::Opened);
        self.turns += u64::from(row.kind == JournalKind::Processing);
        self.rows += 1;
    }

    /// What is more in it than in `before`.
    #[must_use]
    pub fn since(self, before: Passed) -> Passed {
        Passed {
            calls: self.calls.saturating_sub(before.calls),
            turns: self.turns.saturating_sub(before.turns),
            rows: self.rows.saturating_sub(before.rows),
        }
    }
}

/// What a batch says of itself and of those before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Sum {
    /// Version of the journal's format.
    pub(super) format: String,
    /// Where it begins in the stream as it was written.
    pub(super) at: u64,
    /// What the batches before it hold.
    pub(super) before: Passed,
    /// What is recorded.
    pub(super) recording: Recording,
}

/// What the end of a batch says, if the batch is as it was written.
pub(super) enum Fits {
    /// What it says of itself.
    Whole(Box<Sum>),
    /// Format 1: it says no more than that it was written here.
    Here,
}

impl Sum {
    /// The row that ends a batch of `rows`.
    pub(super) fn row(&self, rows: &[JournalRow]) -> serde_json::Result<JournalRow> {
        let said = serde_json::to_string(self)?;
        let text = format!("{} {said}", hash_of(rows, &said));
        Ok(ending(text))
    }
}

/// What `sum` says of `rows`, which begin at byte `at` of the stream; `None` where it is not the sum
/// of these.
pub(super) fn fits(sum: &JournalRow, rows: &[JournalRow], at: u64) -> Option<Fits> {
    let text = sum.text.as_deref()?;
    if *sum != ending(text.to_owned()) {
        return None;
    }
    match text.split_once(' ') {
        Some((hash, said)) => {
            let is_so = hash == hash_of(rows, said);
            let said = is_so.then(|| serde_json::from_str(said).ok())??;
            Some(Fits::Whole(said))
        }
        None => (text == hash_at(rows, at)).then_some(Fits::Here),
    }
}

fn ending(text: String) -> JournalRow {
    JournalRow {
        text: Some(text),
        ..JournalRow::new(0, 0, JournalKind::Sum)
    }
}

fn hash_of(rows: &[JournalRow], said: &str) -> String {
    let mut hash = blake3::Hasher::new();
    for row in rows {
        feed(&mut hash, row);
        feed_maybe(&mut hash, row.audio_sum.map(u64::from));
    }
    hash.update(said.as_bytes());
    hash.finalize().to_hex().to_string()
}

/// The hash of format 1.
pub(super) fn hash_at(rows: &[JournalRow], at: u64) -> String {
    let mut hash = blake3::Hasher::new();
    hash.update(&at.to_le_bytes());
    for row in rows {
        feed(&mut hash, row);
    }
    hash.finalize().to_hex().to_string()
}

/// Each number as a little-endian word; text as its length and its bytes behind a byte that says
/// whether there is any.
fn feed(hash: &mut blake3::Hasher, row: &JournalRow) {
    for word in [row.call, row.at_ns as u64, u64::from(row.bytes)] {
        hash.update(&word.to_le_bytes());
    }
    for maybe in [
        row.offset,
        row.voiced.map(u64::from),
        row.rate_hz.map(u64::from),
    ] {
        feed_maybe(hash, maybe);
    }
    let texts = [
        Some(row.kind.name()),
        row.session_id.as_deref(),
        row.text.as_deref(),
    ];
    for text in texts {
        hash.update(&[u8::from(text.is_some())]);
        let text = text.unwrap_or_default();
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
}

/// A word that says whether there is a value, and the value.
fn feed_maybe(hash: &mut blake3::Hasher, maybe: Option<u64>) {
    for word in [u64::from(maybe.is_some()), maybe.unwrap_or(0)] {
        hash.update(&word.to_le_bytes());
    }
}

/// What the writer notes of a chunk's audio.
#[must_use]
pub fn audio_sum(pcm: &[u8]) -> u32 {
    let hash = blake3::hash(pcm);
    let [a, b, c, d, ..] = *hash.as_bytes();
    u32::from_le_bytes([a, b, c, d])
}
