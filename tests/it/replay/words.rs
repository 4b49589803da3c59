//! What was heard beside what was said, through the program.

use std::path::Path;

use serde_json::Value;
use voicelt::results::reader::RunDir;

use super::{Desk, files, replay_into, said};

/// A trace of two calls, of whose clips one is known to say something.
fn desk() -> Desk {
    let synth = [
        "--synth",
        "speech-like:600ms",
        "--synth",
        "speech-like:500ms",
    ];
    let desk = Desk::with_trace(&synth);
    std::fs::create_dir(desk.path("audio")).unwrap();
    let clips = desk.path("calls.vtrace/clips");
    let folders = std::fs::read_dir(clips).unwrap();
    let clips = folders.flat_map(|folder| files(&folder.unwrap().path(), ""));
    for (number, clip) in clips.enumerate() {
        std::fs::copy(clip, desk.path(&format!("audio/{number}.wav"))).unwrap();
    }
    std::fs::write(desk.path("said.csv"), "file,text\n0.wav,\"One, two.\"\n").unwrap();
    let prepare = [
        "prepare",
        "audio",
        "-o",
        "calls.vtrace",
        "--transcripts",
        "said.csv",
    ];
    let output = desk.voicelt(&prepare);
    assert!(output.status.success(), "{}", said(&output));
    desk
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Replays into the folder `run`: the exit code, and what is printed.
fn replay(desk: &Desk, run: &str, more: &[&str]) -> (Option<i32>, String) {
    let (_gateway, target) = desk.gateway(&[]);
    let replay = replay_into(&target, run);
    let output = desk.voicelt(&[&replay[..], &["--allow-invalid"], more].concat());
    (output.status.code(), said(&output))
}

#[test]
fn words_are_compared_when_it_is_asked_or_required_and_texts_shown_when_that_is_asked_too() {
    let desk = desk();
    let (code, text) = replay(
        &desk,
        "run",
        &["--wer", "--include-text", "--json", "run.json"],
    );
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("1 turn of 1 clip compared"), "{text}");
    assert!(
        text.contains("left out: 1 whose clip has no transcript"),
        "{text}"
    );
    assert!(text.contains(": One, two. → "), "{text}");
    let wer = &json(&desk.path("run.json"))["wer"];
    assert_eq!((&wer["words"], &wer["turns"]), (&2.into(), &1.into()));
    let heard = RunDir::open(&desk.path("run")).unwrap();
    let mut transcripts = Vec::new();
    heard
        .for_each_request(|row| transcripts.extend(row.transcript))
        .unwrap();
    assert!(transcripts.contains(&wer["worst"][0]["heard"].as_str().unwrap().to_owned()));

    // What run.json keeps, and what is shown unasked, holds no texts.
    let kept = json(&desk.path("run/run.json"));
    assert_eq!(kept["summary"]["wer"]["words"], 2);
    assert_eq!(kept["summary"]["wer"]["worst"], Value::Null);
    let output = desk.voicelt(&["report", "run"]);
    let text = said(&output);
    assert!(
        text.contains("wer  ") && !text.contains("One, two"),
        "{text}"
    );

    let required = ["report", "run", "--require", "wer < 1%"];
    let output = desk.voicelt(&required);
    assert_eq!(output.status.code(), Some(99), "{}", said(&output));
    assert!(said(&output).contains("NOT MET"), "{}", said(&output));

    let output = desk.voicelt(&["report", "run", "--wer", "--html", "page.html"]);
    assert!(output.status.success(), "{}", said(&output));
    let page = std::fs::read_to_string(desk.path("page.html")).unwrap();
    assert!(page.contains("word error rate") && !page.contains("One, two"));
}

#[test]
fn a_run_without_text_keeps_none_of_the_clips_and_says_why_words_are_not_known() {
    let desk = desk();
    let (code, text) = replay(
        &desk,
        "run",
        &["--wer", "--no-text", "--require", "wer < 5%"],
    );
    assert_eq!(code, Some(99), "what is not judged does not pass: {text}");
    assert!(
        text.contains("wer       not known: the run kept no transcripts"),
        "{text}"
    );
    assert!(text.contains("NOT JUDGED"), "{text}");
    let clips = RunDir::open(&desk.path("run")).unwrap().clips().unwrap();
    assert_eq!(clips.len(), 2);
    assert!(clips.iter().all(|clip| clip.transcript.is_none()));
}
