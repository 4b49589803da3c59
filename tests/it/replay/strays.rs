//! Gateways whose recogniser transcribes noise between turns, that answer before they were told all,
//! or that are slow: whose answer is it?

use std::collections::BTreeMap;

use voicelt::pcm::synth::{Signal, render};
use voicelt::pcm::wav;
use voicelt::results::row::{MessageRow, RequestRow, Status};
use voicelt::table::read_all;
use voicelt::units::{NS_PER_S, SampleRate};

use super::replay_into;
use crate::support::Desk;

/// A gateway that soon speaks.
const QUICK: &str = "--tts-first-audio 20ms --tts-rtf 0";

/// Replays against a gateway with `flags`. The same names of sessions make the gateway say the same
/// again, so that what it says of each turn is known.
fn replay(desk: &Desk, run: &str, timing: &str, flags: &str) -> Vec<RequestRow> {
    let (_gateway, target) = desk.gateway(&format!("{QUICK} {flags}"));
    let replay = replay_into(&target, run);
    let how = "--keep-session-ids --timeout 20s --messages --turn-timing";
    desk.voicelt(&format!("{replay} {how} {timing}")).exits(0);
    desk.requests(run)
}

/// What a turn was understood to say, and what was answered, by session and turn.
type Words<'a> = BTreeMap<(&'a str, u32), [&'a str; 2]>;

fn words(rows: &[RequestRow]) -> Words<'_> {
    let mut words = Words::new();
    for row in rows {
        let texts = [&row.transcript, &row.response_text];
        let texts = texts.map(|text| text.as_deref().unwrap_or_default());
        words.insert((&row.session_id, row.turn), texts);
    }
    words
}

#[test]
fn noise_between_turns_changes_no_turn() {
    let desk = &Desk::with_trace(
        "--synth speech-like:1s --synth speech-like:2s --arrivals constant:4/s --sessions 2 \
         --turns 3 --answer-time 5s --think-time 200ms",
    );
    let runs = [
        ("recorded", "0"),
        ("recorded", "1"),
        ("recorded", "0.5"),
        ("reactive", "1"),
        ("reactive", "0.5"),
    ];
    let replay = |(timing, rate): (&str, &str)| {
        let run = format!("{timing}-{rate}");
        let rows = replay(desk, &run, timing, &format!("--stray-interims {rate}"));
        check_messages(desk, &run, &rows);
        rows
    };
    let rows: Vec<_> = std::thread::scope(|scope| {
        let replays = runs.map(|run| scope.spawn(move || replay(run)));
        replays.map(|replay| replay.join().unwrap()).into()
    });
    let expected = words(&rows[0]);
    assert_eq!(expected.len(), 6);
    assert!(expected.values().flatten().all(|text| !text.is_empty()));
    for (rows, run) in rows.iter().zip(runs) {
        assert_eq!(words(rows), expected, "{run:?}");
        rows.iter().for_each(check);
    }
}

/// A turn that was answered once, in the order in which that happens.
fn check(row: &RequestRow) {
    assert_eq!((row.status, row.answers), (Status::Ok, 1), "{row:?}");
    assert_eq!(row.owner_uncertain, Some(false), "{row:?}");
    let instants = [
        row.started_ns,
        row.first_transcript_ns,
        row.final_transcript_ns,
        row.processing_ns,
        row.first_llm_ns,
        row.first_audio_ns,
        row.closed_ns,
    ];
    assert!(
        instants.iter().all(Option::is_some) && instants.is_sorted(),
        "{row:?}"
    );
}

/// What was received of each turn is what its row says, and noise stands with the turn before.
fn check_messages(desk: &Desk, run: &str, rows: &[RequestRow]) {
    let messages: Vec<MessageRow> = read_all(&desk.path(run).join("messages.parquet")).unwrap();
    let received = messages.iter().filter(|m| m.received_ns.is_some());
    let mut noise = 0;
    for message in received.filter(|message| message.kind == "transcript") {
        let its =
            |row: &&RequestRow| (&row.session_id, row.turn) == (&message.session_id, message.turn);
        let row = rows.iter().find(its).unwrap();
        let is_noise = message.received_ns > row.processing_ns;
        assert!(
            is_noise || message.received_ns >= row.first_transcript_ns,
            "{message:?}"
        );
        noise += u32::from(is_noise);
    }
    match run.rsplit('-').next() {
        Some("0") => assert_eq!(noise, 0, "{run}"),
        Some("1") => assert_eq!(noise, 6, "{run}"),
        _ => assert!((1..6).contains(&noise), "{noise} in {run}"),
    }
}

/// Two turns of a caller who pauses and goes on, cut off in the pause.
fn cut_off(think_time: &str) -> [RequestRow; 2] {
    let rate = SampleRate::PREPARED;
    let parts = [
        (Signal::SpeechLike, 8),
        (Signal::Silence, 4),
        (Signal::SpeechLike, 40),
    ];
    let render = |(signal, tenths)| {
        let samples = tenths * u64::from(rate.0) / 10;
        render(signal, samples, rate, tenths)
    };
    let desk = Desk::new();
    desk.folder("audio");
    let samples = parts.map(render).concat();
    wav::write(&desk.path("audio/pause.wav"), rate, &samples).unwrap();
    let prepare = "prepare audio -o calls.vtrace --turns 2 --think-time";
    desk.voicelt(&format!("{prepare} {think_time}")).exits(0);
    let rows = replay(&desk, "run", "reactive", "--early-endpoint 250ms");
    let rows: [RequestRow; 2] = rows.try_into().unwrap();
    assert!(rows[0].early_endpoint, "{rows:?}");
    rows
}

#[test]
fn a_caller_who_was_cut_off_listens_to_the_answer_to_the_rest() {
    let hasty = std::thread::spawn(|| cut_off("0s"));
    let [first, second] = cut_off("4s");
    for row in [&first, &second] {
        assert_eq!((row.status, row.answers), (Status::Ok, 2), "{row:?}");
    }
    let heard_ns = first.playout_end_ns.unwrap();
    let thought_ns = second.intended_start_ns - heard_ns;
    assert!(thought_ns >= 4 * NS_PER_S, "{first:?} {second:?}");
    assert!(!second.overlapped, "{second:?}");
    // Even one who does not think gives the gateway time to notice the end of what was said.
    let [first, second] = hasty.join().unwrap();
    let waited_ns = second.intended_start_ns - first.end_of_speech_sent_ns.unwrap();
    assert!(waited_ns >= 2 * NS_PER_S, "{first:?} {second:?}");
}

#[test]
fn answers_for_which_several_turns_wait_are_uncertain_and_counted() {
    let desk =
        Desk::with_trace("--synth speech-like:1s --turns 3 --answer-time 100ms --think-time 600ms");
    // The first answer begins when the second utterance is over.
    let rows = replay(&desk, "run", "recorded", "--asr-final 2500ms");
    assert_eq!(rows.len(), 3);
    let uncertain = rows.iter().filter(|row| row.owner_uncertain == Some(true));
    let uncertain = uncertain.count();
    assert!(uncertain >= 2, "{rows:?}");
    desk.voicelt("report run").says("(owner_uncertain)");
    desk.voicelt("report run --json run.json").exits(0);
    assert_eq!(desk.json("run.json")["turns"]["owner_uncertain"], uncertain);
}
