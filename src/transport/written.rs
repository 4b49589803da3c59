//! What the system has of each stream of an HTTP/2 connection, and since when.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::Waker;

use super::frame_scanner::DataFrame;

/// When the end of a DATA frame was written, on the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// What the stream had sent with it: bytes, and one for its end.
    upto: u64,
    pub(super) at_ns: i64,
    /// Since when the system had taken no more, if it had not.
    pub(super) stuck_since_ns: Option<i64>,
}

/// What is written of one stream.
#[derive(Debug, Default)]
struct Credit {
    sent: u64,
    stamps: VecDeque<Stamp>,
    waker: Option<Waker>,
}

/// What is written of each stream of a connection; clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Written(Rc<RefCell<Streams>>);

/// The streams of a client have odd numbers, given out in order: the place of each is known by its number.
#[derive(Debug, Default)]
struct Streams {
    /// Half the number of the first.
    first: u32,
    credits: VecDeque<Option<Credit>>,
    /// Since when the system has taken nothing though there was something.
    stuck_since_ns: Option<i64>,
}

impl Streams {
    fn credit(&mut self, stream: u32) -> Option<&mut Credit> {
        let place = (stream / 2).checked_sub(self.first)?;
        self.credits.get_mut(place as usize)?.as_mut()
    }
}

impl Written {
    /// Begins to follow a stream that was opened.
    pub(super) fn follow(&self, stream: u32) -> Follower {
        let streams = &mut *self.0.borrow_mut();
        if streams.credits.is_empty() {
            streams.first = stream / 2;
        }
        let place = (stream / 2).saturating_sub(streams.first) as usize;
        if streams.credits.len() <= place {
            streams.credits.resize_with(place + 1, || None);
        }
        streams.credits[place] = Some(Credit::default());
        Follower {
            stream,
            handed: 0,
            unreported: VecDeque::new(),
            written: self.clone(),
        }
    }

    /// The system has all of `frame` since `at_ns`.
    pub(super) fn note(&self, frame: DataFrame, at_ns: i64) {
        let streams = &mut *self.0.borrow_mut();
        let stuck_since_ns = streams.stuck_since_ns;
        let Some(credit) = streams.credit(frame.stream) else {
            return;
        };
        credit.sent += u64::from(frame.bytes) + u64::from(frame.ends);
        credit.stamps.push_back(Stamp {
            upto: credit.sent,
            at_ns,
            stuck_since_ns,
        });
        if let Some(waker) = credit.waker.take() {
            waker.wake();
        }
    }

    /// The system takes nothing since `at_ns` or before, though there is something; `None` when it has
    /// everything.
    pub(super) fn stuck(&self, at_ns: Option<i64>) {
        let stuck = &mut self.0.borrow_mut().stuck_since_ns;
        *stuck = at_ns.map(|at_ns| stuck.unwrap_or(at_ns));
    }
}

/// One stream, whose frames are told of in order.
#[derive(Debug)]
pub(super) struct Follower {
    stream: u32,
    /// What was handed to HTTP/2, counted as [`Stamp::upto`] is.
    handed: u64,
    /// The ends of the frames that were handed over and have not been reported.
    unreported: VecDeque<u64>,
    written: Written,
}

impl Follower {
    /// A frame of so many bytes was handed to HTTP/2.
    pub(super) fn handed(&mut self, bytes: usize, ends: bool) {
        self.handed += bytes as u64 + u64::from(ends);
        self.unreported.push_back(self.handed);
    }

    /// When the oldest frame that was handed over and has not been reported was written, if it was.
    pub(super) fn take(&mut self) -> Option<Stamp> {
        let end = *self.unreported.front()?;
        let streams = &mut *self.written.0.borrow_mut();
        let stamps = &mut streams.credit(self.stream)?.stamps;
        // Large frames are sent in parts.
        while stamps.pop_front_if(|stamp| stamp.upto < end).is_some() {}
        let stamp = *stamps.front()?;
        self.unreported.pop_front();
        if stamp.upto == end {
            stamps.pop_front();
        }
        Some(stamp)
    }

    /// Whether there is something to [`take`](Self::take); wakes `waker` when there is more.
    pub(super) fn has_more(&self, waker: &Waker) -> bool {
        let Some(end) = self.unreported.front() else {
            return false;
        };
        let streams = &mut *self.written.0.borrow_mut();
        let Some(credit) = streams.credit(self.stream) else {
            return false;
        };
        credit.waker = Some(waker.clone());
        credit.stamps.back().is_some_and(|stamp| stamp.upto >= *end)
    }

    /// Since when the system has taken nothing of the connection though there is something.
    pub(super) fn stuck_since_ns(&self) -> Option<i64> {
        self.written.0.borrow().stuck_since_ns
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let streams = &mut *self.written.0.borrow_mut();
        if let Some(place) = (self.stream / 2).checked_sub(streams.first)
            && let Some(credit) = streams.credits.get_mut(place as usize)
        {
            *credit = None;
        }
        while streams
            .credits
            .pop_front_if(|credit| credit.is_none())
            .is_some()
        {
            streams.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(stream: u32, bytes: u32, ends: bool) -> DataFrame {
        DataFrame {
            stream,
            bytes,
            ends,
            end: 0,
        }
    }

    fn at(follower: &mut Follower) -> Vec<i64> {
        std::iter::from_fn(|| follower.take())
            .map(|stamp| stamp.at_ns)
            .collect()
    }

    #[test]
    fn each_frame_has_the_instant_of_its_last_part() {
        let written = Written::default();
        let (mut one, mut two) = (written.follow(1), written.follow(5));
        one.handed(300, false);
        one.handed(5, false);
        one.handed(0, true);
        two.handed(7, true);
        written.note(data(1, 200, false), 10);
        assert_eq!(one.take(), None, "a part is not the whole");
        // The rest of it shares a frame with the next.
        written.note(data(1, 105, false), 20);
        written.note(data(5, 7, true), 30);
        assert_eq!(at(&mut one), [20, 20]);
        written.note(data(1, 0, true), 40);
        assert_eq!((at(&mut one), at(&mut two)), (vec![40], vec![30]));
        // What nobody follows is of no interest.
        written.note(data(3, 1, false), 50);
        written.note(data(9, 1, false), 50);
    }

    #[test]
    fn waiting_is_told_with_the_frames_that_waited() {
        let written = Written::default();
        let mut one = written.follow(1);
        for _ in 0..3 {
            one.handed(1, false);
        }
        written.note(data(1, 1, false), 10);
        written.stuck(Some(20));
        written.stuck(Some(25));
        assert_eq!(one.stuck_since_ns(), Some(20));
        written.note(data(1, 1, false), 30);
        written.stuck(None);
        written.note(data(1, 1, false), 40);
        let stuck: Vec<_> = std::iter::from_fn(|| one.take())
            .map(|stamp| (stamp.at_ns, stamp.stuck_since_ns))
            .collect();
        assert_eq!(stuck, [(10, None), (30, Some(20)), (40, None)]);
    }

    #[test]
    fn places_are_given_back_in_any_order() {
        let written = Written::default();
        let followers: Vec<_> = (0..6).map(|n| written.follow(101 + 2 * n)).collect();
        let mut followers: Vec<_> = followers.into_iter().map(Some).collect();
        for n in [3, 1, 0, 2, 5] {
            followers[n] = None;
        }
        assert_eq!(
            written.0.borrow().credits.len(),
            2,
            "the fifth, and one behind it"
        );
        let mut last = followers[4].take().unwrap();
        last.handed(1, false);
        written.note(data(109, 1, false), 1);
        assert_eq!(at(&mut last), [1]);
        drop(last);
        assert!(written.0.borrow().credits.is_empty());
        // Numbers go on.
        let mut next = written.follow(201);
        next.handed(1, false);
        written.note(data(201, 1, false), 2);
        assert_eq!(at(&mut next), [2]);
    }
}
