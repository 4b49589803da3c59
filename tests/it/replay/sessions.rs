//! `sessions.parquet`: a row for each session that was started, however it ended.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use http::{HeaderMap, Response};
use rustix::process::Signal;
use voicelt::results::row::{RequestRow, SessionEnd, SessionRow};
use voicelt::trace::model::EventKind;
use voicelt::trace::stream::Bundle;
use voicelt::units::NS_PER_MS;

use super::odd_servers::run_without_room;
use super::replay_into;
use crate::killed::run_ended_by_two_signals;
use crate::support::odd::Odd;
use crate::support::{Desk, Output, until};

/// A session, as rows name it.
type Name = (String, u32);

fn name(row: &SessionRow) -> Name {
    (row.session_id.clone(), row.copy)
}

/// The turns of each session.
fn turns(rows: &[RequestRow]) -> BTreeMap<Name, Vec<&RequestRow>> {
    let mut turns: BTreeMap<Name, Vec<&RequestRow>> = BTreeMap::new();
    for row in rows {
        let of_session = turns.entry((row.session_id.clone(), row.copy));
        of_session.or_default().push(row);
    }
    turns
}

/// The sessions of the run, one row each, which are those of its turns and agree with them.
#[track_caller]
fn sessions(desk: &Desk, run: &str) -> Vec<SessionRow> {
    let (rows, requests) = (desk.sessions(run), desk.requests(run));
    let of_turns = turns(&requests);
    let names: BTreeSet<Name> = rows.iter().map(name).collect();
    assert_eq!(names.len(), rows.len(), "a session has two rows");
    assert_eq!(names, of_turns.keys().cloned().collect());
    for row in &rows {
        for turn in &of_turns[&name(row)] {
            assert_eq!(row.run_id, turn.run_id);
            assert_eq!(row.wire_session_id, turn.wire_session_id);
            assert_eq!(row.user, turn.user);
            assert!(row.planned_start_ns <= turn.intended_start_ns, "{row:?}");
        }
        let told = [row.connected_ns, row.ready_ns, row.greeting_start_ns];
        assert_eq!(told, [None; 3], "gRPC does not know");
    }
    let planned = rows.iter().map(|row| row.planned_start_ns);
    assert!(planned.is_sorted());
    rows
}

fn count(rows: &[SessionRow], end: SessionEnd) -> usize {
    rows.iter().filter(|row| row.end == end).count()
}

#[test]
fn a_session_that_finished_says_when_each_step_was_and_who_answered() {
    let desk = Desk::with_trace("--synth speech-like:700ms --turns 2 --sessions 2");
    let (_gateway, target) = desk.gateway("");
    desk.voicelt(&(replay_into(&target, "run") + " --scale 2"))
        .exits(0);
    let rows = sessions(&desk, "run");
    assert_eq!((rows.len(), count(&rows, SessionEnd::Finished)), (4, 4));
    let requests = desk.requests("run");
    let of_turns = turns(&requests);
    let epoch_ns = desk.run("run").manifest().epoch.realtime_ns;
    for row in &rows {
        let turns = &of_turns[&name(row)];
        let answered = turns.iter().filter(|turn| turn.first_audio_ns.is_some());
        assert_eq!(row.turns_planned, Some(2));
        assert_eq!(row.turns_answered, Some(answered.count() as u32));
        assert_eq!((row.grpc_code, row.http_status), (Some(0), Some(200)));
        assert_eq!((row.error.as_deref(), row.close_code), (None, None));
        assert_eq!(row.planned_start_at.0, epoch_ns + row.planned_start_ns);
        let steps = [row.opened_ns, row.started_ns, row.ended_ns];
        let [opened, started, ended] = steps.map(Option::unwrap);
        assert!(row.planned_start_ns <= opened, "{row:?}");
        assert!(opened <= started && started < ended, "{row:?}");
        let blocked = row.blocked_ns.unwrap();
        assert!((0..=ended - row.planned_start_ns).contains(&blocked));
        let first = turns[0];
        assert_eq!(
            (row.opened_ns, row.started_ns),
            (first.opened_ns, first.started_ns)
        );
        assert_eq!((row.connection, &row.peer), (first.connection, &first.peer));
        assert_eq!(row.trace_id, first.trace_id);
        assert!(turns.iter().all(|turn| turn.closed_ns.unwrap() <= ended));
    }
    assert!(desk.names("run", "sessions-0").is_empty(), "parts are left");
}

#[test]
fn sessions_of_a_gateway_that_is_gone_were_not_opened() {
    let desk = Desk::with_trace("--synth speech-like:1s --arrivals constant:5/s --duration 6s");
    let (gateway, target) = desk.gateway("");
    let run = desk.start(&replay_into(&target, "run"));
    until(|| desk.names("run", "sessions-0").pop());
    drop(gateway);
    run.wait().exits(0);
    let rows = sessions(&desk, "run");
    assert_eq!(rows.len(), 30);
    let of = |end: SessionEnd| rows.iter().filter(move |row| row.end == end);
    assert!(of(SessionEnd::Finished).count() > 0);
    assert!(of(SessionEnd::Error).all(|row| row.opened_ns.is_some()));
    let refused: Vec<_> = of(SessionEnd::NotStarted).collect();
    let unavailable = refused.iter().filter(|row| row.grpc_code == Some(14));
    assert!(unavailable.count() > 0);
    for row in refused {
        assert_eq!((row.opened_ns, row.started_ns), (None, None));
        assert!(row.grpc_code.is_some_and(|code| code != 0), "{row:?}");
        assert!(row.error.is_some() && row.ended_ns.is_some(), "{row:?}");
        assert_eq!((row.http_status, row.turns_answered), (None, Some(0)));
    }
}

#[test]
fn sessions_that_a_limit_kept_from_opening_say_which() {
    let desk = Desk::with_trace("--synth speech-like:1s --arrivals burst:60@1s --sessions 60");
    let (_gateway, target) = desk.gateway("--slots 200");
    let replay = replay_into(&target, "run");
    let line = format!("ulimit -n 40; exec voicelt {replay} --force");
    Output::of(&mut desk.shell(&line)).exits(0);
    let rows = sessions(&desk, "run");
    assert_eq!(rows.len(), 60);
    let kept = rows.iter().filter(|row| row.end == SessionEnd::NotStarted);
    let kept: Vec<_> = kept.filter(|row| row.grpc_code.is_none()).collect();
    assert!(!kept.is_empty());
    for row in kept {
        assert!(row.error.as_deref().unwrap().contains("ulimit"), "{row:?}");
        assert_eq!(row.opened_ns, None);
    }
}

#[test]
fn a_session_without_room_is_blocked_until_it_times_out() {
    let desk = run_without_room();
    let row = &sessions(&desk, "run")[0];
    assert_eq!(row.end, SessionEnd::Timeout);
    assert!(row.opened_ns.is_some() && row.started_ns.is_none());
    assert!(row.blocked_ns.unwrap() >= 500 * NS_PER_MS, "{row:?}");
    assert_eq!((row.grpc_code, row.turns_answered), (None, Some(0)));
    let no_room = "the server opened the stream and gave no room to send on it";
    assert_eq!(row.error.as_deref(), Some(no_room));
}

#[test]
fn a_session_that_had_room_for_a_part_says_how_long_it_waited_for_more() {
    /// Half a second of audio.
    const ROOM: u32 = 16_000;
    let server = Odd::with_room(
        ROOM,
        |request, mut respond: SendResponse<Bytes>| async move {
            let mut body = request.into_body();
            let mut held = 0;
            while let Some(Ok(data)) = body.data().await {
                held += data.len();
                // Once no chunk fits any more, the caller is kept waiting.
                if held + 700 > ROOM as usize {
                    tokio::time::sleep(Duration::from_millis(400)).await;
                    let _ = body
                        .flow_control()
                        .release_capacity(std::mem::take(&mut held));
                }
            }
            let head = Response::builder().header("content-type", "application/grpc");
            let mut sent = respond
                .send_response(head.body(()).unwrap(), false)
                .unwrap();
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            let _ = sent.send_trailers(trailers);
        },
    );
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 1 --microphone push-to-talk");
    let target = format!("http://127.0.0.1:{}", server.port);
    desk.voicelt(&replay_into(&target, "run"));
    let row = &sessions(&desk, "run")[0];
    let waits_ns = row.blocked_ns.unwrap();
    let turn = &desk.requests("run")[0];
    assert!(turn.blocked_ns > 0, "{turn:?}");
    // No chunk waited longer than the session did, and that no longer than it lasted.
    assert!(waits_ns >= turn.blocked_ns / i64::from(turn.chunks_sent));
    assert!(waits_ns < row.ended_ns.unwrap() - row.planned_start_ns);
    assert_eq!(
        (row.end, row.turns_answered),
        (SessionEnd::Finished, Some(0))
    );
}

#[test]
fn a_caller_who_is_recorded_to_hang_up_does_and_is_no_error() {
    let desk = Desk::with_trace("--synth speech-like:500ms --sessions 2 --arrivals constant:2/s");
    let (_gateway, target) = desk.gateway("--llm-first-token 1m");
    let (recorder, address) = desk.recorder(&target, "--keep audio");
    desk.voicelt(&(replay_into(&address, "impatient") + " --timeout 700ms"));
    recorder.interrupt().exits(0);
    let rows = sessions(&desk, "impatient");
    assert_eq!((rows.len(), count(&rows, SessionEnd::Timeout)), (2, 2));
    for row in &rows {
        assert!(
            row.started_ns.is_some() && row.grpc_code.is_none(),
            "{row:?}"
        );
        assert_eq!((row.error.as_deref(), row.http_status), (None, Some(200)));
    }

    let bundle = Bundle::open(&desk.path("live.vtrace")).unwrap();
    for session in bundle.sessions().unwrap() {
        let last = session.unwrap().events.last().unwrap().kind;
        assert_eq!(last, EventKind::Cancel);
    }
    let again = replay_into(&target, "run").replace("calls.vtrace", "live.vtrace");
    desk.voicelt(&again);
    let rows = sessions(&desk, "run");
    assert_eq!((rows.len(), count(&rows, SessionEnd::HungUp)), (2, 2));
    for row in &rows {
        assert_eq!((row.grpc_code, row.error.as_deref()), (None, None));
        assert!(row.ended_ns > row.started_ns && row.started_ns.is_some());
    }
}

#[test]
fn a_session_that_we_were_told_to_end_is_interrupted() {
    let desk = run_ended_by_two_signals();
    let row = &sessions(&desk, "run")[0];
    assert_eq!((row.end, row.grpc_code), (SessionEnd::Interrupted, None));
    assert_eq!((row.turns_planned, row.turns_answered), (Some(2), Some(0)));
    assert!(row.ended_ns > row.started_ns && row.started_ns.is_some());
}

#[test]
fn after_kill_9_every_session_that_was_on_disk_has_a_row() {
    let desk = Desk::with_trace("--synth speech-like:1s --arrivals constant:5/s --duration 30s");
    let run = desk.start(&replay_into("embedded", "run"));
    let dir = desk.path("run");
    until(|| dir.join("sessions-00003.parquet").exists().then_some(()));
    run.signal(Signal::KILL);
    assert_eq!(run.wait().code, None);
    let rows = sessions(&desk, "run");
    assert!(count(&rows, SessionEnd::Finished) >= 1, "{rows:?}");
    let cut: Vec<_> = rows
        .iter()
        .filter(|row| row.end == SessionEnd::Interrupted)
        .collect();
    assert!(!cut.is_empty(), "calls were under way");
    for row in cut {
        assert!(row.started_ns.unwrap() >= row.planned_start_ns);
        assert_eq!((row.ended_ns, row.turns_planned), (None, None));
    }
    // A trace id follows from the run, so that the servers' traces of them are found.
    let ids: BTreeSet<_> = rows.iter().map(|row| &row.trace_id).collect();
    assert_eq!(ids.len(), rows.len());
    desk.voicelt("report run").exits(0).says("KILLED");
}

#[test]
fn every_request_of_a_closed_loop_is_a_session_of_its_user() {
    let desk = Desk::with_trace("--synth speech-like:700ms");
    let (gateway, target) = desk.gateway("--llm-first-token 1ms --tts-first-audio 1ms");
    let users = "-u 3 -d 1s --think-time 50ms --pace original";
    let line = format!("run -a calls.vtrace -t {target} -o run --quiet --allow-invalid {users}");
    desk.voicelt(&line).exits(0);
    let rows = sessions(&desk, "run");
    let users: BTreeSet<_> = rows.iter().map(|row| row.user.unwrap()).collect();
    assert_eq!(users, BTreeSet::from([0, 1, 2]));
    assert_eq!(count(&rows, SessionEnd::Finished), rows.len());
    gateway.interrupt().says(&format!("{} streams", rows.len()));
}
