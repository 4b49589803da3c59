//! What follows from a step of a session, as values: the session decides, the worker carries out.

use super::entry::Entry;
use super::timers::Timer;
use crate::units::{Lag, RunTime};

/// One thing that the worker is to do.
pub(super) enum Effect {
    /// Wakes the session at an instant.
    Timer(RunTime, Timer),
    /// Hands an entry to the results.
    Entry(Entry),
    /// Counts a chunk that was written.
    Chunk(Left),
    /// Counts a session's first message.
    Start(Left),
    /// Counts audio that was not there when it was due.
    AudioMissing,
}

/// A message that was written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    /// When it was due.
    pub(super) due: RunTime,
    /// When it was written.
    pub(super) sent: RunTime,
    /// Without what the peer is to blame for.
    pub(super) lag: Lag,
    /// The usual time between two chunks of its session.
    pub(super) interval_ns: i64,
}
