//! What a session sends beside audio, as far as engines must know of it.

use std::collections::VecDeque;

use bytes::Bytes;

/// What a caller is about to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What the session is.
    Start,
    /// Anything after it.
    Rest,
}

/// How a caller says that nothing more comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndOfInput {
    /// By ending its direction of the stream.
    HalfClose,
    /// By these messages, or none; the stream stays open until all was answered.
    Messages(Vec<Bytes>),
}

/// A message that the protocol demands of a caller who listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// The message.
    pub message: Bytes,
    /// The user wrote it, and may have asked in it for values of the session.
    pub is_template: bool,
}

/// What is owed, in the order in which it is sent, and when.
#[derive(Debug, Default)]
pub(super) struct Debts(VecDeque<(i64, Owed)>);

impl Debts {
    /// It is due at that instant, or when what is owed before it is.
    pub(super) fn push(&mut self, due_ns: i64, owed: Owed) {
        let before = self.0.back().map_or(i64::MIN, |(before_ns, _)| *before_ns);
        self.0.push_back((due_ns.max(before), owed));
    }

    /// The next that is due by `now_ns`.
    pub(super) fn take(&mut self, now_ns: i64) -> Option<Owed> {
        let due = self.0.pop_front_if(|(due_ns, _)| *due_ns <= now_ns);
        due.map(|(_, owed)| owed)
    }

    /// When the next is due.
    pub(super) fn due_ns(&self) -> Option<i64> {
        self.0.front().map(|(due_ns, _)| *due_ns)
    }
}
