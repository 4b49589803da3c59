//! Faults planted beside a replay: the verdict must find each, and cry wolf at none.

use std::time::Duration;

use rustix::process::Signal;
use voicelt::report::summarise::Asked;
use voicelt::report::summary::Summary;
use voicelt::results::manifest::{Verdict, VerdictLevel};
use voicelt::units::NS_PER_S;

use super::replay_into;
use crate::support::front::Front;
use crate::support::{Desk, Output, until};

/// Calls of a second, for longer than a part of the results takes.
const CALLS: &str = "--synth speech-like:1s --arrivals constant:10/s --sessions 70";

fn verdict(desk: &Desk) -> Verdict {
    desk.run("run").manifest().verdict.clone().unwrap()
}

/// Replays while the sending process is stopped for so long, and returns its exit code.
fn stopped_for(desk: &Desk, stop: Duration) -> Option<i32> {
    let (_gateway, target) = desk.gateway("--slots 200");
    let run = desk.start(&format!("replay calls.vtrace -t {target} -o run --quiet"));
    let dir = desk.path("run");
    // Its first part is closed after five seconds.
    until(|| dir.join("requests-00001.parquet").exists().then_some(()));
    run.signal(Signal::STOP);
    std::thread::sleep(stop);
    run.signal(Signal::CONT);
    run.wait().code
}

#[test]
fn a_sender_that_was_stopped_for_a_moment_says_so() {
    let desk = Desk::with_trace(CALLS);
    let code = stopped_for(&desk, Duration::from_millis(300));
    let verdict = verdict(&desk);
    assert!(verdict.level >= VerdictLevel::Degraded, "{verdict:?}");
    let late = verdict.reasons.iter().any(|reason| reason.contains("late"));
    assert!(late, "{verdict:?}");
    assert!(matches!(code, Some(0 | 4)), "{code:?}");
}

#[test]
fn a_sender_that_was_stopped_for_seconds_is_not_to_be_trusted() {
    let desk = Desk::with_trace(CALLS);
    let code = stopped_for(&desk, Duration::from_secs(3));
    assert_eq!(verdict(&desk).level, VerdictLevel::Invalid);
    assert_eq!(code, Some(4));
    // Every chunk was sent all the same, none skipped.
    let load = Summary::of_run(&desk.run("run"), &Asked::default(), |_| {})
        .unwrap()
        .load;
    assert_eq!(load.chunks_sent, Some(load.chunks_planned));
}

/// Makes a library that, loaded before the C library, lets each write to a file take 5 ms and the
/// flush of the first part of the results, which is written while calls go on, four seconds.
fn slow_disk(desk: &Desk) -> std::path::PathBuf {
    let library = desk.path("slow_disk.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/replay/slow_disk.c");
    let library_and_source = format!("{} {source}", library.display());
    let compile = format!("cc -shared -fPIC -o {library_and_source} -ldl");
    Output::of(&mut desk.shell(&compile)).exits(0);
    library
}

#[test]
#[cfg(target_os = "linux")]
fn a_slow_disk_delays_no_chunk_and_loses_no_row() {
    let desk = Desk::with_trace(CALLS);
    let (_gateway, target) = desk.gateway("--slots 200");
    let library = slow_disk(&desk);
    let replay = format!("{} --messages", replay_into(&target, "run"));
    let slowed = format!("LD_PRELOAD={} exec voicelt {replay}", library.display());
    Output::of(&mut desk.shell(&slowed)).exits(0);
    let rows = desk.requests("run");
    assert_eq!(rows.len(), 70);
    // Chunks that had waited for the disk would be late by up to four seconds.
    let most_ns = rows.iter().filter_map(|row| row.lag_max_ns).max().unwrap();
    assert!(most_ns < 3 * NS_PER_S, "{most_ns} ns late");
}

#[test]
fn too_few_descriptors_are_refused_and_when_forced_make_the_run_invalid() {
    let desk = Desk::with_trace("--synth speech-like:2s --arrivals burst:60@1s --sessions 60");
    let (_gateway, target) = desk.gateway("--slots 200");
    let replay = format!("voicelt replay calls.vtrace -t {target} -o run --quiet");
    let limited = |flags: &str| {
        let line = format!("ulimit -n 40; exec {replay} {flags}");
        Output::of(&mut desk.shell(&line))
    };
    limited("").refused("open files");
    assert!(!desk.path("run").exists());

    limited("--force").exits(4);
    let verdict = verdict(&desk);
    assert_eq!(verdict.level, VerdictLevel::Invalid);
    let named = |reason: &String| reason.contains("did not start") && reason.contains("ulimit");
    assert!(verdict.reasons.iter().any(named), "{verdict:?}");
    let rows = desk.requests("run");
    assert_eq!(rows.len(), 60, "those that did not start have a row");
}

#[test]
fn the_first_session_waits_for_connections_that_take_long_to_open() {
    let desk = Desk::with_trace("--synth speech-like:1s");
    let (_gateway, address) = desk.gateway("");
    let away = Duration::from_millis(900);
    let front = Front::slow(&address, away);
    let target = format!("127.0.0.1:{}", front.port);
    desk.voicelt(&replay_into(&target, "run")).exits(0);
    let start_ns = desk.requests("run")[0].intended_start_ns;
    assert!(
        u128::try_from(start_ns).unwrap() > away.as_nanos(),
        "{start_ns} ns"
    );
}
