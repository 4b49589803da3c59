//! What waits until nothing before it can still come: a queue in order of start.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Things with a start; those that start at one instant keep the order in which they came.
#[derive(Debug)]
pub struct InOrder<T> {
    waiting: BinaryHeap<Reverse<Entry<T>>>,
    came: u64,
}

#[derive(Debug)]
struct Entry<T> {
    start_ns: i64,
    came: u64,
    what: T,
}

impl<T> Default for InOrder<T> {
    fn default() -> Self {
        InOrder {
            waiting: BinaryHeap::new(),
            came: 0,
        }
    }
}

impl<T> InOrder<T> {
    /// Takes in `what`, which starts at `start_ns`.
    pub fn push(&mut self, start_ns: i64, what: T) {
        let came = self.came;
        self.came += 1;
        self.waiting.push(Reverse(Entry {
            start_ns,
            came,
            what,
        }));
    }

    /// The first to start, with its start, if that is not after `limit_ns`.
    pub fn pop_until(&mut self, limit_ns: i64) -> Option<(i64, T)> {
        let first = self.waiting.peek()?;
        if first.0.start_ns > limit_ns {
            return None;
        }
        let Reverse(entry) = self.waiting.pop()?;
        Some((entry.start_ns, entry.what))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.start_ns, self.came).cmp(&(other.start_ns, other.came))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_start_comes_first_and_ties_keep_their_order() {
        let mut queue = InOrder::default();
        for (start_ns, what) in [(5, 'a'), (1, 'b'), (5, 'c'), (9, 'd')] {
            queue.push(start_ns, what);
        }
        let mut until = |limit_ns| std::iter::from_fn(|| queue.pop_until(limit_ns)).collect();
        let seen: Vec<_> = until(5);
        assert_eq!(seen, [(1, 'b'), (5, 'a'), (5, 'c')]);
        let seen: Vec<_> = until(i64::MAX);
        assert_eq!(seen, [(9, 'd')]);
    }
}
