//! What `record` says while it works and at its end.

use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

use crate::cli::trace::recover::what_became;
use crate::record::{AddedLatency, Delays, Made, RecorderGauges, Written};
use crate::units::Human;

/// How a recording goes.
pub(super) fn line(gauges: &RecorderGauges, delays: &Delays) -> String {
    let count = |gauge: &std::sync::atomic::AtomicU64| gauge.load(Relaxed);
    let [to_gateway, _] = delays.so_far();
    format!(
        "{} active, {} of {} calls recorded, {:.1} MB, {} cut, added p50 {} p99 {}{}",
        count(&gauges.active),
        count(&gauges.recorded),
        count(&gauges.streams),
        count(&gauges.bytes) as f64 / 1e6,
        count(&gauges.cut),
        Human(to_gateway.p50_ns),
        Human(to_gateway.p99_ns),
        match gauges.stopped.load(Relaxed) {
            true => " · recording has stopped, calls go on",
            false => "",
        }
    )
}

/// What came of a recording.
pub(super) fn summary(written: &Written, gauges: &RecorderGauges, delays: &Delays) -> String {
    let count = |gauge: &std::sync::atomic::AtomicU64| gauge.load(Relaxed);
    let mut text = format!(
        "calls     {} passed, {} chosen to be recorded\n",
        count(&gauges.streams),
        count(&gauges.chosen)
    );
    let losses = [
        (
            count(&gauges.cut),
            "are recorded in part: the recorder could not keep up, or the disk refused",
        ),
        (
            count(&gauges.not_understood),
            "are recorded up to a message that was not understood (compressed, or not of the protocol)",
        ),
    ];
    for (calls, what) in losses.iter().filter(|(calls, _)| *calls > 0) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "lost      {calls} calls {what}");
    }
    if let Some(reason) = &written.stopped {
        let _ = writeln!(text, "stopped   {reason}; calls went on");
    }
    for made in &written.traces {
        text.push_str(&trace(made));
    }
    let [to_gateway, to_caller] = delays.so_far();
    text.push_str(&added("to gateway", &to_gateway));
    text.push_str(&added("to caller", &to_caller));
    text
}

fn trace(made: &Made) -> String {
    let place = made.place.display();
    match &made.result {
        Ok(finished) => format!(
            "trace     {place}\n{}",
            what_became(&finished.counts, &finished.damage)
        ),
        Err(error) => format!(
            "failed    {place}: {error}\n          \
             what was recorded is there; when that is fixed, run `voicelt trace recover {place}`\n"
        ),
    }
}

fn added(direction: &str, latency: &AddedLatency) -> String {
    match latency.count {
        0 => String::new(),
        count => format!(
            "added     {direction}: p50 {} · p99 {} · max {} ({count} pieces)\n",
            Human(latency.p50_ns),
            Human(latency.p99_ns),
            Human(latency.max_ns)
        ),
    }
}
