//! What of a recording could not be read.

/// What of a recording could not be read, and what that cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Damage {
    /// Stretches of the journal that hold no whole batch.
    pub places: u64,
    /// Bytes of the journal in them.
    pub journal_bytes: u64,
    /// Chunks of audio that are missing or not what was recorded, and their bytes.
    pub chunks: u64,
    /// Bytes of these chunks.
    pub audio_bytes: u64,
    /// Calls of which nothing is in the trace.
    pub calls_lost: u64,
    /// Calls that are in the trace up to the damage.
    pub calls_cut: u64,
    /// Utterances that the server had heard, and that are not in the trace.
    pub turns_lost: u64,
    /// Whether more calls and turns may be lost than these: what is missing at the journal's end is
    /// not known, nor what was in a damaged stretch before format 2.0.
    pub more_may_be_lost: bool,
    /// Instant from which on something is missing; null where nothing is.
    pub from_ns: Option<i64>,
    /// Time of which the journal is missing, between what there is of it.
    pub span_ns: i64,
}

impl Damage {
    /// Whether there is any: the journal must be kept.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.places > 0 || self.chunks > 0
    }

    /// Whether something of the calls is missing, or may be.
    #[must_use]
    pub fn costs(&self) -> bool {
        self.from_ns.is_some()
    }

    /// A stretch of so many bytes that holds no whole batch.
    pub(super) fn stretch(&mut self, bytes: u64) {
        self.places += 1;
        self.journal_bytes += bytes;
    }

    /// Something is missing from `from_ns` on, up to `to_ns` where that is known.
    pub(super) fn missing(&mut self, from_ns: i64, to_ns: Option<i64>) {
        let first = self.from_ns.map_or(from_ns, |first| first.min(from_ns));
        self.from_ns = Some(first);
        self.span_ns += to_ns.map_or(0, |to_ns| (to_ns - from_ns).max(0));
    }
}
