//! What was heard beside what was said, through the program.

use serde_json::Value;

use super::replay_into;
use crate::support::{Desk, Output};

/// A trace of two calls, of whose clips one is known to say something.
fn desk() -> Desk {
    let desk = Desk::with_trace("--synth speech-like:600ms --synth speech-like:500ms");
    desk.folder("audio");
    for (number, clip) in desk.files("calls.vtrace/clips").iter().enumerate() {
        std::fs::copy(clip, desk.path(&format!("audio/{number}.wav"))).unwrap();
    }
    desk.write("said.csv", "file,text\n0.wav,\"One, two.\"\n");
    desk.voicelt("prepare audio -o calls.vtrace --transcripts said.csv")
        .exits(0);
    desk
}

/// Replays into the folder `run`.
fn replay(desk: &Desk, flags: &str) -> Output {
    let (_gateway, target) = desk.gateway("");
    let replay = replay_into(&target, "run");
    desk.voicelt(&format!("{replay} {flags}"))
}

#[test]
fn words_are_compared_when_it_is_asked_or_required_and_texts_shown_when_that_is_asked_too() {
    let desk = desk();
    replay(&desk, "--wer --include-text --json run.json")
        .exits(0)
        .says("1 turn of 1 clip compared")
        .says("left out: 1 whose clip has no transcript")
        .says(": One, two. → ");
    let wer = &desk.json("run.json")["wer"];
    assert_eq!((&wer["words"], &wer["turns"]), (&2.into(), &1.into()));
    let heard = desk.requests("run").into_iter();
    let transcripts: Vec<_> = heard.filter_map(|row| row.transcript).collect();
    assert!(transcripts.contains(&wer["worst"][0]["heard"].as_str().unwrap().to_owned()));

    // What run.json keeps, and what is shown unasked, holds no texts.
    let kept = desk.json("run/run.json");
    assert_eq!(kept["summary"]["wer"]["words"], 2);
    assert_eq!(kept["summary"]["wer"]["worst"], Value::Null);
    let text = desk.voicelt("report run").said();
    assert!(
        text.contains("wer  ") && !text.contains("One, two"),
        "{text}"
    );
    desk.voicelt("report run --require 'wer < 1%'")
        .exits(99)
        .says("NOT MET");
    desk.voicelt("report run --wer --html page.html").exits(0);
    let page = desk.read("page.html");
    assert!(page.contains("word error rate") && !page.contains("One, two"));
}

#[test]
fn a_run_without_text_keeps_none_of_the_clips_and_says_why_words_are_not_known() {
    let desk = desk();
    // What is not judged does not pass.
    replay(&desk, "--wer --no-text --require 'wer < 5%'")
        .exits(99)
        .says("wer       not known: the run kept no transcripts")
        .says("NOT JUDGED");
    let clips = desk.run("run").clips().unwrap();
    assert_eq!(clips.len(), 2);
    assert!(clips.iter().all(|clip| clip.transcript.is_none()));
}
