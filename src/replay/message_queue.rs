//! Messages on their way from a worker to the sink: many at a time, so that keeping one costs the pacer no more
//! than writing it down.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{SyncSender, TrySendError};

use super::entry::{Batch, Entry, Message};

/// Messages that are handed over at a time.
const AT_ONCE: usize = 1024;
/// Messages of a worker that may wait for the sink; what comes on top is lost.
const MOST_WAITING: usize = 256 * 1024;

/// What a worker has to tell of its messages.
pub struct MessageQueue {
    messages: Vec<Message>,
    /// Sessions that have no more.
    ended: Vec<u64>,
    waiting: Arc<AtomicUsize>,
}

impl Default for MessageQueue {
    fn default() -> Self {
        MessageQueue {
            messages: Vec::with_capacity(AT_ONCE),
            ended: Vec::new(),
            waiting: Arc::default(),
        }
    }
}

impl MessageQueue {
    /// Keeps a message, and returns how many were lost since the sink is too slow.
    pub fn push(&mut self, message: Message, sink: &SyncSender<Entry>) -> usize {
        self.messages.push(message);
        match self.messages.len() < AT_ONCE {
            true => 0,
            false => self.hand_over(sink),
        }
    }

    /// A session has no more messages.
    pub fn end(&mut self, session: u64) {
        self.ended.push(session);
    }

    /// Hands over what there is, without ever waiting, and returns how many were lost.
    pub fn hand_over(&mut self, sink: &SyncSender<Entry>) -> usize {
        let count = self.messages.len();
        if count == 0 && self.ended.is_empty() {
            return 0;
        }
        if self.waiting.load(Relaxed) + count > MOST_WAITING {
            self.messages.clear();
            return count;
        }
        self.waiting.fetch_add(count, Relaxed);
        let batch = Batch {
            messages: std::mem::replace(&mut self.messages, Vec::with_capacity(AT_ONCE)),
            ended: std::mem::take(&mut self.ended),
            count,
            waiting: self.waiting.clone(),
        };
        match sink.try_send(Entry::Messages(batch)) {
            Ok(()) => 0,
            Err(TrySendError::Full(entry) | TrySendError::Disconnected(entry)) => {
                if let Entry::Messages(mut batch) = entry {
                    self.ended = std::mem::take(&mut batch.ended);
                }
                count
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::entry::Passage;
    use crate::units::RunTime;
    use std::sync::mpsc::sync_channel;

    fn message(session: u64) -> Message {
        let passage = Passage::Received {
            kind: "audio",
            at: RunTime(0),
        };
        Message {
            session,
            turn: 0,
            seq: 0,
            bytes: 0,
            passage,
        }
    }

    #[test]
    fn what_waits_is_bounded_and_an_end_comes_after_the_last_message() {
        let (sink, entries) = sync_channel(2 * MOST_WAITING / AT_ONCE);
        let mut queue = MessageQueue::default();
        let lost: usize = (0..MOST_WAITING as u64 + 10_000)
            .map(|n| queue.push(message(n), &sink))
            .sum();
        queue.end(7);
        let lost = lost + queue.hand_over(&sink);
        assert_eq!(lost, 10_000);
        let told = |entries: &std::sync::mpsc::Receiver<Entry>| {
            let batches = entries.try_iter().map(|entry| match entry {
                Entry::Messages(batch) => batch,
                _ => panic!("only messages"),
            });
            let batches: Vec<_> = batches.collect();
            let messages: usize = batches.iter().map(|batch| batch.messages.len()).sum();
            let ended: Vec<u64> = batches.iter().flat_map(|b| b.ended.clone()).collect();
            (messages, ended)
        };
        assert_eq!(told(&entries), (MOST_WAITING, vec![]));
        // There is room again; what ended is told though its messages were lost.
        assert_eq!(queue.push(message(1), &sink) + queue.hand_over(&sink), 0);
        assert_eq!(told(&entries), (1, vec![7]));
        drop(entries);
        queue.push(message(1), &sink);
        assert_eq!(queue.hand_over(&sink), 1);
    }
}
