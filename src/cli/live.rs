//! Progress on standard error: one line that is drawn over on a terminal, a line every
//! five seconds elsewhere.

use std::io::{IsTerminal, stderr};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::stderr::say;
use crate::clock::{Clock, RunClock};
use crate::live::gauges::Gauges;
use crate::units::{Human, RunTime};

/// Shows the gauges of a run until `done` is closed.
pub(super) fn show(gauges: &Gauges, clock: &RunClock, sessions: u64, done: &Receiver<()>) {
    draw(done, || line(gauges, clock.now(), sessions));
}

/// Shows what `line` says now, again and again, until `done` is closed.
pub(super) fn draw(done: &Receiver<()>, line: impl Fn() -> String) {
    let terminal = stderr().is_terminal();
    let every = Duration::from_secs(if terminal { 1 } else { 5 });
    while done.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        let line = line();
        // On a terminal each line replaces the one before.
        say(&match terminal {
            true => format!("\r\x1b[2K{line}"),
            false => format!("{line}\n"),
        });
    }
    if terminal {
        say("\r\x1b[2K");
    }
}

fn line(gauges: &Gauges, now: RunTime, sessions: u64) -> String {
    let shown = |ns: Option<i64>| ns.map_or("–".to_owned(), |ns| Human(ns).to_string());
    format!(
        "{:>7}  {} active, {} of {sessions} sessions done, {} turns ok, {} failed, response p50 {} p95 {}, lag p99 {}",
        Human(now.0.max(0) / 1_000_000_000 * 1_000_000_000).to_string(),
        gauges.active_sessions.load(Relaxed),
        gauges.ended_sessions.load(Relaxed),
        gauges.succeeded.load(Relaxed),
        gauges.failed.load(Relaxed),
        shown(gauges.response.quantile(0.5)),
        shown(gauges.response.quantile(0.95)),
        shown(gauges.lag.quantile(0.99)),
    )
}
