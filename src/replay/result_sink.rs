//! The thread that keeps the books of a run: it takes rows from the workers, adds up their seconds,
//! samples this process, and writes the run directory. Workers never wait for it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use hdrhistogram::Histogram;

use super::accumulator::{Second, lag_histogram};
use super::entry::Entry;
use super::facts::RunFacts;
use super::process::{Sampler, Usage};
use super::progress::row;
use super::script::Script;
use super::session;
use super::verdict::{SecondFacts, Watch};
use crate::clock::{Clock, RunClock};
use crate::live::gauges::Gauges;
use crate::results::ResultsError;
use crate::results::metrics::live;
use crate::results::row::{Phase, RequestRow, TimelineRow};
use crate::results::writer::RunWriter;
use crate::units::{NS_PER_S, RunTime, grpc_code_name};

/// Entries that may wait for the sink; what comes on top is counted as lost.
pub(super) const MOST_WAITING: usize = 256 * 1024;
/// How often the sink looks for entries when there are none. It is not woken for each: that would
/// cost the workers a system call a message.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Time between parts: what a crash may cost.
const PART_NS: i64 = NS_PER_S;

/// The books at their end.
pub(super) struct Books {
    /// The run directory, its tables not merged yet.
    pub(super) writer: RunWriter,
    /// What the verdict watched.
    pub(super) watch: Watch,
    /// Lags of all chunks.
    pub(super) lag: Histogram<u64>,
    /// Chunks that left late, and those that the peer kept waiting.
    pub(super) late_chunks: u64,
    pub(super) blocked_chunks: u64,
}

/// Seconds that are being added up.
struct Seconds {
    open: BTreeMap<i64, (Second, Usage, BTreeMap<&'static str, u32>)>,
    /// The second up to which each worker has told all; `None` once it has told everything.
    told: Vec<Option<i64>>,
    next: i64,
}

/// Keeps the books until every worker is done, and shows each turn that ended to `each`.
///
/// # Errors
/// The disk's: the run cannot go on without its results.
pub(super) fn keep(
    writer: RunWriter,
    entries: &Receiver<Entry>,
    workers: usize,
    run: &RunFacts,
    clock: &RunClock,
    gauges: &Arc<Gauges>,
    each: &(dyn Fn(&RequestRow) + Sync),
) -> Result<Books, ResultsError> {
    let mut seconds = Seconds {
        open: BTreeMap::new(),
        told: vec![Some(0); workers],
        next: 0,
    };
    // Those of which messages are kept, by number.
    let mut sessions: HashMap<u64, Arc<Script>> = HashMap::new();
    let mut sampler = Sampler::new();
    let mut books = Books {
        writer,
        watch: Watch::default(),
        lag: lag_histogram(),
        late_chunks: 0,
        blocked_chunks: 0,
    };
    let (mut sampled, mut next_part) = (0, RunTime(PART_NS));
    while seconds.told.iter().any(Option::is_some) {
        match entries.try_recv() {
            Ok(Entry::Started(start)) => books.writer.started(start.row())?,
            Ok(Entry::Opened(script)) => {
                sessions.insert(script.number, script);
            }
            Ok(Entry::Messages(batch)) => {
                for message in &batch.messages {
                    if let Some(script) = sessions.get(&message.session) {
                        books.writer.message(message.row(script))?;
                    }
                }
                for session in &batch.ended {
                    sessions.remove(session);
                }
            }
            Ok(Entry::Turn(record)) => {
                if let Some(row) = row(run, &record) {
                    seconds.note(&row, gauges, run.epoch_realtime_ns);
                    each(&row);
                    books.writer.request(row)?;
                }
            }
            Ok(Entry::Session(record)) => books.writer.session(session::row(run, &record))?,
            Ok(Entry::Second {
                worker,
                number,
                second,
            }) => {
                seconds
                    .open
                    .entry(number.max(seconds.next))
                    .or_default()
                    .0
                    .add(&second);
                seconds.told[worker] = Some(number + 1);
            }
            Ok(Entry::WorkerDone(worker)) => seconds.told[worker] = None,
            Err(TryRecvError::Empty) => std::thread::sleep(LOOK_EVERY),
            Err(TryRecvError::Disconnected) => break,
        }
        let now = clock.now();
        if now.0 / NS_PER_S > sampled {
            let mut usage = sampler.sample(now, gauges.active_sessions.load(Relaxed));
            usage.users = run.closed_loop.then(|| gauges.users.load(Relaxed));
            seconds.open.entry(sampled.max(seconds.next)).or_default().1 = usage;
            sampled = now.0 / NS_PER_S;
            seconds.close(&mut books, run, gauges)?;
        }
        if now >= next_part {
            books.writer.close_parts()?;
            // From its end on: a disk that takes longer is given the time.
            next_part = RunTime(clock.now().0 + PART_NS);
        }
    }
    seconds.close(&mut books, run, gauges)?;
    Ok(books)
}

impl Seconds {
    /// Counts a turn that ended; one that was under way when the user ended the run did not.
    fn note(&mut self, row: &RequestRow, gauges: &Gauges, epoch_realtime_ns: i64) {
        if row.status.is_in_flight() {
            return;
        }
        let closed_ns = row.closed_ns.unwrap_or(row.intended_start_ns);
        for (metric, latency) in live().zip(&gauges.latencies) {
            if let Some(ns) = metric.of(row) {
                latency.record(ns, &row.trace_id, epoch_realtime_ns + closed_ns);
            }
        }
        gauges.requests.count(row.status);
        if row.status.is_success() {
            return;
        }
        let number = closed_ns / NS_PER_S;
        let code = row.grpc_code.filter(|code| *code != 0);
        let code = code.map(|code| grpc_code_name(code).unwrap_or("UNKNOWN"));
        let errors = &mut self.open.entry(number.max(self.next)).or_default().2;
        *errors.entry(code.unwrap_or(row.status.name())).or_default() += 1;
    }

    /// Writes the seconds that all workers have told of.
    fn close(
        &mut self,
        books: &mut Books,
        run: &RunFacts,
        gauges: &Gauges,
    ) -> Result<(), ResultsError> {
        let told = self.told.iter().flatten().min().copied();
        let end = told.unwrap_or_else(|| self.open.keys().last().map_or(0, |last| last + 1));
        while self.next < end {
            let (second, usage, errors) = self.open.remove(&self.next).unwrap_or_default();
            let steady = run.phases.of(RunTime(self.next * NS_PER_S)) == Phase::Steady;
            // All have the same bounds, so that adding cannot fail.
            let _ = books.lag.add(&second.lag);
            books.late_chunks += second.late_chunks;
            books.blocked_chunks += second.blocked_chunks;
            let judged = second.lag.len();
            gauges.judged_chunks.fetch_add(judged, Relaxed);
            gauges.late_chunks.fetch_add(second.late_chunks, Relaxed);
            books.watch.second(SecondFacts {
                late: second.late_chunks,
                chunks: second.offered_chunks,
                steady,
                steal_percent: usage.steal_percent.unwrap_or(0.0),
            });
            let lag = |q| match second.lag.is_empty() {
                true => None,
                false => i64::try_from(second.lag.value_at_quantile(q)).ok(),
            };
            let errors = errors.iter().map(|(name, count)| format!("{name}={count}"));
            books.writer.second(TimelineRow {
                second_ns: self.next * NS_PER_S,
                active_sessions: usage.active_sessions,
                users: usage.users,
                offered_starts: second.offered_starts,
                achieved_starts: second.achieved_starts,
                offered_chunks: second.offered_chunks,
                achieved_chunks: second.achieved_chunks,
                late_chunks: second.late_chunks,
                blocked_chunks: Some(second.blocked_chunks),
                lag_p50_ns: lag(0.5),
                lag_p99_ns: lag(0.99),
                lag_max_ns: lag(1.0),
                errors: errors.collect::<Vec<_>>().join(","),
                cpu_percent: usage.cpu_percent,
                steal_percent: usage.steal_percent,
                rss_bytes: usage.rss_bytes,
                open_fds: usage.open_fds,
            })?;
            self.next += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::Status;
    use crate::results::sample::row;

    #[test]
    fn a_status_has_its_place_among_all() {
        for (place, status) in Status::ALL.iter().enumerate() {
            assert_eq!(*status as usize, place);
        }
    }

    #[test]
    fn a_turn_counts_with_its_status_and_each_latency_by_its_name() {
        let row = RequestRow {
            response_ns: Some(1_000_000),
            audible_ns: Some(2_000_000),
            e2e_ns: None,
            asr_ns: Some(4_000_000),
            llm_ttft_ns: Some(5_000_000),
            tts_ns: Some(6_000_000),
            ..row(0)
        };
        let mut seconds = Seconds {
            open: BTreeMap::new(),
            told: Vec::new(),
            next: 0,
        };
        let gauges = Gauges::default();
        seconds.note(&row, &gauges, 0);
        assert_eq!(gauges.requests.counts()[Status::Ok as usize], 1);
        let sums = gauges
            .latencies
            .iter()
            .map(|of| of.spread.counts().sum_ns());
        let by_name: Vec<_> = live().map(|metric| metric.name).zip(sums).collect();
        let expected = [
            ("response", 1_000_000),
            ("audible", 2_000_000),
            ("final", 50_000_000),
            ("asr", 4_000_000),
            ("llm_ttft", 5_000_000),
            ("tts", 6_000_000),
            ("e2e", 0),
        ];
        assert_eq!(by_name, expected);
    }
}
