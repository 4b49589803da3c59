//! How large a trace is: sessions, peak concurrency, chunks, bytes, length.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::model::{EventKind, EventRow, SessionRow};
use crate::units::NS_PER_S;

/// The size of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Extent {
    /// Sessions.
    pub sessions: u64,
    /// Turns of all sessions.
    pub turns: u64,
    /// Audio and fill chunks.
    pub chunks: u64,
    /// PCM bytes of audio and fill.
    pub bytes: u64,
    /// Largest number of sessions sending at once.
    pub peak_sessions: u64,
    /// Most chunks that leave in one second, seconds counted from trace time 0.
    pub peak_chunks_per_s: u64,
    /// Most PCM bytes that leave in one second.
    pub peak_bytes_per_s: u64,
    /// Start of the first session.
    pub first_start_ns: i64,
    /// Start of the last session.
    pub last_start_ns: i64,
    /// When its ramp-down begins: no session is still to start, and at most half as many as at the
    /// peak are still sending.
    pub drain_ns: i64,
    /// From trace time 0 to the end of the last event.
    pub duration_ns: i64,
}

impl Extent {
    /// Measures sessions and their events, each sorted by session.
    #[must_use]
    pub fn of(sessions: &[SessionRow], events: &[EventRow]) -> Extent {
        let mut meter = ExtentMeter::default();
        let mut rest = events;
        for session in sessions {
            let its = rest
                .iter()
                .take_while(|event| event.session == session.session);
            let (its, others) = rest.split_at(its.count());
            rest = others;
            meter.session(session.start_ns, session.turns, its, 0);
        }
        meter.finish()
    }

    /// Chunks a second, on average over the trace's length.
    #[must_use]
    pub fn chunks_per_s(&self) -> f64 {
        self.chunks as f64 * NS_PER_S as f64 / self.duration_ns.max(1) as f64
    }

    /// PCM megabytes a second, on average over the trace's length.
    #[must_use]
    pub fn megabytes_per_s(&self) -> f64 {
        self.bytes as f64 / 1e6 * NS_PER_S as f64 / self.duration_ns.max(1) as f64
    }

    /// Mean time between starts; 0 when there are fewer than two.
    #[must_use]
    pub fn mean_gap_ns(&self) -> i64 {
        let gaps = i64::try_from(self.sessions.saturating_sub(1)).unwrap_or(i64::MAX);
        (self.last_start_ns - self.first_start_ns) / gaps.max(1)
    }
}

/// When the last message of `event` leaves.
#[must_use]
pub fn event_end_ns(event: &EventRow) -> i64 {
    event
        .at_ns
        .saturating_add(event.interval_ns.saturating_mul(i64::from(event.count)))
}

/// When the last message of a session leaves, whose events these are; its start, if it has none.
#[must_use]
pub fn session_end_ns(start_ns: i64, events: &[EventRow]) -> i64 {
    let ends = events.iter().map(event_end_ns);
    ends.max().unwrap_or(start_ns).max(start_ns)
}

/// Measures sessions that come in order of their start, in memory for those that overlap.
#[derive(Debug, Default)]
pub struct ExtentMeter {
    extent: Extent,
    /// Ends of the sessions that may be open.
    ends: BinaryHeap<Reverse<i64>>,
    /// Chunks and bytes of the seconds from number `first_second` on.
    seconds: VecDeque<(u64, u64)>,
    first_second: i64,
}

impl ExtentMeter {
    /// Takes in a session that starts at `start_ns`, `shift_ns` later than its events say.
    pub fn session(&mut self, start_ns: i64, turns: u32, events: &[EventRow], shift_ns: i64) {
        if self.extent.sessions == 0 {
            self.extent.first_start_ns = start_ns;
        }
        self.extent.sessions += 1;
        self.extent.turns += u64::from(turns);
        self.extent.last_start_ns = start_ns;
        self.close_seconds(start_ns.div_euclid(NS_PER_S));
        let mut end_ns = start_ns;
        for event in events {
            end_ns = end_ns.max(event_end_ns(event).saturating_add(shift_ns));
            if matches!(event.kind, EventKind::Audio | EventKind::Fill) {
                self.extent.chunks += u64::from(event.count);
                self.extent.bytes += u64::from(event.count) * u64::from(event.chunk_bytes);
                self.count(event, shift_ns);
            }
        }
        self.extent.duration_ns = self.extent.duration_ns.max(end_ns);
        while self
            .ends
            .peek()
            .is_some_and(|Reverse(end)| *end <= start_ns)
        {
            self.ends.pop();
        }
        self.ends.push(Reverse(end_ns));
        self.extent.peak_sessions = self.extent.peak_sessions.max(self.ends.len() as u64);
    }

    /// The size of all that was taken in.
    #[must_use]
    pub fn finish(mut self) -> Extent {
        self.close_seconds(i64::MAX);
        let mut open = self.ends.len() as u64;
        self.extent.drain_ns = self.extent.last_start_ns;
        while open * 2 > self.extent.peak_sessions
            && let Some(Reverse(end_ns)) = self.ends.pop()
        {
            self.extent.drain_ns = end_ns;
            open -= 1;
        }
        self.extent
    }

    /// No chunk that is still to come leaves before second `number`.
    fn close_seconds(&mut self, number: i64) {
        while self.first_second < number
            && let Some((chunks, bytes)) = self.seconds.pop_front()
        {
            let extent = &mut self.extent;
            extent.peak_chunks_per_s = extent.peak_chunks_per_s.max(chunks);
            extent.peak_bytes_per_s = extent.peak_bytes_per_s.max(bytes);
            self.first_second += 1;
        }
        if self.seconds.is_empty() {
            self.first_second = number;
        }
    }

    /// Counts each chunk of an event in the second in which it leaves.
    fn count(&mut self, event: &EventRow, shift_ns: i64) {
        let first_ns = event.at_ns + shift_ns + event.interval_ns;
        let mut counted = 0;
        while counted < event.count {
            let at_ns = first_ns + i64::from(counted) * event.interval_ns;
            let second = at_ns.div_euclid(NS_PER_S);
            let left_ns = (second + 1) * NS_PER_S - at_ns;
            let chunks = match event.interval_ns {
                0 => event.count,
                interval_ns => (left_ns as u64)
                    .div_ceil(interval_ns as u64)
                    .min(u64::from(event.count - counted)) as u32,
            };
            let place = (second - self.first_second).max(0) as usize;
            if self.seconds.len() <= place {
                self.seconds.resize(place + 1, (0, 0));
            }
            self.seconds[place].0 += u64::from(chunks);
            self.seconds[place].1 += u64::from(chunks) * u64::from(event.chunk_bytes);
            counted += chunks;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: i64 = 1_000_000;

    fn chunks(at_ns: i64, interval_ns: i64, count: u32) -> EventRow {
        EventRow {
            session: 0,
            turn: 0,
            at_ns,
            kind: EventKind::Fill,
            clip: None,
            offset_bytes: 0,
            chunk_bytes: 640,
            interval_ns,
            count,
            text: None,
        }
    }

    fn measure(sessions: &[EventRow]) -> Extent {
        let mut meter = ExtentMeter::default();
        for event in sessions {
            meter.session(event.at_ns, 1, std::slice::from_ref(event), 0);
        }
        meter.finish()
    }

    #[test]
    fn the_drain_begins_when_half_of_the_peak_is_left() {
        let session = |start: i64, length: u32| chunks(start * MS, MS, length);
        let four = [
            session(0, 100),
            session(10, 20),
            session(20, 50),
            session(25, 10),
        ];
        let extent = measure(&four);
        assert_eq!((extent.sessions, extent.peak_sessions), (4, 4));
        assert_eq!(extent.drain_ns, 35 * MS, "the second of four has ended");
        let spike = [
            session(0, 10),
            session(0, 10),
            session(0, 10),
            session(50, 10),
        ];
        assert_eq!(
            measure(&spike).drain_ns,
            50 * MS,
            "not before the last start"
        );
        assert_eq!(measure(&[]).drain_ns, 0);
    }

    proptest! {
        #[test]
        fn peaks_are_those_of_every_second(
            sessions in prop::collection::vec((0_i64..5000, 0_i64..700, 1_u32..60), 1..20)
        ) {
            let mut events: Vec<_> = sessions.iter()
                .map(|(start, interval, count)| chunks(start * MS, interval * MS, *count))
                .collect();
            events.sort_by_key(|event| event.at_ns);
            let mut seconds = std::collections::BTreeMap::<i64, u64>::new();
            for event in &events {
                for k in 0..i64::from(event.count) {
                    let at = event.at_ns + (k + 1) * event.interval_ns;
                    *seconds.entry(at / NS_PER_S).or_default() += 1;
                }
            }
            let extent = measure(&events);
            prop_assert_eq!(extent.peak_chunks_per_s, *seconds.values().max().unwrap());
            prop_assert_eq!(extent.peak_bytes_per_s, extent.peak_chunks_per_s * 640);
            prop_assert_eq!(extent.chunks, seconds.values().sum::<u64>());
        }

        #[test]
        fn peak_and_drain_are_those_of_every_instant(
            sessions in prop::collection::vec((0_i64..2000, 1_u32..900), 1..30),
            shift_ms in 0_i64..5000,
        ) {
            let mut events: Vec<_> = sessions.iter()
                .map(|(start, length)| chunks(start * MS, MS, *length))
                .collect();
            events.sort_by_key(|event| event.at_ns);
            let open_at = |at: i64| {
                let is_open = |e: &&EventRow| e.at_ns <= at && event_end_ns(e) > at;
                events.iter().filter(is_open).count() as u64
            };
            let peak = events.iter().map(|event| open_at(event.at_ns)).max();
            let last_ns = events.last().map_or(0, |event| event.at_ns);
            let ends = events.iter().map(event_end_ns).chain([last_ns]);
            let drain = ends.filter(|at| *at >= last_ns && open_at(*at) * 2 <= peak.unwrap()).min();
            let extent = measure(&events);
            prop_assert_eq!(Some(extent.peak_sessions), peak);
            prop_assert_eq!(Some(extent.drain_ns), drain);

            let shift_ns = shift_ms * MS;
            let (mut shifted, mut moved) = (ExtentMeter::default(), events.clone());
            for event in &mut moved {
                let its = std::slice::from_ref(&*event);
                shifted.session(event.at_ns + shift_ns, 1, its, shift_ns);
                event.at_ns += shift_ns;
            }
            prop_assert_eq!(shifted.finish(), measure(&moved));
        }
    }
}
