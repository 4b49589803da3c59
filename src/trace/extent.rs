//! How large a trace is: sessions, peak concurrency, chunks, bytes, length.

use super::model::{EventKind, EventRow, SessionRow};
use crate::units::NS_PER_S;

/// The size of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
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
    /// From trace time 0 to the end of the last event.
    pub duration_ns: i64,
}

impl Extent {
    /// Measures sessions and their events.
    #[must_use]
    pub fn of(sessions: &[SessionRow], events: &[EventRow]) -> Extent {
        let mut extent = Extent {
            sessions: sessions.len() as u64,
            turns: sessions.iter().map(|s| u64::from(s.turns)).sum(),
            ..Extent::default()
        };
        let mut ends = vec![0_i64; sessions.len()];
        for event in events {
            let end = event_end_ns(event);
            extent.duration_ns = extent.duration_ns.max(end);
            if let Some(last) = ends.get_mut(event.session as usize) {
                *last = end.max(*last);
            }
            if matches!(event.kind, EventKind::Audio | EventKind::Fill) {
                extent.chunks += u64::from(event.count);
                extent.bytes += u64::from(event.count) * u64::from(event.chunk_bytes);
            }
        }
        extent.peak_sessions = peak(sessions, &ends);
        extent
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
}

/// When the last message of `event` leaves.
#[must_use]
pub fn event_end_ns(event: &EventRow) -> i64 {
    event
        .at_ns
        .saturating_add(event.interval_ns.saturating_mul(i64::from(event.count)))
}

fn peak(sessions: &[SessionRow], ends: &[i64]) -> u64 {
    let mut ends = ends.to_vec();
    ends.sort_unstable();
    let mut ended = 0;
    let mut peak = 0;
    // Sessions are sorted by start: at each start, count those that have not ended.
    for (started, session) in (1..).zip(sessions) {
        while ended < ends.len() && ends[ended] <= session.start_ns {
            ended += 1;
        }
        peak = peak.max(started - ended as i64);
    }
    u64::try_from(peak).unwrap_or(0)
}
