//! The metrics of a run.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::{Exposition, Metrics};
use crate::live::gauges::Gauges;
use crate::live::histogram::LAG_ENDS_NS;
use crate::results::metrics::live;
use crate::results::row::Status;

/// What a run is, in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunInfo {
    /// 32 hex digits.
    pub run_id: String,
    /// Name of the scenario; empty for a replay.
    pub scenario: String,
    /// Name of the trace.
    pub trace: String,
}

/// The metrics of the run whose gauges these are.
#[must_use]
pub fn run_metrics(gauges: Arc<Gauges>, info: RunInfo) -> Exposition {
    Exposition::new(move |to| write(to, &gauges, &info))
}

fn write(to: &mut Metrics<'_>, gauges: &Gauges, info: &RunInfo) -> fmt::Result {
    let facts = [
        ("run_id", info.run_id.as_str()),
        ("scenario", info.scenario.as_str()),
        ("trace", info.trace.as_str()),
    ];
    to.info("voicelt_run", "The run.", &facts)?;
    let active = gauges.active_sessions.load(Relaxed);
    to.gauge("voicelt_active_sessions", "Sessions open now.", active)?;
    let users = gauges.users.load(Relaxed);
    to.gauge("voicelt_users", "Virtual users; 0 in a replay.", users)?;
    let offered = gauges.offered_sessions.load(Relaxed);
    let help = "Sessions whose planned start has come.";
    to.counter("voicelt_offered_sessions", help, offered)?;
    let started = gauges.started_sessions.load(Relaxed);
    to.counter("voicelt_started_sessions", "Sessions started.", started)?;
    let by_status = Status::ALL.iter().map(|status| status.name());
    let by_status = by_status.zip(gauges.requests.counts());
    let help = "Requests that ended, by status.";
    to.counters("voicelt_requests", help, "status", by_status)?;
    let judged = gauges.judged_chunks.load(Relaxed);
    let help = "Chunks of the seconds that are accounted for.";
    to.counter("voicelt_judged_chunks", help, judged)?;
    let late = gauges.late_chunks.load(Relaxed);
    let help = "Of the judged chunks, those that left late.";
    to.counter("voicelt_late_chunks", help, late)?;
    let help = "Planned instant of a chunk to the instant at which it was sent.";
    let lag = gauges.lag.counts();
    to.seconds("voicelt_schedule_lag", help, &LAG_ENDS_NS, &lag)?;
    for (metric, latency) in live().zip(&gauges.latencies) {
        let name = format!("voicelt_{}", metric.name);
        to.seconds_with_traces(&name, metric.about, &latency.exposed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_what_the_gauges_say() {
        let gauges = Arc::<Gauges>::default();
        gauges.started_sessions.store(3, Relaxed);
        gauges.requests.count(Status::Ok);
        gauges.lag.record(30_000);
        gauges.latencies[0].record(400_000_000, "00ff", 1_700_000_000_500_000_000);
        let info = RunInfo {
            run_id: "ab".to_owned(),
            scenario: String::new(),
            trace: "two\"quotes".to_owned(),
        };
        let text = run_metrics(gauges, info).open_metrics().unwrap();
        for line in [
            r#"voicelt_run_info{run_id="ab",scenario="",trace="two\"quotes"} 1"#,
            "# TYPE voicelt_requests counter",
            r#"voicelt_requests_total{status="ok"} 1"#,
            r#"voicelt_requests_total{status="error"} 0"#,
            "voicelt_started_sessions_total 3",
            "# UNIT voicelt_schedule_lag_seconds seconds",
            "voicelt_schedule_lag_seconds_sum 0.00003",
            r#"voicelt_schedule_lag_seconds_bucket{le="0.000025"} 0"#,
            r#"voicelt_schedule_lag_seconds_bucket{le="0.00005"} 1"#,
            r#"voicelt_schedule_lag_seconds_bucket{le="+Inf"} 1"#,
            r#"voicelt_response_seconds_bucket{le="0.25"} 0"#,
            r#"voicelt_response_seconds_bucket{le="0.5"} 1 # {trace_id="00ff"} 0.4 1700000000.5"#,
            r#"voicelt_response_seconds_bucket{le="30.0"} 1"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
