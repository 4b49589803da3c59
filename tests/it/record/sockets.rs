//! Calls of either dialect over WebSockets, through a recorder and without it.

use std::path::Path;

use rustix::process::Signal;
use voicelt::results::row::RequestRow;
use voicelt::trace::model::SessionRows;
use voicelt::trace::stream::Bundle;

use super::recording::chunks;
use crate::replay::replay_into;
use crate::support::front::{Front, localhost};
use crate::support::{Desk, until};

/// Four calls of two turns each within a second.
pub(super) const CALLS: &str =
    "--synth speech-like:600ms --turns 2 --answer-time 3s --arrivals constant:4/s --sessions 4";

/// The sessions of a bundle in their order.
pub(super) fn sessions(place: &Path) -> (Bundle, Vec<SessionRows>) {
    let bundle = Bundle::open(place).unwrap();
    bundle.verify_clips().unwrap();
    let sessions = bundle.sessions().unwrap().map(Result::unwrap).collect();
    (bundle, sessions)
}

/// A replay of `trace` to `to`, of which `flags` say the dialect.
pub(super) fn replay(desk: &Desk, trace: &str, to: &str, run: &str, flags: &str) -> String {
    let replay = replay_into(to, run).replace("calls.vtrace", trace);
    desk.voicelt(&format!("{replay} {flags}")).exits(0).said()
}

/// Replays `trace` in `dialect` through a recorder, whose trace is then moved to `to`.
pub(super) fn record(
    desk: &Desk,
    dialect: &str,
    trace: &str,
    keep: &str,
    replayed: &str,
    to: &str,
) -> String {
    let dialect = format!("--dialect {dialect}");
    let (_gateway, gateway) = desk.gateway(&format!("{dialect} --seed 7"));
    let (recorder, address) = desk.recorder(&gateway, &format!("{dialect} {keep}"));
    let run = format!("run-{to}");
    let flags = format!("{dialect} {replayed}");
    replay(desk, trace, &format!("ws://{address}"), &run, &flags);
    let told = recorder.interrupt().exits(0).said();
    std::fs::rename(desk.path("live.vtrace"), desk.path(to)).unwrap();
    desk.voicelt(&format!("trace check {to}")).exits(0);
    told
}

/// The chunks of a session that are not silent: silence beside utterances follows from the microphone of a replay.
pub(super) fn said(bundle: &Bundle, rows: &SessionRows) -> Vec<Vec<u8>> {
    let chunks = chunks(bundle, rows).into_iter().map(|(_, pcm)| pcm);
    let said: Vec<_> = chunks
        .filter(|pcm| pcm.iter().any(|byte| *byte != 0))
        .collect();
    assert!(said.len() > 10, "{} chunks", said.len());
    said
}

/// What must be the same of a turn with and without the recorder.
fn outcome(row: &RequestRow) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        (row.session_id.clone(), row.turn, row.status, row.answers),
        (row.http_status, row.close_code, row.error.clone()),
        (row.chunks_sent, row.bytes_sent, row.audio_received_samples),
        (row.transcript.clone(), row.response_text.clone()),
    )
}

/// Replays calls in `dialect` without the recorder and through it, with TLS on both sides of it: their outcomes are
/// the same.
pub(super) fn answered_as_without(dialect: &str, flags: &str) {
    let desk = Desk::with_trace(CALLS);
    let serves = format!("--dialect {dialect} --seed 7");
    // The same gateway, twice: how it answers follows from the names of sessions, and what it was asked before.
    let (_gateway, direct) = desk.gateway(&serves);
    let (_gateway, behind) = desk.gateway(&serves);
    let (front, pem) = Front::tls(&behind);
    desk.write("server.pem", pem);
    let own = localhost();
    desk.write("own.pem", own.cert.pem());
    desk.write("own.key", own.signing_key.serialize_pem());
    let upstream = format!("wss://localhost:{} --ca server.pem", front.port);
    let tls = "--timing-only --tls-cert own.pem --tls-key own.key";
    let (recorder, address) = desk.recorder(&upstream, &format!("--dialect {dialect} {tls}"));
    let port = address.rsplit(':').next().unwrap();
    let how = format!("--dialect {dialect} {flags} --keep-session-ids");
    replay(
        &desk,
        "calls.vtrace",
        &format!("ws://{direct}"),
        "direct",
        &how,
    );
    let through = format!("wss://localhost:{port}");
    let trusted = format!("{how} --ca own.pem");
    replay(&desk, "calls.vtrace", &through, "through", &trusted);
    recorder
        .interrupt()
        .exits(0)
        .says("4 of 4 are in the trace");
    let outcomes = |run: &str| -> Vec<_> { desk.requests(run).iter().map(outcome).collect() };
    assert_eq!(outcomes("direct").len(), 8);
    assert_eq!(outcomes("direct"), outcomes("through"));
}

/// A recorder of calls in `dialect` is killed: what it has written becomes a trace.
pub(super) fn recovered_when_killed(dialect: &str) {
    let desk = Desk::with_trace("--synth speech-like:2s --arrivals constant:5/s --duration 4s");
    let (_gateway, gateway) = desk.gateway(&format!("--dialect {dialect} --slots 50"));
    let keep = format!("--dialect {dialect} --keep audio,text");
    let (recorder, address) = desk.recorder(&gateway, &keep);
    let replay = replay_into(&format!("ws://{address}"), "run");
    let replaying = desk.start(&format!("{replay} --dialect {dialect}"));
    let pcm = desk.path("live.vtrace/journal.pcm");
    until(|| (pcm.metadata().ok()?.len() > 200_000).then_some(()));
    recorder.signal(Signal::KILL);
    assert_eq!(recorder.wait().code, None);
    // The calls went with the proxy, which the replay tells.
    replaying.wait();
    desk.voicelt("trace recover live.vtrace")
        .exits(0)
        .says("are in the trace");
    desk.voicelt("trace check live.vtrace").exits(0);
    let (_, sessions) = sessions(&desk.path("live.vtrace"));
    assert!(sessions.iter().any(|rows| !rows.turns.is_empty()));
}

/// Replays the recorded `trace` in another `dialect`: each turn of it is answered.
pub(super) fn answered_in(desk: &Desk, trace: &str, dialect: &str, turns: usize) {
    let run = format!("as-{dialect}");
    let flags = format!("--dialect {dialect} --turn-timing reactive");
    replay(desk, trace, "embedded", &run, &flags);
    let rows = desk.requests(&run);
    assert_eq!(rows.len(), turns, "{dialect}");
    for row in &rows {
        assert_eq!((row.status.name(), row.answers), ("ok", 1), "{row:?}");
        assert!(row.recorded_response_ns.is_some(), "{row:?}");
    }
}
