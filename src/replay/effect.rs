//! What follows from a step of a session, as values: the session decides, the worker carries out.

use super::accumulator::Left;
use super::entry::{Entry, Message};
use super::timers::Timer;
use crate::units::RunTime;

/// One thing that the worker is to do.
pub(super) enum Effect {
    /// Wakes the session at an instant.
    Timer(RunTime, Timer),
    /// Hands an entry to the results.
    Entry(Entry),
    /// Keeps a message.
    Message(Message),
    /// The session has no more messages to keep.
    Ended(u64),
    /// Counts a chunk that was due, and written or not.
    Chunk(Left),
    /// Counts a session's first message.
    Start(Left),
    /// Counts audio that was not there when it was due.
    AudioMissing,
}
