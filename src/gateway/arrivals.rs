//! The receiver's witness: when each client message arrived, as a Parquet file.
//!
//! Streams hand their arrivals to one writer thread through a bounded queue and never wait for it;
//! what does not fit is counted as lost.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock::{Clock, RunClock, epoch_now};
use crate::results::row::ArrivalRow;
use crate::table::{ROW_GROUP_ROWS, TableError, Writer};
use crate::units::RunTime;

/// Arrivals that may wait for the writer: more than a second of 1,000 calls.
const QUEUE: usize = 128 * 1024;

/// Rows written at a time.
const BATCH: usize = 8 * 1024;

/// How often the writer looks. It is not woken for each arrival: that would cost the streams a
/// system call a message.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Whose arrivals they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// `x-voicelt-run-id` of the stream; empty without one.
    pub run_id: String,
    /// Session id of the stream's configuration; empty while there was none.
    pub wire_session_id: String,
}

#[derive(Debug)]
struct Arrival {
    caller: Arc<Caller>,
    seq: u32,
    received: RunTime,
    bytes: u32,
}

#[derive(Debug)]
enum Entry {
    Arrival(Arrival),
    Finish,
}

/// What became of the arrivals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrivalsReport {
    /// Rows in the file.
    pub logged: u64,
    /// Arrivals that found the queue full.
    pub lost: u64,
}

/// Takes arrivals in; cheap to clone.
#[derive(Debug, Clone)]
pub struct ArrivalsSink {
    clock: RunClock,
    queue: SyncSender<Entry>,
    lost: Arc<AtomicU64>,
}

/// The log and its writer.
#[derive(Debug)]
pub struct ArrivalsLog {
    sink: ArrivalsSink,
    writer: JoinHandle<Result<u64, TableError>>,
}

impl ArrivalsSink {
    /// The present instant, to be taken as soon as a message is there.
    #[must_use]
    pub fn now(&self) -> RunTime {
        self.clock.now()
    }

    /// Logs the `seq`-th message of a stream.
    pub fn push(&self, caller: &Arc<Caller>, seq: u32, received: RunTime, bytes: usize) {
        let arrival = Arrival {
            caller: Arc::clone(caller),
            seq,
            received,
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
        };
        if self.queue.try_send(Entry::Arrival(arrival)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl ArrivalsLog {
    /// Creates the file and starts its writer; instants count from now.
    ///
    /// The file's key-values `epoch_realtime_ns`, `epoch_monotonic_ns` and `boot_id` say when that
    /// was.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn create(path: &Path) -> Result<ArrivalsLog, TableError> {
        let epoch = epoch_now();
        let notes = [
            ("epoch_realtime_ns", epoch.realtime_ns.to_string()),
            ("epoch_monotonic_ns", epoch.monotonic_ns.to_string()),
            ("boot_id", epoch.boot_id.clone()),
        ]
        .map(|(key, value)| (key.to_owned(), value));
        let file = Writer::create(path, ROW_GROUP_ROWS, &notes)?;
        let (queue, waiting) = sync_channel(QUEUE);
        let writer = std::thread::Builder::new()
            .name("arrivals".to_owned())
            .spawn(move || write(file, &waiting))
            .map_err(|source| TableError::Io {
                path: path.display().to_string(),
                source,
            })?;
        let sink = ArrivalsSink {
            clock: RunClock::new(&epoch),
            queue,
            lost: Arc::default(),
        };
        Ok(ArrivalsLog { sink, writer })
    }

    /// Where streams put their arrivals.
    #[must_use]
    pub fn sink(&self) -> ArrivalsSink {
        self.sink.clone()
    }

    /// Writes what is waiting and closes the file; later arrivals are lost.
    ///
    /// # Errors
    /// What the writer met, with the path.
    pub fn finish(self) -> Result<ArrivalsReport, TableError> {
        // Refused only when the writer has stopped already, which its result tells.
        let _ = self.sink.queue.send(Entry::Finish);
        let logged = match self.writer.join() {
            Ok(result) => result?,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        let lost = self.sink.lost.load(Ordering::Relaxed);
        Ok(ArrivalsReport { logged, lost })
    }
}

fn write(mut file: Writer<ArrivalRow>, waiting: &Receiver<Entry>) -> Result<u64, TableError> {
    let mut rows = Vec::with_capacity(BATCH);
    let mut logged = 0;
    loop {
        let finished = match waiting.try_recv() {
            Ok(Entry::Arrival(arrival)) => {
                rows.push(row(&arrival));
                if rows.len() < BATCH {
                    continue;
                }
                false
            }
            Err(TryRecvError::Empty) => {
                std::thread::sleep(LOOK_EVERY);
                continue;
            }
            Ok(Entry::Finish) | Err(TryRecvError::Disconnected) => true,
        };
        file.write(&rows)?;
        logged += rows.len() as u64;
        rows.clear();
        if finished {
            file.close()?;
            return Ok(logged);
        }
    }
}

fn row(arrival: &Arrival) -> ArrivalRow {
    ArrivalRow {
        run_id: arrival.caller.run_id.clone(),
        wire_session_id: arrival.caller.wire_session_id.clone(),
        seq: arrival.seq,
        received_ns: arrival.received.0,
        bytes: arrival.bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Reader, read_all};

    #[test]
    fn every_arrival_is_in_the_file_in_order() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("arrivals.parquet");
        let log = ArrivalsLog::create(&path).expect("created");
        let caller = Arc::new(Caller {
            run_id: "r".to_owned(),
            wire_session_id: "s".to_owned(),
        });
        let sink = log.sink();
        for seq in 0..20_000 {
            sink.push(&caller, seq, sink.now(), 640);
        }
        let report = log.finish().expect("written");
        assert_eq!(
            report,
            ArrivalsReport {
                logged: 20_000,
                lost: 0
            }
        );
        sink.push(&caller, 20_000, sink.now(), 640);
        assert_eq!(sink.lost.load(Ordering::Relaxed), 1);

        let rows: Vec<ArrivalRow> = read_all(&path).expect("readable");
        assert!(rows.iter().map(|row| row.seq).eq(0..20_000));
        assert!(rows.is_sorted_by_key(|row| row.received_ns));
        let said = |row: &ArrivalRow| row.run_id == "r" && row.wire_session_id == "s";
        assert!(rows.iter().all(|row| said(row) && row.bytes == 640));
        let file = Reader::<ArrivalRow>::open(&path).expect("readable");
        let epoch = file.note("epoch_monotonic_ns").map(str::parse::<i64>);
        assert!(matches!(epoch, Some(Ok(_))));
        assert!(file.note("epoch_realtime_ns").is_some() && file.note("boot_id").is_some());
    }
}
