//! Callers that react to answers, and replays that are shaped.

use std::collections::{BTreeMap, BTreeSet};

use voicelt::results::row::{MessageRow, RequestRow, Status};
use voicelt::table::read_all;
use voicelt::trace::model::SessionRow;

use super::replay_into;
use crate::support::Desk;

/// Four calls of two turns, whose answers have all the time in the world.
const TALK: &str = "--synth speech-like:1s --arrivals constant:4/s --sessions 4 --turns 2 \
                    --answer-time 8s --think-time 200ms";

/// Replays against the embedded gateway and returns the rows, by session and turn.
fn replay(desk: &Desk, run: &str, flags: &str) -> Vec<RequestRow> {
    let replay = replay_into("embedded", run);
    desk.voicelt(&format!("{replay} {flags}")).exits(0);
    let mut rows = desk.requests(run);
    rows.sort_by(|a, b| (&a.session_id, a.copy, a.turn).cmp(&(&b.session_id, b.copy, b.turn)));
    rows
}

#[test]
fn a_reactive_caller_speaks_after_the_heard_answer_and_its_thought() {
    let desk = Desk::with_trace(TALK);
    let rows = replay(&desk, "run", "--turn-timing reactive --messages");
    assert_eq!(rows.len(), 8);
    for pair in rows.chunks(2) {
        let [first, second] = pair else {
            panic!("two turns a session")
        };
        assert_eq!((first.status, second.status), (Status::Ok, Status::Ok));
        let thought = second.intended_start_ns - first.playout_end_ns.unwrap();
        // Later only where the gateway said so late that its answer had ended.
        assert!(thought >= 200_000_000, "{thought}");
        assert!(second.started_ns.unwrap() >= second.intended_start_ns);
        assert!(!second.overlapped);
        let spoken = second.intended_end_of_speech_ns.unwrap() - second.intended_start_ns;
        assert!((0..1_000_000_000).contains(&spoken), "{spoken}");
    }
    // Silence went on between the utterances, a chunk every 20 ms.
    let messages: Vec<MessageRow> = read_all(&desk.path("run/messages.parquet")).unwrap();
    let mut before = BTreeMap::new();
    for message in messages.iter().filter(|message| message.kind == "fill") {
        let intended = message.intended_ns.unwrap();
        let gap = before
            .insert((&message.session_id, message.turn), intended)
            .map(|before| intended - before);
        assert!(gap.is_none_or(|gap| gap == 20_000_000), "{message:?}");
    }
    assert_eq!(before.len(), 8, "silence after every utterance");
}

#[test]
fn a_caller_that_barges_in_cuts_into_the_answer() {
    let desk = Desk::with_trace(TALK);
    let rows = replay(&desk, "run", "--barge-in 300ms");
    for pair in rows.chunks(2) {
        let [first, second] = pair else {
            panic!("two turns a session")
        };
        assert_eq!(first.status, Status::BargedIn);
        let barge_in = first.barge_in_ns.unwrap();
        assert_eq!(barge_in, first.playout_start_ns.unwrap() + 300_000_000);
        assert_eq!(second.intended_start_ns, barge_in);
        assert!(!second.overlapped, "it was asked for");
        assert_eq!(second.status, Status::Ok);
        match first.barge_in_stop_ns {
            Some(stop) => {
                assert_eq!(first.barge_in_latency_ns, Some(stop - barge_in));
                assert!(first.audio_after_barge_in_samples > 0);
            }
            None => assert_eq!(first.audio_after_barge_in_samples, 0),
        }
    }
}

#[test]
fn scaled_and_faster_replays_send_whole_sessions_with_identities_of_their_own() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 6");
    let shaped = "--scale 2 --speed 4 --warmup 300ms --pacer portable";
    let rows = replay(&desk, "run", shaped);
    let plain = replay(&desk, "plain", "--limit 1");
    assert_eq!(rows.len(), 12);
    let chunks = plain[0].chunks_planned;
    assert!(
        rows.iter()
            .all(|row| row.chunks_sent == chunks && row.copy < 2)
    );
    let names: BTreeSet<_> = rows.iter().map(|row| &row.wire_session_id).collect();
    assert_eq!(names.len(), 12);
    let sessions: Vec<SessionRow> = read_all(&desk.path("calls.vtrace/sessions.parquet")).unwrap();
    let since_ns = |row: &&RequestRow| row.intended_start_ns - rows[0].intended_start_ns;
    let firsts: Vec<_> = rows.iter().filter(|row| row.copy == 0).collect();
    for (row, session) in firsts.iter().zip(&sessions) {
        let expected_ns = (session.start_ns - sessions[0].start_ns) / 4;
        assert!(
            (since_ns(row) - expected_ns).abs() <= 1,
            "four times as fast"
        );
    }
    let phases: BTreeMap<_, u32> = rows.iter().fold(BTreeMap::new(), |mut phases, row| {
        *phases.entry(row.phase.name()).or_default() += 1;
        phases
    });
    assert!(phases["warmup"] >= 2 && phases["steady"] >= 6, "{phases:?}");
}

#[test]
fn a_loop_ends_and_a_plan_is_only_printed() {
    let desk = Desk::with_trace("--synth speech-like:500ms --sessions 2");
    let rows = replay(&desk, "run", "--loop --until 4s --speed 2");
    // Starts have phases of up to a chunk, so that the mean gap is only about half a second.
    assert!(
        (7..=9).contains(&rows.len()),
        "{} in four seconds",
        rows.len()
    );
    let of_first = rows
        .iter()
        .filter(|row| row.session_id == rows[0].session_id);
    assert!(
        of_first
            .map(|row| row.copy)
            .eq(0..rows.len().div_ceil(2) as u32)
    );

    let plan = desk.voicelt("replay calls.vtrace --plan --scale 3");
    let plan = plan.exits(0);
    for word in [
        "sessions    6,",
        "Mbit/s",
        "open files",
        "processor",
        "timer",
    ] {
        plan.says(word);
    }
    assert!(!desk.path("runs").exists());

    for (flags, word) in [
        ("--loop", "--until"),
        ("--keep-session-ids --scale 2", "--scale"),
        ("--warmup 1h", "--warmup"),
        ("--window 1h..2h", "--window"),
        ("--speed 0", "0.001"),
    ] {
        let line = format!("replay calls.vtrace -t embedded {flags}");
        desk.voicelt(&line).refused(word);
    }
}

#[test]
fn a_trace_that_does_not_say_how_long_callers_think_is_not_replayed_reactively() {
    let desk = Desk::with_trace(TALK);
    let file = desk.path("calls.vtrace/turns.parquet");
    let mut turns: Vec<voicelt::trace::model::TurnRow> = read_all(&file).unwrap();
    turns[1].think_ns = None;
    voicelt::table::write_all(&file, 1024, &[], &turns).unwrap();
    desk.voicelt("trace seal calls.vtrace").exits(0);
    desk.voicelt("replay calls.vtrace --turn-timing reactive -t embedded")
        .refused("think_ns");
}
