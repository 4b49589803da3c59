//! Copies of what calls carry, in a bounded queue that calls never wait for. A call of which a piece
//! found no room is recorded up to there and no further: its pieces make no sense with one missing.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::HeaderMap;
use rand::RngExt;

use super::admit::Admission;
use super::gauges::RecorderGauges;
use crate::transport::secrets::Secrets;
use crate::transport::status::GrpcStatus;

/// Pieces that may wait: a second of a thousand calls in both directions.
const MOST_WAITING: usize = 128 * 1024;
/// Bytes that may wait.
const MOST_WAITING_BYTES: usize = 128 * 1024 * 1024;

/// One thing that happened to a call.
#[derive(Debug)]
pub(super) struct Piece {
    /// Number of the call.
    pub(super) call: u64,
    /// When, on the monotonic clock.
    pub(super) at_ns: i64,
    /// What.
    pub(super) what: What,
}

/// What happened to a call.
#[derive(Debug)]
pub(super) enum What {
    /// It began, with this metadata, and what of its request is not to be repeated.
    Opened(Vec<(String, String)>, Secrets),
    /// What both sides say cannot be read: nothing of it follows.
    Hidden,
    /// The caller sent bytes.
    Asked(Bytes),
    /// The gateway sent bytes.
    Answered(Bytes),
    /// The caller has finished sending.
    HalfClosed,
    /// The caller has hung up.
    Cancelled,
    /// It ended, with the gateway's status if it gave one.
    Closed(Option<GrpcStatus>),
}

/// The queue's end that calls put into.
#[derive(Debug, Clone)]
pub struct Tap {
    admission: Arc<Admission>,
    queue: SyncSender<Piece>,
    waiting_bytes: Arc<AtomicUsize>,
    /// Calls that were cut since the sink last looked.
    cut: Arc<Mutex<Vec<u64>>>,
    next_call: Arc<AtomicU64>,
    most_calls: u64,
    gauges: Arc<RecorderGauges>,
}

/// The queue's end that the sink takes from.
#[derive(Debug)]
pub(super) struct Pieces {
    /// The pieces in order.
    pub(super) queue: Receiver<Piece>,
    waiting_bytes: Arc<AtomicUsize>,
    cut: Arc<Mutex<Vec<u64>>>,
}

impl Pieces {
    /// A piece of so many bytes was taken in.
    pub(super) fn taken(&self, bytes: usize) {
        self.waiting_bytes.fetch_sub(bytes, Relaxed);
    }

    /// The calls that were cut since it was last asked. Pieces of theirs may still be in the queue.
    pub(super) fn take_cut(&self) -> Vec<u64> {
        std::mem::take(&mut self.cut.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Tap {
    /// A queue, and what decides whose pieces go into it: those of at most so many calls.
    pub(super) fn new(
        admission: Admission,
        most_calls: u64,
        gauges: Arc<RecorderGauges>,
    ) -> (Tap, Pieces) {
        let (queue, pieces) = sync_channel(MOST_WAITING);
        let (waiting_bytes, cut) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<_>>::default());
        let tap = Tap {
            admission: Arc::new(admission),
            queue,
            waiting_bytes: waiting_bytes.clone(),
            cut: cut.clone(),
            next_call: Arc::default(),
            most_calls,
            gauges,
        };
        let pieces = Pieces {
            queue: pieces,
            waiting_bytes,
            cut,
        };
        (tap, pieces)
    }

    /// A call begins whose request has this `query` and these `headers`; its stream was opened at `at_ns`.
    pub(super) fn call(&self, query: &str, headers: &HeaderMap, at_ns: i64) -> CallTap {
        let draw = rand::rng().random::<f64>();
        let one_more = |chosen| (chosen < self.most_calls).then_some(chosen + 1);
        let admitted = !self.gauges.stopped.load(Relaxed)
            && self.admission.admits(headers, draw)
            && self
                .gauges
                .chosen
                .fetch_update(Relaxed, Relaxed, one_more)
                .is_ok();
        let call = self.passing();
        if admitted {
            call.records.set(true);
            let kept = self.admission.kept(headers);
            let secrets = Secrets::sent(query, headers);
            call.put(What::Opened(kept, secrets), at_ns);
        }
        call
    }

    /// Something else passes, of which nothing is recorded.
    pub(super) fn passing(&self) -> CallTap {
        RecorderGauges::one_more(&self.gauges.streams);
        self.gauges.active.fetch_add(1, Relaxed);
        CallTap {
            tap: self.clone(),
            call: self.next_call.fetch_add(1, Relaxed),
            records: Cell::new(false),
            is_hidden: Cell::new(false),
        }
    }
}

/// What is taken of one call; of one that is not recorded, nothing.
#[derive(Debug)]
pub(super) struct CallTap {
    tap: Tap,
    call: u64,
    records: Cell<bool>,
    is_hidden: Cell<bool>,
}

/// One direction of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side<'a> {
    call: &'a CallTap,
    from_caller: bool,
}

impl Side<'_> {
    /// Bytes came.
    pub(super) fn push(&self, data: &Bytes, at_ns: i64) {
        if !self.call.records.get() || self.call.is_hidden.get() || data.is_empty() {
            return;
        }
        // A copy, since the bytes share the connection's buffer, which is larger by far.
        let data = Bytes::copy_from_slice(data);
        let what = match self.from_caller {
            true => What::Asked(data),
            false => What::Answered(data),
        };
        self.call.put(what, at_ns);
    }

    /// The caller has finished sending.
    pub(super) fn half_closed(&self, at_ns: i64) {
        self.call.put(What::HalfClosed, at_ns);
    }
}

impl CallTap {
    /// What the caller sends.
    pub(super) fn caller(&self) -> Side<'_> {
        Side {
            call: self,
            from_caller: true,
        }
    }

    /// What the gateway sends.
    pub(super) fn gateway(&self) -> Side<'_> {
        Side {
            call: self,
            from_caller: false,
        }
    }

    /// Whether it is recorded, until now.
    pub(super) fn records(&self) -> bool {
        self.records.get()
    }

    /// What both sides say from now on cannot be read.
    pub(super) fn hidden(&self, at_ns: i64) {
        if self.records.get() {
            RecorderGauges::one_more(&self.tap.gauges.hidden);
            self.put(What::Hidden, at_ns);
            self.is_hidden.set(true);
        }
    }

    /// The gateway refused it.
    pub(super) fn refused(&self, at_ns: i64) {
        RecorderGauges::one_more(&self.tap.gauges.refused);
        self.closed(None, at_ns);
    }

    /// The call ended, with the gateway's status if it gave one.
    pub(super) fn closed(&self, status: Option<GrpcStatus>, at_ns: i64) {
        self.put(What::Closed(status), at_ns);
        self.records.set(false);
    }

    /// The caller hung up.
    pub(super) fn cancelled(&self, at_ns: i64) {
        self.put(What::Cancelled, at_ns);
        self.records.set(false);
    }

    fn put(&self, what: What, at_ns: i64) {
        if !self.records.get() {
            return;
        }
        let bytes = match &what {
            What::Asked(data) | What::Answered(data) => data.len(),
            _ => 0,
        };
        let before = self.tap.waiting_bytes.fetch_add(bytes, Relaxed);
        let piece = Piece {
            call: self.call,
            at_ns,
            what,
        };
        if before + bytes > MOST_WAITING_BYTES || self.tap.queue.try_send(piece).is_err() {
            self.tap.waiting_bytes.fetch_sub(bytes, Relaxed);
            self.records.set(false);
            RecorderGauges::one_more(&self.tap.gauges.cut);
            let mut cut = self.tap.cut.lock().unwrap_or_else(PoisonError::into_inner);
            cut.push(self.call);
        }
    }
}

impl Drop for CallTap {
    fn drop(&mut self) {
        self.tap.gauges.active.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_found_no_room_is_cut_and_the_caller_goes_on() {
        let gauges = Arc::<RecorderGauges>::default();
        let (tap, pieces) = Tap::new(Admission::default(), u64::MAX, gauges.clone());
        let call = tap.call("", &HeaderMap::new(), 0);
        let data = Bytes::from(vec![0; MOST_WAITING_BYTES / 4]);
        for _ in 0..6 {
            call.caller().push(&data, 0);
        }
        call.closed(None, 0);
        assert_eq!(gauges.cut.load(Relaxed), 1);
        assert_eq!(pieces.take_cut(), [call.call]);
        assert!(pieces.take_cut().is_empty());
        let queued: Vec<_> = pieces.queue.try_iter().collect();
        assert_eq!(queued.len(), 1 + 4, "what it had before is there");
        drop(call);
        assert_eq!(gauges.active.load(Relaxed), 0);
    }

    #[test]
    fn of_what_only_passes_nothing_is_taken() {
        let gauges = Arc::<RecorderGauges>::default();
        let (tap, pieces) = Tap::new(Admission::default(), u64::MAX, gauges.clone());
        let call = tap.passing();
        call.caller().push(&Bytes::from_static(b"secret"), 0);
        call.closed(None, 0);
        assert!(pieces.queue.try_recv().is_err());
        assert_eq!(gauges.streams.load(Relaxed), 1);
        assert_eq!(gauges.chosen.load(Relaxed), 0);
    }
}
