//! Faults planted beside a replay: the verdict must find each, and cry wolf at none.

use std::net::SocketAddr;
use std::time::Duration;

use rustix::process::Signal;
use tokio::net::{TcpListener, TcpStream};
use voicelt::gateway::{Embedded, GatewaySpec};
use voicelt::results::manifest::{RunManifest, VerdictLevel};
use voicelt::results::reader::RunDir;

use super::{Desk, replay_into, said, until};

/// Two hundred calls of a second in ten seconds.
const CALLS: &[&str] = &[
    "--synth",
    "speech-like:1s",
    "--arrivals",
    "constant:20/s",
    "--duration",
    "10s",
];

fn manifest(desk: &Desk) -> RunManifest {
    RunDir::open(&desk.path("run")).unwrap().manifest().clone()
}

/// Replays while the sending process is stopped for so long, and returns its exit code.
fn stopped_for(desk: &Desk, stop: Duration) -> Option<i32> {
    let (_gateway, target) = desk.gateway(&["--slots", "200"]);
    let run = desk.start(&replay_into(&target, "run"));
    let dir = desk.path("run");
    // Its first part is closed after five seconds.
    until(|| dir.join("requests-00001.parquet").exists().then_some(()));
    run.signal(Signal::STOP);
    std::thread::sleep(stop);
    run.signal(Signal::CONT);
    run.wait()
}

#[test]
fn a_sender_that_was_stopped_for_a_moment_says_so() {
    let desk = Desk::with_trace(CALLS);
    let code = stopped_for(&desk, Duration::from_millis(300));
    let verdict = manifest(&desk).verdict.unwrap();
    assert!(verdict.level >= VerdictLevel::Degraded, "{verdict:?}");
    let late = verdict.reasons.iter().any(|reason| reason.contains("late"));
    assert!(late, "{verdict:?}");
    assert!(matches!(code, Some(0 | 4)), "{code:?}");
}

#[test]
fn a_sender_that_was_stopped_for_seconds_is_not_to_be_trusted() {
    let desk = Desk::with_trace(CALLS);
    let code = stopped_for(&desk, Duration::from_secs(3));
    let run = manifest(&desk);
    assert_eq!(run.verdict.as_ref().unwrap().level, VerdictLevel::Invalid);
    assert_eq!(code, Some(4));
    // Every chunk was sent all the same, none skipped.
    let summary = voicelt::report::Summary::of_run(&RunDir::open(&desk.path("run")).unwrap(), None);
    let load = summary.unwrap().load;
    assert_eq!(load.chunks_sent, Some(load.chunks_planned));
}

/// Makes a library that, loaded before the C library, lets each write to a file take 5 ms and each
/// flush to the disk a second and a half.
fn slow_disk(desk: &Desk) -> std::path::PathBuf {
    let library = desk.path("slow_disk.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/replay/slow_disk.c");
    let made = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .args([source, "-ldl"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", said(&made));
    library
}

#[test]
#[cfg(target_os = "linux")]
fn a_slow_disk_delays_no_chunk_and_loses_no_row() {
    let desk = Desk::with_trace(CALLS);
    let (_gateway, target) = desk.gateway(&["--slots", "200"]);
    let library = slow_disk(&desk);
    let (voicelt, library) = (env!("CARGO_BIN_EXE_voicelt"), library.display());
    let replay = format!("{voicelt} --quiet replay calls.vtrace -t {target} -o run --messages");
    let output = desk.shell(&format!(
        "LD_PRELOAD={library} exec {replay} --allow-invalid"
    ));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let run = RunDir::open(&desk.path("run")).unwrap();
    let rows = run.requests().unwrap().rows;
    assert_eq!(rows.len(), 200);
    // A chunk that had waited for the disk would be late by more than a second.
    let most_ns = rows.iter().filter_map(|row| row.lag_max_ns).max().unwrap();
    assert!(most_ns < 1_000_000_000, "{most_ns} ns late");
}

#[test]
fn too_few_descriptors_are_refused_and_when_forced_make_the_run_invalid() {
    let desk = Desk::with_trace(&[
        "--synth",
        "speech-like:2s",
        "--arrivals",
        "burst:60@1s",
        "--sessions",
        "60",
    ]);
    let (_gateway, target) = desk.gateway(&["--slots", "200"]);
    let limited = |flags: &str| {
        let voicelt = env!("CARGO_BIN_EXE_voicelt");
        let replay = format!("replay calls.vtrace -t {target} -o run --quiet {flags}");
        desk.shell(&format!("ulimit -n 40; exec {voicelt} {replay}"))
    };
    let refused = limited("");
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(said(&refused).contains("open files"), "{}", said(&refused));
    assert!(!desk.path("run").exists());

    let forced = limited("--force");
    assert_eq!(forced.status.code(), Some(4), "{}", said(&forced));
    let verdict = manifest(&desk).verdict.unwrap();
    assert_eq!(verdict.level, VerdictLevel::Invalid);
    let named = |reason: &String| reason.contains("did not start") && reason.contains("ulimit");
    assert!(verdict.reasons.iter().any(named), "{verdict:?}");
    let rows = RunDir::open(&desk.path("run"))
        .unwrap()
        .requests()
        .unwrap()
        .rows;
    assert_eq!(rows.len(), 60, "those that did not start have a row");
}

/// Carries bytes to and from `gateway`, each connection only after this long; returns the port.
async fn far_from(gateway: SocketAddr, away: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut caller, _)) = listener.accept().await {
            tokio::spawn(async move {
                tokio::time::sleep(away).await;
                let mut server = TcpStream::connect(gateway).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut caller, &mut server).await;
            });
        }
    });
    port
}

#[test]
fn the_first_session_waits_for_connections_that_take_long_to_open() {
    let desk = Desk::with_trace(&["--synth", "speech-like:1s"]);
    let gateway = Embedded::start(GatewaySpec::default()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let away = Duration::from_millis(900);
    let port = runtime.block_on(far_from(gateway.addr(), away));
    let target = format!("127.0.0.1:{port}");
    let replay = ["replay", "calls.vtrace", "-t", &target, "-o", "run"];
    let output = desk.voicelt(&[&replay[..], &["--allow-invalid"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let rows = RunDir::open(&desk.path("run")).unwrap().requests().unwrap();
    let start_ns = rows.rows[0].intended_start_ns;
    assert!(
        u128::try_from(start_ns).unwrap() > away.as_nanos(),
        "{start_ns} ns"
    );
    gateway.stop().unwrap();
}
