//! What holds for a stream in any protocol: it is counted, and may be cut off.

use std::future::pending;
use std::time::Duration;

use super::counters::GatewayCounters;
use super::outbox::{Abort, Broken, Outbox};
use super::shared::Shared;

/// Lets a conversation go to its end, or until its stream is too old or the gateway stops.
pub(super) async fn run<M>(
    shared: &Shared,
    outbox: &Outbox<M>,
    conversation: impl Future<Output = Result<(), Broken>>,
) {
    GatewayCounters::count(&shared.counters.streams);
    let _open = shared.gauges.open_stream();
    let abort = tokio::select! {
        end = conversation => match end {
            Ok(()) => {
                GatewayCounters::count(&shared.counters.ended);
                None
            }
            Err(Broken::Unreadable(abort)) => Some(abort),
            Err(Broken::Gone | Broken::Refused(_)) => None,
        },
        () = limit(shared.spec.cut_streams_after_ns) => Some(Abort::Age),
        () = shared.stop.cancelled() => Some(Abort::Shutdown),
    };
    if let Some(abort) = abort {
        outbox.abort(abort).await;
    }
}

/// Returns when a stream has lived for so long; never where there is no limit.
async fn limit(age_ns: Option<i64>) {
    match age_ns {
        Some(ns) => tokio::time::sleep(Duration::from_nanos(ns.max(0).unsigned_abs())).await,
        None => pending().await,
    }
}
