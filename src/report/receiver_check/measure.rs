//! Joins what was sent with what arrived, message by message.

use super::figures::{Counts, Drift, Figures, LATE_NS, Quantiles};
use super::gather::{Gathered, Sent, Session};

/// The times of all chunks, in nanoseconds.
#[derive(Default)]
struct Times {
    lags: Vec<i64>,
    /// Each behind the planned instant that it belongs to.
    errors: Vec<(i64, i64)>,
    transits: Vec<i64>,
    gap_errors: Vec<i64>,
    late: u64,
}

/// A chunk that was sent, and when it first arrived by the log's clock.
type Chunk<'a> = (&'a Sent, Option<i64>);

/// Counts and figures; what was gathered is given up session by session.
pub(super) fn measure(gathered: Gathered) -> (Counts, Figures) {
    let (mut counts, mut times) = (gathered.counts, Times::default());
    for session in gathered.sessions {
        let received = arrivals(&session, &mut counts);
        let sent = session.sent.iter().zip(received);
        let chunks: Vec<Chunk<'_>> = sent.filter(|(sent, _)| sent.is_chunk).collect();
        times.add(&chunks, gathered.offset_ns);
    }
    let figures = Figures {
        lag: Quantiles::of(times.lags),
        drift: Drift::of(&mut times.errors),
        error: Quantiles::of(times.errors.into_iter().map(|(_, error)| error).collect()),
        transit: Quantiles::of(times.transits),
        gap_error: Quantiles::of(times.gap_errors),
        late: times.late,
    };
    (counts, figures)
}

/// Counts a session's messages; returns when each that was sent first arrived.
fn arrivals(session: &Session, counts: &mut Counts) -> Vec<Option<i64>> {
    let mut received = vec![None; session.sent.len()];
    let mut latest = 0;
    for arrived in &session.arrived {
        let place = session.sent.binary_search_by_key(&arrived.seq, |s| s.seq);
        let Ok(place) = place else {
            counts.unknown += 1;
            continue;
        };
        if received[place].is_some() {
            counts.doubled += 1;
            continue;
        }
        received[place] = Some(arrived.received_ns);
        counts.arrived += 1;
        counts.altered += u64::from(session.sent[place].bytes != arrived.bytes);
        counts.reordered += u64::from(arrived.seq < latest);
        latest = latest.max(arrived.seq);
    }
    let missing = received.iter().filter(|at| at.is_none()).count() as u64;
    counts.sent += session.sent.len() as u64;
    match session.ended_well {
        true => counts.lost += missing,
        false => counts.cut_off += missing,
    }
    received
}

impl Times {
    /// Takes in the chunks of one session.
    fn add(&mut self, chunks: &[Chunk<'_>], offset_ns: Option<i64>) {
        for (k, (sent, received_ns)) in chunks.iter().enumerate() {
            self.lags.push(sent.sent_ns - sent.intended_ns);
            let Some(received_ns) = received_ns else {
                continue;
            };
            let before = k.checked_sub(1).map(|k| &chunks[k]);
            if let Some((before, Some(received_before_ns))) = before {
                let planned_ns = sent.intended_ns - before.intended_ns;
                let gap_error = (received_ns - received_before_ns - planned_ns).abs();
                self.gap_errors.push(gap_error);
            }
            let Some(offset_ns) = offset_ns else { continue };
            let received_ns = received_ns + offset_ns;
            let error_ns = received_ns - sent.intended_ns;
            self.errors.push((sent.intended_ns, error_ns));
            self.transits.push(received_ns - sent.sent_ns);
            // The nearer neighbour: a pause beside a chunk does not make it less late.
            let neighbours = [before, chunks.get(k + 1)].into_iter().flatten();
            let intervals = neighbours.map(|(it, _)| (it.intended_ns - sent.intended_ns).abs());
            let interval_ns = intervals.min().unwrap_or(0);
            self.late += u64::from(error_ns > interval_ns.max(LATE_NS));
        }
    }
}
