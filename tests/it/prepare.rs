//! `voicelt prepare` and `voicelt trace`, as users run them: from audio to a bundle that checks.

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use tempfile::TempDir;
use voicelt::pcm::synth::{Signal, render};
use voicelt::table;
use voicelt::trace::Trace;
use voicelt::trace::model::{Microphone, SessionRow};
use voicelt::units::SampleRate;

/// A folder to work in, with audio in `audio/`.
struct Desk(TempDir);

impl Desk {
    fn new() -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        std::fs::create_dir(desk.path("audio")).unwrap();
        desk
    }

    fn with_audio(files: u8) -> Desk {
        let desk = Desk::new();
        for number in 0..files {
            desk.wav(&format!("{number}.wav"), 8_000, u64::from(number));
        }
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A second of speech-like audio.
    fn wav(&self, name: &str, rate: u32, seed: u64) {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let path = self.path("audio").join(name);
        let mut file = hound::WavWriter::create(path, spec).unwrap();
        for sample in render(Signal::SpeechLike, u64::from(rate), SampleRate(rate), seed) {
            file.write_sample(sample).unwrap();
        }
        file.finalize().unwrap();
    }

    /// Runs voicelt in the folder.
    fn run(&self, args: &[&str]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_voicelt"));
        let output = command.current_dir(self.0.path()).args(args).output();
        Said::of(output.unwrap())
    }

    fn open(&self, name: &str) -> Trace {
        Trace::open(&self.path(name)).unwrap()
    }

    fn hash(&self, name: &str) -> String {
        self.open(name).manifest.content_blake3
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}

/// What a command said, and its exit code.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn of(output: Output) -> Said {
        Said {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It went well and left standard output clean.
    fn well(self) -> String {
        assert_eq!((self.code, self.out.as_str()), (0, ""), "{}", self.err);
        self.err
    }

    /// It was refused with one sentence that holds `what`.
    fn refused(self, what: &str) {
        assert_eq!((self.code, self.out.as_str()), (2, ""), "{}", self.err);
        assert!(self.err.starts_with("error: "), "{}", self.err);
        assert!(self.err.contains(what), "{}", self.err);
    }
}

#[test]
fn a_folder_becomes_a_trace_that_checks() {
    let desk = Desk::with_audio(3);
    let said = desk.run(&["prepare", "audio", "-o", "calls.vtrace"]).well();
    assert!(said.contains("3 converted, 0 reused, 0 skipped"), "{said}");
    assert!(said.contains("3 sessions, 3 turns, 3 clips"), "{said}");
    assert!(
        said.ends_with("voicelt replay calls.vtrace --target embedded\n"),
        "{said}"
    );

    let trace = desk.open("calls.vtrace");
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
    assert_eq!(
        desk.names("."),
        ["audio", "calls.vtrace"],
        "nothing else is left"
    );

    let checked = desk.run(&["trace", "check", "calls.vtrace"]);
    assert_eq!(checked.code, 0, "{}", checked.err);
    assert!(
        checked.out.contains("well, with 3 sessions and 3 clips"),
        "{}",
        checked.out
    );
}

#[test]
fn nothing_is_converted_twice_even_where_the_trace_lies_among_the_audio() {
    let desk = Desk::with_audio(3);
    let again = || {
        desk.run(&["prepare", "audio", "-o", "audio/calls.vtrace"])
            .well()
    };
    assert!(again().contains("3 converted, 0 reused"));
    let hash = desk.hash("audio/calls.vtrace");
    assert!(again().contains("0 converted, 3 reused, 0 skipped"));
    assert_eq!(desk.hash("audio/calls.vtrace"), hash);
    desk.wav("1.wav", 8_000, 9);
    assert!(again().contains("1 converted, 2 reused"));
    assert_ne!(desk.hash("audio/calls.vtrace"), hash);
}

#[test]
fn the_seed_decides() {
    let desk = Desk::new();
    let make = |name: &str, seed: &str| {
        let flags = [
            "prepare",
            "--synth",
            "speech-like:1s",
            "--synth",
            "tone:500ms",
        ];
        let more = ["--arrivals=poisson:5/s", "--duration=10", "--turns=1..3"];
        let args = [&flags[..], &more[..], &["-o", name, "--seed", seed]].concat();
        desk.run(&args).well();
        desk.hash(name)
    };
    let first = make("a.vtrace", "1");
    assert_eq!(make("b.vtrace", "1"), first);
    assert_ne!(make("c.vtrace", "2"), first);
}

#[test]
fn bad_files_are_named_and_skipped_unless_told_otherwise() {
    let desk = Desk::with_audio(1);
    std::fs::write(desk.path("audio/empty.mp3"), "").unwrap();
    std::fs::write(desk.path("audio/text.wav"), "these are words\n").unwrap();
    std::fs::write(desk.path("audio/notes.txt"), "not tried\n").unwrap();
    let said = desk.run(&["prepare", "audio", "-o", "a.vtrace"]).well();
    assert!(
        said.contains("1 converted, 0 reused, 2 skipped; 1 others"),
        "{said}"
    );
    assert!(said.contains("skipped   empty.mp3: "), "{said}");
    assert!(said.contains("          text.wav: "), "{said}");
    let quiet = desk.run(&["prepare", "audio", "-o", "a.vtrace", "--quiet"]);
    assert_eq!(quiet.well(), "");

    let strict = ["prepare", "audio", "-o", "b.vtrace", "--strict"];
    desk.run(&strict).refused("leave out --strict");
    assert_eq!(desk.names("."), ["a.vtrace", "audio"]);
}

#[test]
fn what_cannot_be_done_says_what_to_do() {
    let desk = Desk::new();
    std::fs::write(desk.path("audio/text.wav"), "these are words\n").unwrap();
    let refused = |args: &[&str], what| desk.run(&[&["prepare"], args].concat()).refused(what);
    refused(
        &["audio", "-o", "a.vtrace"],
        "none of 1 files could be converted: text.wav: ",
    );
    std::fs::remove_file(desk.path("audio/text.wav")).unwrap();
    refused(
        &["audio", "-o", "a.vtrace"],
        "No audio files found in audio",
    );
    refused(&["-o", "a.vtrace"], "--synth speech-like:3s");
    refused(&["audio"], "-o OUT.vtrace");
    let endless = [
        "--synth=tone:1s",
        "-o",
        "a.vtrace",
        "--arrivals=poisson:1/s",
    ];
    refused(&endless, "add --duration or --sessions");
    refused(
        &["audio", "-o", "a.vtrace", "--microphone=loud"],
        "push-to-talk",
    );
    assert_eq!(desk.names("."), ["audio"], "nothing is left of what failed");
}

#[test]
fn a_folder_of_another_kind_is_left_alone() {
    let desk = Desk::with_audio(1);
    let before = desk.names("audio");
    desk.run(&["prepare", "--synth=tone:1s", "-o", "audio"])
        .refused("it is left alone");
    assert_eq!(desk.names("audio"), before);
}

#[test]
fn a_recipe_does_what_the_flags_do_and_flags_overrule_it() {
    let desk = Desk::with_audio(2);
    std::fs::create_dir(desk.path("recipes")).unwrap();
    let recipe = "audio = [\"../audio\"]\noutput = \"../recipe.vtrace\"\n\
                  arrivals = \"burst:4@1s\"\nturns = 2\nmicrophone = \"push_to_talk\"\n\
                  hang = 0.1\nseed = 5\n";
    std::fs::write(desk.path("recipes/a.toml"), recipe).unwrap();
    desk.run(&["prepare", "--recipe", "recipes/a.toml"]).well();
    let flags = [
        "--turns=2",
        "--microphone=push-to-talk",
        "--hang=100ms",
        "--seed=5",
    ];
    let more = [
        "prepare",
        "audio",
        "-o",
        "flags.vtrace",
        "--arrivals=burst:4@1s",
    ];
    desk.run(&[&more[..], &flags[..]].concat()).well();
    let by_recipe = desk.open("recipe.vtrace");
    assert_eq!(by_recipe.manifest.content_blake3, desk.hash("flags.vtrace"));
    assert_eq!(by_recipe.sessions[0].microphone, Microphone::PushToTalk);
    assert_eq!(by_recipe.turns.len(), 8);

    let over = [
        "prepare",
        "--recipe",
        "recipes/a.toml",
        "-o",
        "over.vtrace",
        "--turns=3",
    ];
    desk.run(&over).well();
    assert_eq!(desk.open("over.vtrace").turns.len(), 12);

    std::fs::write(desk.path("recipes/b.toml"), "seed = 1\nspeed = 2\n").unwrap();
    let wrong = desk.run(&["prepare", "--recipe", "recipes/b.toml"]);
    wrong.refused("b.toml, line 2: unknown field `speed`, expected one of `audio`");
}

#[test]
fn a_library_can_be_listed_without_making_anything() {
    let desk = Desk::with_audio(1);
    std::fs::write(desk.path("audio/text.wav"), "these are words\n").unwrap();
    let table = desk.run(&["prepare", "audio", "--list"]);
    let lines: Vec<&str> = table.out.lines().collect();
    assert_eq!((table.code, lines.len()), (0, 3), "{}", table.out);
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

    let json = desk.run(&["prepare", "audio", "--list", "--format", "json"]);
    let rows: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(rows[0]["duration_ns"], 1_000_000_000);
    assert_eq!(desk.names("."), ["audio"]);
}

#[test]
fn an_edit_is_noticed_until_it_is_sealed() {
    let desk = Desk::new();
    desk.run(&["prepare", "--synth=speech-like:1s", "-o", "a.vtrace"])
        .well();
    let sealed = desk.hash("a.vtrace");
    rewrite_sessions(&desk.path("a.vtrace"), |row| {
        row.language_code = "fr-FR".to_owned();
    });

    let check = || desk.run(&["trace", "check", "a.vtrace"]);
    check().refused("edited since it was sealed; run `voicelt trace seal a.vtrace`");
    let info = desk.run(&["trace", "info", "a.vtrace"]);
    assert!(info.out.contains("edited since"), "{}", info.out);

    assert_eq!(desk.run(&["trace", "seal", "a.vtrace"]).code, 0);
    assert_eq!(check().code, 0);
    assert_ne!(desk.hash("a.vtrace"), sealed);
    let info = desk.run(&["trace", "info", "a.vtrace", "--format", "json"]);
    let info: serde_json::Value = serde_json::from_str(&info.out).unwrap();
    assert_eq!(
        (&info["sealed"], &info["extent"]["clips"]),
        (&true.into(), &1.into())
    );

    rewrite_sessions(&desk.path("a.vtrace"), |row| row.turns = 7);
    check().refused("sessions.parquet, row 0: `turns` is 7, but turns.parquet holds 1");
    desk.run(&["trace", "seal", "a.vtrace"])
        .refused("`turns` is 7");
}

#[test]
fn the_audio_of_every_clip_is_checked() {
    let desk = Desk::new();
    // Longer than what is hashed at a time.
    let args = ["prepare", "--synth=speech-like:9s", "-o", "a.vtrace"];
    desk.run(&args).well();
    assert_eq!(desk.run(&["trace", "check", "a.vtrace"]).code, 0);
    let clip = desk.open("a.vtrace").clips.remove(0);
    let file = desk.path("a.vtrace").join(clip.file.unwrap());
    let mut bytes = std::fs::read(&file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let check = || desk.run(&["trace", "check", "a.vtrace"]);
    check().refused("its audio is not that of clip 0");
    std::fs::write(&file, &bytes[..100]).unwrap();
    check().refused(".wav: ");
    std::fs::remove_file(&file).unwrap();
    check().refused(".wav is missing; restore it");
    desk.run(&["trace", "check", "audio"])
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
    let desk = Desk::with_audio(3);
    let texts = |name: &str| -> Vec<Option<String>> {
        let clips = desk.open(name).clips.into_iter();
        clips.map(|clip| clip.transcript).collect()
    };
    let table = "path\tsentence\n0.wav\tHello there.\nother/2.mp3\tGood  bye\n9.wav\tnobody\n";
    std::fs::write(desk.path("said.tsv"), table).unwrap();
    desk.run(&["prepare", "audio", "-o", "calls.vtrace"]).well();
    let bare = (desk.hash("calls.vtrace"), texts("calls.vtrace"));
    assert_eq!(bare.1, [None, None, None]);

    // With a table nothing is converted again.
    let with = [
        "prepare",
        "audio",
        "-o",
        "calls.vtrace",
        "--transcripts",
        "said.tsv",
    ];
    let expected = [Some("Hello there."), None, Some("Good bye")].map(|t| t.map(str::to_owned));
    for _ in 0..2 {
        let said = desk.run(&with).well();
        assert!(said.contains("0 converted, 3 reused"), "{said}");
        let line = "said      2 of 3 clips have a transcript; 1 of 3 rows name no file here";
        assert!(said.contains(line), "{said}");
        assert_eq!(texts("calls.vtrace"), expected);
        assert_eq!(
            desk.hash("calls.vtrace"),
            bare.0,
            "what callers do is the same"
        );
    }
    assert_eq!(
        desk.open("calls.vtrace").manifest.contains,
        ["audio", "text"]
    );
    desk.wav("3.wav", 8_000, 3);
    desk.run(&with).well();
    assert_eq!(texts("calls.vtrace")[..3], expected, "and after more files");

    for edit in [
        &["trace", "scale", "calls.vtrace", "2", "-o", "edited.vtrace"][..],
        &[
            "trace",
            "merge",
            "calls.vtrace",
            "calls.vtrace",
            "-o",
            "edited.vtrace",
        ],
        &["trace", "shuffle", "calls.vtrace", "-o", "edited.vtrace"],
    ] {
        let said = desk.run(edit);
        assert_eq!(said.code, 0, "{edit:?}: {}", said.err);
        let mut kept = texts("edited.vtrace");
        kept.sort();
        let mut all = texts("calls.vtrace");
        all.sort();
        assert_eq!(kept, all, "{edit:?}");
        std::fs::remove_dir_all(desk.path("edited.vtrace")).unwrap();
    }
    let said = desk.run(&["trace", "anonymize", "calls.vtrace", "-o", "nobody.vtrace"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(texts("nobody.vtrace").iter().all(Option::is_none));
    assert_eq!(desk.open("nobody.vtrace").manifest.contains, ["audio"]);

    desk.run(&["prepare", "audio", "-o", "calls.vtrace"]).well();
    assert!(
        texts("calls.vtrace").iter().all(Option::is_none),
        "no table, no texts"
    );
}

#[test]
fn a_table_of_transcripts_that_cannot_be_read_is_refused() {
    let desk = Desk::with_audio(1);
    let with = [
        "prepare",
        "audio",
        "-o",
        "a.vtrace",
        "--transcripts",
        "said.csv",
    ];
    desk.run(&with).refused("said.csv line 1: ");
    std::fs::write(desk.path("said.csv"), "file,words\n0.wav,hello\n").unwrap();
    desk.run(&with)
        .refused("said.csv line 1: no column for the transcript; call it one of");
    assert_eq!(desk.names("."), ["audio", "said.csv"], "nothing is left");
}
