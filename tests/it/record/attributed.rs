//! Recordings say whose answer a message is by the rule of replays.

use std::collections::BTreeMap;

use voicelt::results::row::MessageRow;
use voicelt::table::read_all;
use voicelt::trace::stream::Bundle;

use crate::replay::replay_into;
use crate::support::Desk;

/// What was received in each call, in order: its kind, and the turn that it stands with.
type Received = BTreeMap<String, Vec<(String, u32)>>;

fn replayed(desk: &Desk, run: &str) -> Received {
    let messages: Vec<MessageRow> = read_all(&desk.path(run).join("messages.parquet")).unwrap();
    let mut messages: Vec<_> = messages
        .iter()
        .filter(|m| m.received_ns.is_some())
        .collect();
    messages.sort_by_key(|message| message.seq);
    let mut received = Received::new();
    for message in messages {
        let calls = received.entry(message.session_id.clone()).or_default();
        calls.push((message.kind.clone(), message.turn));
    }
    received
}

fn recorded(desk: &Desk, trace: &str) -> Received {
    let bundle = Bundle::open(&desk.path(trace)).unwrap();
    let sessions = bundle.sessions().unwrap().map(|rows| {
        let rows = rows.unwrap();
        let replies = rows
            .replies
            .iter()
            .filter(|reply| reply.kind.name() != "status");
        let replies = replies.map(|reply| (reply.kind.name().to_owned(), reply.turn));
        (rows.session.session_id.clone(), replies.collect())
    });
    sessions.collect()
}

#[test]
fn a_recording_has_the_owners_that_a_replay_has() {
    let desk = Desk::with_trace(
        "--synth speech-like:1s --synth speech-like:600ms --sessions 3 --turns 3 \
         --answer-time 5s --think-time 200ms",
    );
    let noise = "--stray-interims 0.5 --tts-first-audio 20ms --tts-rtf 0";
    let (_gateway, gateway) = desk.gateway(noise);
    let (recorder, address) = desk.recorder(&gateway, "--keep audio,text");
    let replay = replay_into(&address, "run");
    let how = "--keep-session-ids --messages";
    desk.voicelt(&format!("{replay} {how}")).exits(0);
    recorder.interrupt().exits(0);
    let recorded = recorded(&desk, "live.vtrace");
    assert_eq!(replayed(&desk, "run"), recorded);
    let (mut noise, mut transcripts) = (0, 0);
    for received in recorded.values() {
        let of_turn = |turn| received.iter().filter(move |(_, of)| *of == turn);
        for turn in 0..3 {
            let kinds: Vec<_> = of_turn(turn).map(|(kind, _)| kind.as_str()).collect();
            let count = |kinds: &[&str], kind| kinds.iter().filter(|of| **of == kind).count();
            let processing = kinds.iter().position(|of| *of == "processing");
            let (before, after) = kinds.split_at(processing.unwrap());
            assert_eq!(count(after, "processing"), 1, "{kinds:?}");
            assert!(count(after, "audio") > 0, "{kinds:?}");
            transcripts += count(before, "transcript");
            noise += count(after, "transcript");
        }
    }
    assert!((1..9).contains(&noise), "{noise}");
    assert!(transcripts >= 2 * 9, "{transcripts}");
}
