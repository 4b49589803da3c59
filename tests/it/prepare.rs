//! `voicelt prepare` and `voicelt trace`, as users run them: from audio to a bundle that checks.

use std::path::Path;

use voicelt::pcm::synth::{Signal, render};
use voicelt::pcm::wav;
use voicelt::table;
use voicelt::trace::model::{Microphone, SessionRow};
use voicelt::units::SampleRate;

use crate::support::{Desk, Output};

/// A desk with files of audio in `audio/`.
fn desk(files: u8) -> Desk {
    let desk = Desk::new();
    desk.folder("audio");
    for number in 0..files {
        put_wav(&desk, &format!("{number}.wav"), u64::from(number));
    }
    desk
}

/// A second of speech-like audio.
fn put_wav(desk: &Desk, name: &str, seed: u64) {
    let rate = SampleRate(8_000);
    let samples = render(Signal::SpeechLike, 8_000, rate, seed);
    wav::write(&desk.path("audio").join(name), rate, &samples).unwrap();
}

fn hash(desk: &Desk, bundle: &str) -> String {
    desk.trace(bundle).manifest.content_blake3
}

/// What is said on the way to a trace, with nothing on standard output.
fn made(desk: &Desk, line: &str) -> String {
    let Output { stdout, stderr, .. } = desk.voicelt(line).exits(0);
    assert_eq!(stdout, "", "{stderr}");
    stderr
}

#[test]
fn a_folder_becomes_a_trace_that_checks() {
    let desk = desk(3);
    let said = made(&desk, "prepare audio -o calls.vtrace");
    assert!(said.contains("3 converted, 0 reused, 0 skipped"), "{said}");
    assert!(said.contains("3 sessions, 3 turns, 3 clips"), "{said}");
    assert!(
        said.ends_with("voicelt replay calls.vtrace --target embedded\n"),
        "{said}"
    );

    let trace = desk.trace("calls.vtrace");
    assert_eq!(trace.manifest.name, "calls");
    assert_eq!((trace.manifest.sessions, trace.manifest.seed), (3, Some(1)));
    assert_eq!(trace.manifest.provenance[0].settings["audio"][0], "audio");
    let starts: Vec<_> = trace
        .sessions
        .iter()
        .map(|s| s.start_ns / 1_000_000_000)
        .collect();
    assert_eq!(starts, [0, 1, 2], "one session a clip, one a second");
    assert!(trace.clips.iter().all(|clip| clip.samples == 16_000));
    let names = desk.names(".", "");
    assert_eq!(names, ["audio", "calls.vtrace"], "nothing else is left");
    desk.voicelt("trace check calls.vtrace")
        .exits(0)
        .says("valid, with 3 sessions and 3 clips");
}

#[test]
fn nothing_is_converted_twice_even_where_the_trace_lies_among_the_audio() {
    let desk = desk(3);
    let again = || made(&desk, "prepare audio -o audio/calls.vtrace");
    assert!(again().contains("3 converted, 0 reused"));
    let first = hash(&desk, "audio/calls.vtrace");
    assert!(again().contains("0 converted, 3 reused, 0 skipped"));
    assert_eq!(hash(&desk, "audio/calls.vtrace"), first);
    put_wav(&desk, "1.wav", 9);
    assert!(again().contains("1 converted, 2 reused"));
    assert_ne!(hash(&desk, "audio/calls.vtrace"), first);
}

#[test]
fn the_seed_decides() {
    let desk = desk(0);
    let make = |name: &str, seed: u64| {
        let flags = "--arrivals poisson:5/s --duration 10 --turns 1..3";
        let synth = "--synth speech-like:1s --synth tone:500ms";
        made(
            &desk,
            &format!("prepare {synth} {flags} -o {name} --seed {seed}"),
        );
        hash(&desk, name)
    };
    let first = make("a.vtrace", 1);
    assert_eq!(make("b.vtrace", 1), first);
    assert_ne!(make("c.vtrace", 2), first);
}

#[test]
fn bad_files_are_named_and_skipped_unless_told_otherwise() {
    let desk = desk(1);
    desk.write("audio/empty.mp3", "");
    desk.write("audio/text.wav", "these are words\n");
    desk.write("audio/notes.txt", "not tried\n");
    let said = made(&desk, "prepare audio -o a.vtrace");
    assert!(
        said.contains("1 converted, 0 reused, 2 skipped; 1 others"),
        "{said}"
    );
    assert!(said.contains("skipped   empty.mp3: "), "{said}");
    assert!(said.contains("          text.wav: "), "{said}");
    assert_eq!(made(&desk, "prepare audio -o a.vtrace --quiet"), "");
    desk.voicelt("prepare audio -o b.vtrace --strict")
        .refused("leave out --strict");
    assert_eq!(desk.names(".", ""), ["a.vtrace", "audio"]);
}

#[test]
fn what_cannot_be_done_says_what_to_do() {
    let desk = desk(0);
    desk.write("audio/text.wav", "these are words\n");
    let refused = |args: &str, what| desk.voicelt(&format!("prepare {args}")).refused(what);
    refused(
        "audio -o a.vtrace",
        "none of 1 files could be converted: text.wav: ",
    );
    std::fs::remove_file(desk.path("audio/text.wav")).unwrap();
    refused("audio -o a.vtrace", "No audio files found in audio");
    refused("-o a.vtrace", "--synth speech-like:3s");
    refused("audio", "-o OUT.vtrace");
    refused(
        "--synth tone:1s -o a.vtrace --arrivals poisson:1/s",
        "add --duration or --sessions",
    );
    refused("audio -o a.vtrace --microphone loud", "push-to-talk");
    let names = desk.names(".", "");
    assert_eq!(names, ["audio"], "nothing is left of what failed");
}

#[test]
fn a_folder_of_another_kind_is_left_alone() {
    let desk = desk(1);
    let before = desk.names("audio", "");
    desk.voicelt("prepare --synth tone:1s -o audio")
        .refused("it is left alone");
    assert_eq!(desk.names("audio", ""), before);
}

#[test]
fn a_recipe_does_what_the_flags_do_and_flags_overrule_it() {
    let desk = desk(2);
    let recipe = "audio = [\"../audio\"]\noutput = \"../recipe.vtrace\"\n\
                  arrivals = \"burst:4@1s\"\nturns = 2\nmicrophone = \"push_to_talk\"\n\
                  hang = 0.1\nseed = 5\n";
    desk.write("recipes/a.toml", recipe);
    made(&desk, "prepare --recipe recipes/a.toml");
    let flags = "--arrivals burst:4@1s --turns 2 --microphone push-to-talk --hang 100ms --seed 5";
    made(&desk, &format!("prepare audio -o flags.vtrace {flags}"));
    let by_recipe = desk.trace("recipe.vtrace");
    assert_eq!(
        by_recipe.manifest.content_blake3,
        hash(&desk, "flags.vtrace")
    );
    assert_eq!(by_recipe.sessions[0].microphone, Microphone::PushToTalk);
    assert_eq!(by_recipe.turns.len(), 8);

    let over = "prepare --recipe recipes/a.toml -o over.vtrace --turns 3";
    made(&desk, over);
    assert_eq!(desk.trace("over.vtrace").turns.len(), 12);

    for (text, said) in [
        (
            "seed = 1\nspede = 2\n",
            "recipe recipes/b.toml, line 2: there is no setting `spede`; is `seed` meant?",
        ),
        (
            "synth = [\"tone:1s\"]\npick = \"any\"\n",
            "note: --pick is set by recipe recipes/b.toml, line 2",
        ),
    ] {
        desk.write("recipes/b.toml", text);
        let wrong = desk.voicelt("prepare --recipe recipes/b.toml -o b.vtrace");
        wrong.refused(said);
    }
}

#[test]
fn a_library_can_be_listed_without_making_anything() {
    let desk = desk(1);
    desk.write("audio/text.wav", "these are words\n");
    let table = desk.voicelt("prepare audio --list").exits(0).stdout;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(
        lines[1].starts_with("0.wav     1.00 s  pcm_s16le  8000 Hz  1 "),
        "{}",
        lines[1]
    );
    assert!(
        lines[2].starts_with("text.wav  cannot be read: "),
        "{}",
        lines[2]
    );

    let rows = desk.voicelt("prepare audio --list --format json").json();
    assert_eq!(rows[0]["duration_ns"], 1_000_000_000);
    assert_eq!(desk.names(".", ""), ["audio"]);
}

#[test]
fn an_edit_is_noticed_until_it_is_sealed() {
    let desk = desk(0);
    made(&desk, "prepare --synth speech-like:1s -o a.vtrace");
    let sealed = hash(&desk, "a.vtrace");
    rewrite_sessions(&desk.path("a.vtrace"), |row| {
        row.language_code = "fr-FR".to_owned();
    });

    let check = || desk.voicelt("trace check a.vtrace");
    check().refused("edited since it was sealed; run `voicelt trace seal a.vtrace`");
    desk.voicelt("trace info a.vtrace").says("edited since");

    desk.voicelt("trace seal a.vtrace").exits(0);
    check().exits(0);
    assert_ne!(hash(&desk, "a.vtrace"), sealed);
    let info = desk.voicelt("trace info a.vtrace --format json").json();
    assert_eq!(
        (&info["sealed"], &info["extent"]["clips"]),
        (&true.into(), &1.into())
    );

    rewrite_sessions(&desk.path("a.vtrace"), |row| row.turns = 7);
    check().refused("sessions.parquet, row 0: `turns` is 7, but turns.parquet holds 1");
    desk.voicelt("trace seal a.vtrace").refused("`turns` is 7");
}

#[test]
fn the_audio_of_every_clip_is_checked() {
    let desk = desk(0);
    // Longer than what is hashed at a time.
    made(&desk, "prepare --synth speech-like:9s -o a.vtrace");
    let check = || desk.voicelt("trace check a.vtrace");
    check().exits(0);
    let file = desk.files("a.vtrace/clips").remove(0);
    let mut bytes = std::fs::read(&file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    check().refused("its audio is not that of clip 0");
    std::fs::write(&file, &bytes[..100]).unwrap();
    check().refused(".wav: ");
    std::fs::remove_file(&file).unwrap();
    check().refused(".wav is missing; restore it");
    desk.voicelt("trace check audio")
        .refused("is not a trace bundle");
}

fn rewrite_sessions(bundle: &Path, change: impl Fn(&mut SessionRow)) {
    let path = bundle.join("sessions.parquet");
    let mut rows: Vec<SessionRow> = table::read_all(&path).unwrap();
    rows.iter_mut().for_each(change);
    table::write_all(&path, table::ROW_GROUP_ROWS, &[], &rows).unwrap();
}

#[test]
fn transcripts_come_with_clips_and_change_nothing_else() {
    let desk = desk(3);
    let texts = |name: &str| -> Vec<Option<String>> {
        let clips = desk.trace(name).clips.into_iter();
        clips.map(|clip| clip.transcript).collect()
    };
    let table = "path\tsentence\n0.wav\tHello there.\nother/2.mp3\tGood  bye\n9.wav\tnobody\n";
    desk.write("said.tsv", table);
    made(&desk, "prepare audio -o calls.vtrace");
    let bare = (hash(&desk, "calls.vtrace"), texts("calls.vtrace"));
    assert_eq!(bare.1, [None, None, None]);

    // With a table nothing is converted again.
    let with = "prepare audio -o calls.vtrace --transcripts said.tsv";
    let expected = [Some("Hello there."), None, Some("Good bye")].map(|t| t.map(str::to_owned));
    for _ in 0..2 {
        let said = made(&desk, with);
        assert!(said.contains("0 converted, 3 reused"), "{said}");
        let line = "said      2 of 3 clips have a transcript; 1 of 3 rows name no file here";
        assert!(said.contains(line), "{said}");
        assert_eq!(texts("calls.vtrace"), expected);
        assert_eq!(
            hash(&desk, "calls.vtrace"),
            bare.0,
            "what callers do is the same"
        );
    }
    assert_eq!(
        desk.trace("calls.vtrace").manifest.contains,
        ["audio", "text"]
    );
    put_wav(&desk, "3.wav", 3);
    made(&desk, with);
    assert_eq!(texts("calls.vtrace")[..3], expected, "and after more files");

    for edit in [
        "scale calls.vtrace 2",
        "merge calls.vtrace calls.vtrace",
        "shuffle calls.vtrace",
    ] {
        desk.voicelt(&format!("trace {edit} -o edited.vtrace"))
            .exits(0);
        let mut kept = texts("edited.vtrace");
        kept.sort();
        let mut all = texts("calls.vtrace");
        all.sort();
        assert_eq!(kept, all, "{edit}");
        std::fs::remove_dir_all(desk.path("edited.vtrace")).unwrap();
    }
    desk.voicelt("trace anonymize calls.vtrace -o nobody.vtrace")
        .exits(0);
    assert!(texts("nobody.vtrace").iter().all(Option::is_none));
    assert_eq!(desk.trace("nobody.vtrace").manifest.contains, ["audio"]);

    made(&desk, "prepare audio -o calls.vtrace");
    assert!(
        texts("calls.vtrace").iter().all(Option::is_none),
        "no table, no texts"
    );
}

#[test]
fn a_table_of_transcripts_that_cannot_be_read_is_refused() {
    let desk = desk(1);
    let with = || desk.voicelt("prepare audio -o a.vtrace --transcripts said.csv");
    with().refused("said.csv line 1: ");
    desk.write("said.csv", "file,words\n0.wav,hello\n");
    with().refused("said.csv line 1: no column for the transcript; call it one of");
    let names = desk.names(".", "");
    assert_eq!(names, ["audio", "said.csv"], "nothing is left");
}
