//! The thread that writes what calls were: it takes pieces from the tap, commits the journal a few
//! times a second, begins a new trace when it is time, and makes bundles of finished journals. Calls never
//! wait for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::TryRecvError;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::RecordError;
use super::delay::{AddedLatency, Delays};
use super::description;
use super::gauges::RecorderGauges;
use super::sink_spec::SinkSpec;
use super::tap::{Piece, Pieces, Tap, What};
use super::volume::Volume;
use crate::clock::monotonic_ns;
use crate::trace::TraceError;
use crate::trace::recover::{Finished, finish};
use crate::units::NS_PER_S;
use crate::units::priority::lower_priority;

/// How often the sink looks. It is not woken for each piece: that would cost the calls a system
/// call a piece.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Time between commits: what a crash may cost.
const COMMIT_NS: i64 = NS_PER_S / 4;

/// What became of one trace.
#[derive(Debug)]
pub struct Made {
    /// Its folder.
    pub place: PathBuf,
    /// What is in it; or why it could not be made, when its journal is still there.
    pub result: Result<Finished, TraceError>,
}

/// What became of a recording.
#[derive(Debug)]
pub struct Written {
    /// Each trace, in order of their beginning.
    pub traces: Vec<Made>,
    /// Why recording ended before it was told to.
    pub stopped: Option<Stopped>,
}

/// Why no further call is recorded.
#[derive(Debug, Clone)]
pub enum Stopped {
    /// As much was recorded as was asked for.
    Enough(&'static str),
    /// The disk refused.
    Failed(String),
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Stopped::Enough(limit) => write!(f, "{limit} is reached"),
            Stopped::Failed(reason) => f.write_str(reason),
        }
    }
}

/// A recording that goes on.
pub struct Sink {
    tap: Tap,
    ended: CancellationToken,
    thread: JoinHandle<Written>,
}

impl Sink {
    /// Begins a recording.
    ///
    /// # Errors
    /// A place that is taken or cannot be written, or a thread that the system refuses.
    pub fn begin(
        spec: SinkSpec,
        delays: Arc<Delays>,
        gauges: Arc<RecorderGauges>,
    ) -> Result<Sink, RecordError> {
        let (tap, pieces) = Tap::new(
            spec.admission.clone(),
            spec.most_sessions.unwrap_or(u64::MAX),
            gauges.clone(),
        );
        let place = numbered(&spec.place, spec.rotate_ns.map(|_| 1));
        let recording = description::begun(&spec, &place);
        let first = Volume::begin(&place, &recording, &spec.dialect, monotonic_ns())?;
        let ended = CancellationToken::new();
        let writer = Writer {
            spec,
            delays,
            gauges,
            current: Some(first),
            draining: Vec::new(),
            making: Vec::new(),
            begun: 1,
            stopped: None,
        };
        let told = ended.clone();
        let thread = std::thread::Builder::new()
            .name("record".to_owned())
            .spawn(move || writer.run(&pieces, &told))
            .map_err(RecordError::Start)?;
        Ok(Sink { tap, ended, thread })
    }

    /// Where calls are tapped.
    #[must_use]
    pub fn tap(&self) -> &Tap {
        &self.tap
    }

    /// Writes what is waiting, closes calls that are open as recorded so far, and makes the traces.
    ///
    /// # Errors
    /// A defect of ours.
    pub fn finish(self) -> Result<Written, RecordError> {
        self.ended.cancel();
        self.thread.join().map_err(|_| RecordError::Thread)
    }
}

/// `NAME.vtrace`, or `NAME-00001.vtrace` where there are several.
fn numbered(place: &Path, number: Option<u32>) -> PathBuf {
    let Some(number) = number else {
        return place.to_owned();
    };
    let text =
        |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let (stem, extension) = (text(place.file_stem()), text(place.extension()));
    match extension.as_str() {
        "" => place.with_file_name(format!("{stem}-{number:05}")),
        _ => place.with_file_name(format!("{stem}-{number:05}.{extension}")),
    }
}

/// What became of the calls so far, for the history of a trace.
#[derive(serde::Serialize)]
struct Report {
    /// Streams that passed the recorder, whether they were recorded or not.
    streams: u64,
    /// Streams that the gateway refused before they began; of WebSockets alone.
    refused: u64,
    /// Calls that were chosen to be recorded.
    chosen: u64,
    /// Calls whose recording ended before they did, because the recorder could not keep up.
    cut: u64,
    /// Calls whose recording ended at a message that was not understood.
    not_understood: u64,
    /// Recorded calls of which nothing that was said could be read, because of their extensions.
    hidden: u64,
    /// Why the recording ended before it was told to; null when it did not.
    stopped: Option<String>,
    /// What was added to what callers sent.
    to_gateway: AddedLatency,
    /// What was added to what the gateway sent.
    to_caller: AddedLatency,
}

struct Writer {
    spec: SinkSpec,
    delays: Arc<Delays>,
    gauges: Arc<RecorderGauges>,
    /// The trace that calls begin in.
    current: Option<Volume>,
    /// Earlier ones, of which calls are still open.
    draining: Vec<Volume>,
    making: Vec<JoinHandle<Made>>,
    begun: u32,
    stopped: Option<Stopped>,
}

impl Writer {
    fn run(mut self, pieces: &Pieces, ended: &CancellationToken) -> Written {
        lower_priority();
        let mut next_commit_ns = monotonic_ns() + COMMIT_NS;
        loop {
            // Asked before the queue is seen to be empty: what came before it is written.
            let ending = ended.is_cancelled();
            let queue_is_empty = match pieces.queue.try_recv() {
                Ok(piece) => {
                    self.take(piece, pieces);
                    false
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => true,
            };
            let now_ns = monotonic_ns();
            if now_ns >= next_commit_ns {
                next_commit_ns = now_ns + COMMIT_NS;
                for call in pieces.take_cut() {
                    self.volumes().for_each(|volume| volume.cut(call, now_ns));
                }
                self.commit();
                self.rotate(now_ns);
            }
            if queue_is_empty && ending {
                break;
            }
            if queue_is_empty {
                std::thread::sleep(LOOK_EVERY);
            }
        }
        self.commit();
        let rest: Vec<_> = self.draining.drain(..).chain(self.current.take()).collect();
        for volume in rest {
            self.make(volume);
        }
        let stopped = self.stopped;
        let traces = self.making.into_iter().map(|made| match made.join() {
            Ok(made) => made,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        Written {
            traces: traces.collect(),
            stopped,
        }
    }

    fn volumes(&mut self) -> impl Iterator<Item = &mut Volume> {
        self.draining.iter_mut().chain(&mut self.current)
    }

    fn take(&mut self, piece: Piece, pieces: &Pieces) {
        let Piece { call, at_ns, what } = piece;
        if let What::Asked(data) | What::Answered(data) = &what {
            pieces.taken(data.len());
            self.gauges
                .taken_bytes
                .fetch_add(data.len() as u64, Relaxed);
        }
        if matches!(what, What::Opened(..)) {
            match &mut self.current {
                Some(current) => current.open(call),
                None => return,
            }
            let chosen = self.gauges.chosen.load(Relaxed);
            if self.spec.most_sessions.is_some_and(|most| chosen >= most) {
                self.stop(Stopped::Enough("--max-sessions"));
            }
        }
        let keep = self.spec.keep;
        let Some(volume) = self.volumes().find(|volume| volume.holds(call)) else {
            return;
        };
        match volume.take(call, what, at_ns, keep) {
            Ok(false) => {}
            Ok(true) => RecorderGauges::one_more(&self.gauges.recorded),
            Err(_) => RecorderGauges::one_more(&self.gauges.not_understood),
        }
    }

    /// No further call is recorded.
    fn stop(&mut self, why: Stopped) {
        self.gauges.stopped.store(true, Relaxed);
        self.stopped.get_or_insert(why);
    }

    fn commit(&mut self) {
        let mut failed = None;
        let (mut bytes, mut lost, mut messages) = (0, 0, 0);
        for volume in self.volumes() {
            messages += volume.counted();
            if let Err((error, calls)) = volume.commit() {
                lost += calls;
                failed = Some(error);
            }
            bytes = volume.bytes();
        }
        self.gauges.messages.fetch_add(messages, Relaxed);
        self.gauges.bytes.store(bytes, Relaxed);
        self.gauges.cut.fetch_add(lost as u64, Relaxed);
        if let Some(error) = failed {
            self.stop(Stopped::Failed(error.to_string()));
        }
        if self.spec.most_bytes.is_some_and(|most| bytes >= most) {
            self.stop(Stopped::Enough("--max-size"));
            self.draining.extend(self.current.take());
        }
    }

    /// Begins a new trace when it is time, and finishes those that no call is open in.
    fn rotate(&mut self, now_ns: i64) {
        let age_ns = self
            .current
            .as_ref()
            .map(|volume| now_ns - volume.started_ns());
        if let (Some(age_ns), Some(rotate_ns)) = (age_ns, self.spec.rotate_ns)
            && age_ns >= rotate_ns
            && self.stopped.is_none()
        {
            let place = numbered(&self.spec.place, Some(self.begun + 1));
            let recording = description::begun(&self.spec, &place);
            match Volume::begin(&place, &recording, &self.spec.dialect, now_ns) {
                Ok(next) => {
                    self.begun += 1;
                    self.draining.extend(self.current.replace(next));
                }
                // The one that is there goes on.
                Err(error) => self.stop(Stopped::Failed(error.to_string())),
            }
        }
        let (quiet, draining) = std::mem::take(&mut self.draining)
            .into_iter()
            .partition(Volume::is_quiet);
        self.draining = draining;
        for volume in quiet {
            self.make(volume);
        }
    }

    /// Makes a bundle of a finished journal, on a thread of its own.
    fn make(&mut self, volume: Volume) {
        let place = volume.place().to_owned();
        // Its lock goes with it.
        drop(volume);
        let step = description::finished(&self.spec, serde_json::json!(self.report()));
        let made = move || {
            lower_priority();
            Made {
                result: finish(&place, step),
                place,
            }
        };
        self.making.push(std::thread::spawn(made));
    }

    fn report(&self) -> Report {
        let [to_gateway, to_caller] = self.delays.so_far();
        let count = |gauge: &std::sync::atomic::AtomicU64| gauge.load(Relaxed);
        Report {
            streams: count(&self.gauges.streams),
            refused: count(&self.gauges.refused),
            chosen: count(&self.gauges.chosen),
            cut: count(&self.gauges.cut),
            not_understood: count(&self.gauges.not_understood),
            hidden: count(&self.gauges.hidden),
            stopped: self.stopped.as_ref().map(ToString::to_string),
            to_gateway,
            to_caller,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_traces_of_a_rotation_are_numbered() {
        let name = |place, number| numbered(Path::new(place), number);
        assert_eq!(name("a/b.vtrace", None), Path::new("a/b.vtrace"));
        assert_eq!(name("a/b.vtrace", Some(1)), Path::new("a/b-00001.vtrace"));
        assert_eq!(name("b", Some(12)), Path::new("b-00012"));
    }
}
