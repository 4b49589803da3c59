//! One trace that is being recorded: its journal, and the calls that began in it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::messages::NotUnderstood;
use super::tap::What;
use super::transcribe::{Entry, Keep, Transcriber};
use crate::dialect::Recordable;
use crate::trace::TraceError;
use crate::trace::journal::{JournalKind, JournalRow, JournalWriter, Recording};

/// A trace that is being recorded.
pub(super) struct Volume {
    place: PathBuf,
    journal: JournalWriter,
    /// Instant 0 on the monotonic clock.
    started_ns: i64,
    dialect: Recordable,
    open: HashMap<u64, Transcriber>,
    /// Messages taken in since the last [`Volume::counted`].
    messages: u64,
    /// Used again and again.
    entries: Vec<Entry>,
}

impl Volume {
    /// Begins a trace of calls in `dialect` at `place`, whose instant 0 is now.
    ///
    /// # Errors
    /// A place that is taken, or the system's.
    pub(super) fn begin(
        place: &Path,
        recording: &Recording,
        dialect: &Recordable,
        now_ns: i64,
    ) -> Result<Volume, TraceError> {
        Ok(Volume {
            place: place.to_owned(),
            journal: JournalWriter::create(place, recording)?,
            started_ns: now_ns,
            dialect: dialect.clone(),
            open: HashMap::new(),
            messages: 0,
            entries: Vec::new(),
        })
    }

    /// When it began, on the monotonic clock.
    pub(super) fn started_ns(&self) -> i64 {
        self.started_ns
    }

    /// Where it will be.
    pub(super) fn place(&self) -> &Path {
        &self.place
    }

    /// Bytes on the disk.
    pub(super) fn bytes(&self) -> u64 {
        self.journal.committed_bytes()
    }

    /// Whether no call of it is open.
    pub(super) fn is_quiet(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether the call began here, and is still recorded.
    pub(super) fn holds(&self, call: u64) -> bool {
        self.open.contains_key(&call)
    }

    /// A call begins here.
    pub(super) fn open(&mut self, call: u64) {
        self.open
            .insert(call, Transcriber::new(call, &self.dialect));
    }

    /// Takes in what happened to a call that began here; returns whether the call has ended.
    ///
    /// # Errors
    /// A message that is not understood: the call is recorded up to it.
    pub(super) fn take(
        &mut self,
        call: u64,
        what: What,
        at_ns: i64,
        keep: Keep,
    ) -> Result<bool, NotUnderstood> {
        let Some(held) = self.open.get_mut(&call) else {
            return Ok(false);
        };
        let ends = matches!(what, What::Closed(_) | What::Cancelled);
        let at_ns = (at_ns - self.started_ns).max(0);
        let taken = held.take(what, at_ns, keep, &mut self.entries);
        for (row, pcm) in self.entries.drain(..) {
            self.messages += u64::from(is_message(row.kind));
            self.journal.append(row, pcm.as_deref());
        }
        if ends || taken.is_err() {
            self.open.remove(&call);
        }
        taken.map(|()| ends)
    }

    /// A call was cut: the rest of it is not recorded.
    pub(super) fn cut(&mut self, call: u64, now_ns: i64) {
        if self.open.remove(&call).is_some() {
            let at_ns = (now_ns - self.started_ns).max(0);
            let lost = JournalRow::new(call, at_ns, JournalKind::Lost);
            self.journal.append(lost, None);
        }
    }

    /// Messages taken in since this was asked last.
    pub(super) fn counted(&mut self) -> u64 {
        std::mem::take(&mut self.messages)
    }

    /// Puts what was taken in on the disk.
    ///
    /// # Errors
    /// The disk's; what was taken in since the last time is lost, and with it the rest of the calls
    /// that are open. How many those are is returned with it.
    pub(super) fn commit(&mut self) -> Result<(), (TraceError, usize)> {
        self.journal.commit().map_err(|error| {
            let lost = self.open.len();
            self.open.clear();
            (error, lost)
        })
    }
}

fn is_message(kind: JournalKind) -> bool {
    use JournalKind::{Cancel, Closed, EndOfUtterance, HalfClose, Lost, Opened};
    !matches!(
        kind,
        Opened | EndOfUtterance | HalfClose | Cancel | Closed | Lost
    )
}
