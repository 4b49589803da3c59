//! The recorder between clients and servers on the PyPI package `websockets`: neither may notice it.

use std::process::Command;

use voicelt::results::row::RequestRow;

use super::realtime::{cases, replay, rows, server};
use crate::support::{Desk, Output};

/// What a row says of how the server behaved.
fn seen(row: &RequestRow) -> impl PartialEq + std::fmt::Debug + use<> {
    let (status, http, close) = (row.status, row.http_status, row.close_code);
    let heard = (row.response_text.clone(), row.audio_received_samples);
    // A connection that was reset may end without a reset.
    let error = row.error.clone().filter(|_| close != Some(1006));
    (status, http, close, heard, error)
}

#[test]
#[ignore = "needs Python with websockets, which VOICELT_TEST_WEBSOCKETS may name"]
fn whatever_the_server_does_is_seen_through_the_recorder() {
    let modes: Vec<_> = cases().iter().map(|case| case.mode).collect();
    let sessions = modes.len();
    let desk = Desk::with_trace(&format!(
        "--synth speech-like:1s --arrivals constant:10/s --sessions {sessions}"
    ));
    desk.write("vars.csv", format!("mode\n{}\n", modes.join("\n")));
    let (_server, address) = server();
    let (recorder, listens) = desk.recorder(&address, "--dialect realtime --keep audio,text");
    for (to, run) in [(&address, "direct"), (&listens, "through")] {
        desk.voicelt(&replay(to, run, "--timeout 8s")).exits(0);
    }
    for (mode, (one, other)) in modes
        .iter()
        .zip(rows(&desk, "direct").iter().zip(&rows(&desk, "through")))
    {
        assert_eq!(seen(one), seen(other), "{mode}");
    }
    let told = recorder.interrupt().exits(0).said();
    // Those that begin with HTTP.
    assert!(told.contains("3 calls were refused"), "{told}");
    desk.voicelt("trace check live.vtrace").exits(0);
}

#[test]
#[ignore = "needs Python with websockets, which VOICELT_TEST_WEBSOCKETS may name"]
fn a_client_that_offers_compression_is_recorded_without_it() {
    let desk = Desk::new();
    let (_gateway, gateway) = desk.gateway("--dialect realtime");
    let (recorder, listens) = desk.recorder(&gateway, "--dialect realtime --keep audio,text");
    let python = std::env::var("VOICELT_TEST_WEBSOCKETS").unwrap_or("python3".to_owned());
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/it/foreign/realtime/client.py"
    );
    let mut client = Command::new(python);
    client.args([script, &format!("ws://{listens}/v1/realtime?model=m")]);
    let said = Output::of(&mut client).exits(0).stdout;
    assert_eq!(said.trim(), "extensions [] subprotocol realtime close 1000");
    recorder
        .interrupt()
        .exits(0)
        .says("1 of 1 are in the trace");
    desk.voicelt("trace check live.vtrace").exits(0);
    let trace = desk.trace("live.vtrace");
    assert_eq!(trace.sessions[0].sample_rate_hz, 24_000);
    assert_eq!(trace.turns.len(), 1, "one text");
}
