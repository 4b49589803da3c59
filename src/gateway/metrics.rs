//! What a gateway shows to Prometheus, under the names that gateways of this protocol use.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use crate::live::histogram::{LATENCY_ENDS_NS, LatencyHistogram};
use crate::live::prometheus::{Exposition, Metrics};

/// Counts and times of a gateway, written while it serves.
#[derive(Debug, Default)]
pub struct GatewayGauges {
    /// Streams that are open.
    active_streams: AtomicI64,
    /// Answers that were given to their end.
    pub(super) succeeded: AtomicU64,
    /// Answers that were an ERROR event, and streams that were refused.
    pub(super) failed: AtomicU64,
    /// End of speech noticed to final transcript.
    pub(super) asr: LatencyHistogram,
    /// Final transcript to the first text of the language model; waiting for a slot is part of it.
    pub(super) llm_ttft: LatencyHistogram,
    /// Final transcript to the last text of the language model.
    pub(super) llm_total: LatencyHistogram,
    /// First text to first audio.
    pub(super) tts: LatencyHistogram,
    /// Final transcript to first audio.
    pub(super) e2e: LatencyHistogram,
}

impl GatewayGauges {
    /// Counts a stream as open until the guard is dropped.
    pub(super) fn open_stream(&self) -> OpenStream<'_> {
        self.active_streams.fetch_add(1, Relaxed);
        OpenStream(self)
    }
}

/// A stream that is open.
pub(super) struct OpenStream<'a>(&'a GatewayGauges);

impl Drop for OpenStream<'_> {
    fn drop(&mut self) {
        self.0.active_streams.fetch_sub(1, Relaxed);
    }
}

/// The metrics of the gateway whose gauges these are.
#[must_use]
pub fn gateway_metrics(gauges: Arc<GatewayGauges>) -> Exposition {
    Exposition::new(move |to| write(to, &gauges))
}

fn write(to: &mut Metrics<'_>, gauges: &GatewayGauges) -> fmt::Result {
    let active = gauges.active_streams.load(Relaxed);
    to.gauge("voice_gateway_active_streams", "Streams open now.", active)?;
    let requests = [
        ("success", gauges.succeeded.load(Relaxed)),
        ("error", gauges.failed.load(Relaxed)),
    ];
    let help = "Answers, by how they ended.";
    to.counters("voice_gateway_requests", help, "status", requests)?;
    let times = [
        (
            "voice_gateway_asr_latency",
            "End of speech to final transcript.",
            &gauges.asr,
        ),
        (
            "voice_gateway_llm_ttft",
            "Final transcript to first text of the language model.",
            &gauges.llm_ttft,
        ),
        (
            "voice_gateway_llm_total",
            "Final transcript to last text of the language model.",
            &gauges.llm_total,
        ),
        (
            "voice_gateway_tts_latency",
            "First text of the language model to first audio.",
            &gauges.tts,
        ),
        (
            "voice_gateway_e2e_latency",
            "Final transcript to first audio.",
            &gauges.e2e,
        ),
    ];
    for (name, help, spread) in times {
        to.seconds(name, help, &LATENCY_ENDS_NS, &spread.counts())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_gateways() {
        let gauges = Arc::<GatewayGauges>::default();
        gauges.succeeded.fetch_add(2, Relaxed);
        gauges.e2e.record(240_000_000);
        let open = gauges.open_stream();
        let page = gateway_metrics(gauges.clone());
        let text = page.open_metrics().unwrap();
        for line in [
            "voice_gateway_active_streams 1",
            r#"voice_gateway_requests_total{status="success"} 2"#,
            r#"voice_gateway_requests_total{status="error"} 0"#,
            r#"voice_gateway_e2e_latency_seconds_bucket{le="0.25"} 1"#,
            "voice_gateway_asr_latency_seconds_count 0",
            "voice_gateway_llm_ttft_seconds_count 0",
            "voice_gateway_llm_total_seconds_count 0",
            "voice_gateway_tts_latency_seconds_count 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        drop(open);
        let text = page.open_metrics().unwrap();
        assert!(text.contains("\nvoice_gateway_active_streams 0\n"));
    }
}
