//! What all sessions of a gateway share.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::arrivals::ArrivalsSink;
use super::counters::GatewayCounters;
use super::metrics::GatewayGauges;
use super::spec::{GatewaySpec, Served};
use super::speech::Speech;
use crate::units::SampleRate;

/// Header of the request that opens a stream, with the run that the stream belongs to.
pub(super) const RUN_ID_HEADER: &str = "x-voicelt-run-id";

/// What all sessions share.
pub(super) struct Shared {
    pub(super) spec: GatewaySpec,
    /// Places in the pipeline; an answer without one waits in line.
    pub(super) slots: Semaphore,
    pub(super) speech: Speech,
    pub(super) counters: GatewayCounters,
    pub(super) gauges: Arc<GatewayGauges>,
    pub(super) arrivals: Option<ArrivalsSink>,
    /// Cuts off every session.
    pub(super) stop: CancellationToken,
}

impl Shared {
    pub(super) fn new(spec: GatewaySpec, arrivals: Option<ArrivalsSink>) -> Shared {
        let speech = Speech::default();
        // The usual rate's takes are made before the first caller could wait for them.
        speech.at(match &spec.serves {
            Served::StreamAudio => SampleRate::PREPARED,
            Served::Realtime(_) => SampleRate(24_000),
            Served::Twilio(_) => SampleRate(8_000),
            Served::Described(server) => server.nature().output.unwrap_or(SampleRate::PREPARED),
        });
        Shared {
            slots: Semaphore::new(spec.slots.min(Semaphore::MAX_PERMITS)),
            spec,
            speech,
            counters: GatewayCounters::default(),
            gauges: Arc::default(),
            arrivals,
            stop: CancellationToken::new(),
        }
    }
}
