//! What a recorder shows to Prometheus.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::delay::Delays;
use super::gauges::RecorderGauges;
use crate::live::histogram::LAG_ENDS_NS;
use crate::live::prometheus::{Exposition, Metrics};

/// The metrics of a recorder.
#[must_use]
pub fn recorder_metrics(gauges: Arc<RecorderGauges>, delays: Arc<Delays>) -> Exposition {
    Exposition::new(move |to| write(to, &gauges, &delays))
}

fn write(to: &mut Metrics<'_>, gauges: &RecorderGauges, delays: &Delays) -> fmt::Result {
    let active = gauges.active.load(Relaxed);
    to.gauge("voicelt_record_active_calls", "Calls open now.", active)?;
    let counters = [
        (
            "voicelt_record_calls",
            "Streams that callers opened.",
            &gauges.streams,
        ),
        (
            "voicelt_record_refused_calls",
            "WebSockets that the gateway refused.",
            &gauges.refused,
        ),
        (
            "voicelt_record_chosen_calls",
            "Calls that were chosen to be recorded.",
            &gauges.chosen,
        ),
        (
            "voicelt_record_recorded_calls",
            "Recorded calls that have ended.",
            &gauges.recorded,
        ),
        (
            "voicelt_record_messages",
            "Messages of recorded calls.",
            &gauges.messages,
        ),
        (
            "voicelt_record_bytes",
            "Bytes of recorded calls, as they were on the wire.",
            &gauges.taken_bytes,
        ),
    ];
    for (name, help, count) in counters {
        to.counter(name, help, count.load(Relaxed))?;
    }
    let lost = [
        ("not_in_time", gauges.cut.load(Relaxed)),
        ("not_understood", gauges.not_understood.load(Relaxed)),
        ("hidden", gauges.hidden.load(Relaxed)),
    ];
    let help = "Calls that are recorded in part, by why.";
    to.counters("voicelt_record_lost_calls", help, "reason", lost)?;
    let journal = gauges.bytes.load(Relaxed);
    let help = "Size of the journal that is being written.";
    to.gauge("voicelt_record_journal_bytes", help, journal)?;
    let stopped = u32::from(gauges.stopped.load(Relaxed));
    let help = "1 once recording has ended while calls go on.";
    to.gauge("voicelt_record_stopped", help, stopped)?;
    let [to_gateway, to_caller] = delays.between(&LAG_ENDS_NS);
    let directions = [("to_gateway", to_gateway), ("to_caller", to_caller)];
    let directions = directions.map(|(name, (between, sum_ns))| (name, between, sum_ns));
    let help = "How long the recorder kept what it carried.";
    let name = "voicelt_record_added_latency";
    to.seconds_by(name, help, &LAG_ENDS_NS, "direction", directions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_what_the_gauges_say() {
        let (gauges, delays) = (Arc::<RecorderGauges>::default(), Arc::<Delays>::default());
        RecorderGauges::one_more(&gauges.streams);
        RecorderGauges::one_more(&gauges.cut);
        delays.to_caller(20_000);
        let text = recorder_metrics(gauges, delays).open_metrics().unwrap();
        for line in [
            "voicelt_record_calls_total 1",
            r#"voicelt_record_lost_calls_total{reason="not_in_time"} 1"#,
            r#"voicelt_record_added_latency_seconds_bucket{le="0.00001",direction="to_caller"} 0"#,
            r#"voicelt_record_added_latency_seconds_bucket{le="0.000025",direction="to_caller"} 1"#,
            r#"voicelt_record_added_latency_seconds_count{direction="to_gateway"} 0"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
