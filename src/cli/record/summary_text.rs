//! What `record` says while it works and at its end.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::cli::summary_text::Lines;
use crate::cli::trace::recover::what_became;
use crate::record::{Delays, Made, RecorderGauges, Written};
use crate::units::Human;

/// How a recording goes.
pub(super) fn line(gauges: &RecorderGauges, delays: &Delays) -> String {
    let count = |gauge: &AtomicU64| gauge.load(Relaxed);
    let [to_gateway, _] = delays.so_far();
    let stopped = match gauges.stopped.load(Relaxed) {
        true => " · recording has stopped, calls go on",
        false => "",
    };
    format!(
        "{} active, {} of {} calls recorded, {:.1} MB, {} cut, added p50 {} p99 {}{stopped}",
        count(&gauges.active),
        count(&gauges.recorded),
        count(&gauges.streams),
        count(&gauges.bytes) as f64 / 1e6,
        count(&gauges.cut),
        Human(to_gateway.p50_ns),
        Human(to_gateway.p99_ns),
    )
}

/// What came of a recording.
pub(super) fn summary(written: &Written, gauges: &RecorderGauges, delays: &Delays) -> String {
    let count = |gauge: &AtomicU64| gauge.load(Relaxed);
    let (streams, chosen) = (count(&gauges.streams), count(&gauges.chosen));
    let mut lines = Lines::default();
    lines.line(
        "calls",
        format_args!("{streams} passed, {chosen} chosen to be recorded"),
    );
    lines.count(
        "refused",
        count(&gauges.refused),
        "calls were refused by the gateway before they began",
    );
    lines.count(
        "hidden",
        count(&gauges.hidden),
        "calls are recorded with their start and end alone: an extension hides what is said (--pass-extensions)",
    );
    lines.count(
        "lost",
        count(&gauges.cut),
        "calls are recorded in part: the recorder could not keep up, or the disk refused",
    );
    lines.count(
        "lost",
        count(&gauges.not_understood),
        "calls are recorded up to a message that was not understood (compressed, or not of the protocol)",
    );
    if let Some(reason) = &written.stopped {
        lines.line("stopped", format_args!("{reason}; calls went on"));
    }
    for made in &written.traces {
        trace(&mut lines, made);
    }
    for (direction, latency) in ["to gateway", "to caller"].iter().zip(delays.so_far()) {
        if latency.count > 0 {
            let [p50, p99, max] = [latency.p50_ns, latency.p99_ns, latency.max_ns].map(Human);
            let pieces = latency.count;
            lines.line(
                "added",
                format_args!("{direction}: p50 {p50} · p99 {p99} · max {max} ({pieces} pieces)"),
            );
        }
    }
    lines.into_text()
}

fn trace(lines: &mut Lines, made: &Made) {
    let place = made.place.display();
    match &made.result {
        Ok(finished) => {
            lines.line("trace", place);
            what_became(lines, &finished.counts, &finished.damage);
        }
        Err(error) => {
            lines.line("failed", format_args!("{place}: {error}"));
            lines.line(
                "",
                format_args!(
                    "what was recorded is there; when that is fixed, run `voicelt trace recover {place}`"
                ),
            );
        }
    }
}
