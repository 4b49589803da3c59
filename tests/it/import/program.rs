//! Through the program: from a log to a bundle that checks.

use std::fmt::Write;
use std::os::unix::fs::MetadataExt;

use voicelt::table::write_all;
use voicelt::trace::Trace;
use voicelt::trace::model::Microphone;
use voicelt::units::NS_PER_MS;

use crate::support::{Desk, Output};

/// A desk with a library of clips of 1, 3 and 8 s in `library.vtrace`.
pub(super) fn desk() -> Desk {
    let desk = Desk::new();
    let synth = "--synth speech-like:1s --synth speech-like:3s --synth speech-like:8s";
    desk.voicelt(&format!("prepare -o library.vtrace {synth}"))
        .exits(0);
    desk
}

/// Imports `log` with the library into `out.vtrace`.
pub(super) fn import(desk: &Desk, log: &str, flags: &str) -> Output {
    desk.voicelt(&format!(
        "import {log} --audio library.vtrace -o out.vtrace {flags}"
    ))
}

/// What is said on the way to `out.vtrace`, with nothing on standard output.
pub(super) fn imported(desk: &Desk, log: &str, flags: &str) -> String {
    let Output { stdout, stderr, .. } = import(desk, log, flags).exits(0);
    assert_eq!(stdout, "", "{stderr}");
    stderr
}

/// The bundle that was made, which checks.
fn made(desk: &Desk) -> Trace {
    desk.voicelt("trace check out.vtrace").exits(0);
    desk.trace("out.vtrace")
}

/// The starts of the sessions that were made, in milliseconds.
fn starts_ms(desk: &Desk) -> Vec<i64> {
    let sessions = made(desk).sessions;
    let starts = sessions.iter().map(|session| session.start_ns / NS_PER_MS);
    starts.collect()
}

const AZURE: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n\
    2023-11-16 18:17:05.0319569,24,27\r\n\
    2023-11-16 18:17:03.9799600,4,10\r\n\
    2023-11-16 18:17:03.9799600,9,10\r\n\
    never,1,1\r\n\
    2023-11-16 18:17:04.0000000,4808,10";

#[test]
fn a_log_becomes_a_trace_that_says_where_it_comes_from() {
    let desk = desk();
    desk.write("azure.csv", AZURE);
    let said = imported(&desk, "azure.csv", "--format azure");
    for line in [
        "log       4 rows of azure, 1 bad\n",
        "dates, 4 of them with no zone: taken as UTC; say otherwise with --zone\n",
        "bad       line 5: `TIMESTAMP` is `never`, which is neither a date nor a number\n",
        "calls     4 made of 4 rows\n          3 rows came before one above them",
        "a token is 0.75 words, 2.5 words a second",
        "trace     4 sessions, 4 turns, 3 clips",
        "next      voicelt replay out.vtrace",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert_eq!(starts_ms(&desk), [0, 0, 20, 1051]);
    let trace = made(&desk);
    // 1.2 s and 2.7 s were asked for, then 24 minutes and 7.2 s.
    let clips: Vec<_> = trace.turns.iter().map(|turn| turn.clip.unwrap()).collect();
    assert_eq!(clips, [0, 1, 2, 2]);

    let manifest = trace.manifest;
    assert_eq!(manifest.source, "imported");
    let origin = manifest.origin_at.unwrap();
    assert_eq!(origin, "2023-11-16T18:17:03.97996Z");
    let step = &manifest.provenance[0];
    let hash = blake3::hash(AZURE.as_bytes()).to_hex().to_string();
    assert_eq!(
        (step.step.as_str(), &step.settings["blake3"]),
        ("import", &hash.into())
    );
    assert_eq!(step.settings["file"], "azure.csv");
    let folder = desk.path("").display().to_string();
    assert!(
        !step
            .settings
            .to_string()
            .contains(folder.trim_end_matches('/'))
    );

    let clip = trace.clips[0].file.as_deref().unwrap();
    let inode = |bundle| {
        std::fs::metadata(desk.path(bundle).join(clip))
            .unwrap()
            .ino()
    };
    assert_eq!(
        inode("out.vtrace"),
        inode("library.vtrace"),
        "audio is linked, not copied"
    );
}

#[test]
fn strict_and_mistakes_are_refused_and_leave_nothing() {
    let desk = desk();
    desk.write("azure.csv", AZURE);
    let refused = |flags: &str, what| import(&desk, "azure.csv", flags).refused(what);
    refused("--format azure --strict", "line 5: `TIMESTAMP` is `never`");
    refused(
        "--format azure --path /a",
        "--path is for --format envoy, not for azure",
    );
    refused("--format azure --unit ms", "is a date, but --unit is for");
    refused("--format azure --zone Mars", "`Mars` is no time zone");
    refused(
        "--format azure --window 1h..2h",
        "no call is left: none starts in --window, or --limit is 0; the log is 1.05 s long",
    );
    refused(
        "--format azure --chunk 1500us",
        "use a whole number of milliseconds",
    );
    refused("--format mooncake", "not a JSON object");
    refused("--format burstgpt", "no column `Request tokens`");
    refused(
        "--map start=WHEN",
        "no column `WHEN`; its columns are TIMESTAMP, ContextTokens",
    );
    refused("--map session=a", "add start=COLUMN");
    refused("", "--format");
    import(&desk, "none.csv", "--format azure").refused("none.csv: No such file");
    assert_eq!(desk.names(".", ""), ["azure.csv", "library.vtrace"]);
}

#[test]
fn a_folder_of_audio_is_converted_and_clips_can_be_named() {
    let desk = desk();
    let library = desk.trace("library.vtrace");
    desk.folder("audio");
    for (clip, name) in library.clips.iter().zip(["a.wav", "b.wav", "c.wav"]) {
        let from = desk
            .path("library.vtrace")
            .join(clip.file.as_deref().unwrap());
        std::fs::copy(from, desk.path("audio").join(name)).unwrap();
    }
    desk.write("log.jsonl", "{\"t\":7,\"say\":\"c\"}\n{\"t\":8,\"say\":\"a.wav\"}\n{\"t\":9,\"say\":\"d\"}\n{\"t\":10}\n");
    let line = "import log.jsonl --map start=t,unit=s,clip=say --audio audio -o out.vtrace";
    let said = desk.voicelt(line).exits(0).stderr;
    assert!(said.contains("files     3 converted"), "{said}");
    assert!(
        said.contains("line 3: the library has no clip `d`"),
        "{said}"
    );
    assert!(said.contains("2 rows named their clip"), "{said}");
    assert!(
        said.contains("1 rows asked for no length and got any clip"),
        "{said}"
    );
    let trace = made(&desk);
    let path = |turn: usize| {
        trace.clips[trace.turns[turn].clip.unwrap() as usize]
            .source_path
            .clone()
            .unwrap()
    };
    assert_eq!((path(0), path(1)), ("c.wav".to_owned(), "a.wav".to_owned()));
    assert_eq!(
        trace.manifest.origin_at, None,
        "the log does not tell the time of day"
    );
    desk.voicelt(&format!("{line} --strict"))
        .refused("line 3: the library has no clip `d`");
}

#[test]
fn rows_of_a_session_are_turns_of_one_call() {
    let desk = desk();
    let text = "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n\
        5,1,4,ChatGPT,10,18,28,Conversation log\n\
        10,2,7,ChatGPT,10,230,240,Conversation log\n\
        25,1,7,ChatGPT,10,276,286,Conversation log\n\
        900,1,7,ChatGPT,10,276,286,Conversation log\n";
    desk.write("burst.csv", text);
    let said = imported(&desk, "burst.csv", "--format burstgpt");
    assert!(said.contains("calls     3 made of 4 rows\n"), "{said}");
    assert!(
        said.contains("1 of them continue a session after more than 5m00s"),
        "{said}"
    );
    assert!(said.contains("--spread 1s moves each"), "{said}");
    assert_eq!(starts_ms(&desk), [0, 5000, 895_000]);
    let trace = made(&desk);
    assert_eq!(
        (trace.sessions[0].turns, trace.sessions[0].microphone),
        (2, Microphone::Open)
    );
    assert_eq!(trace.turns[1].at_ns, 20_000_000_000);

    let whole = "--format burstgpt --session-gap 1h --microphone push-to-talk";
    imported(&desk, "burst.csv", whole);
    assert_eq!(made(&desk).sessions[0].turns, 3);
    let shape = "--format burstgpt --speed 10 --max-idle 1m --limit 3";
    imported(&desk, "burst.csv", shape);
    assert_eq!(starts_ms(&desk), [0, 500, 6500]);
    let window = "--format burstgpt --window 3s..10s --spread 1s";
    imported(&desk, "burst.csv", window);
    let starts = starts_ms(&desk);
    assert!(
        starts.len() == 1 && (0..1000).contains(&starts[0]),
        "{starts:?}"
    );
}

voicelt::table! {
    /// A row of somebody's own log.
    pub struct Began in "began" {
        /// When.
        pub began: voicelt::table::UtcInstant [""],
        /// How long, in milliseconds.
        pub took: i64 ["ms"],
        /// Not to be read.
        pub more: String [""],
    }
}

#[test]
fn parquet_is_read_by_the_names_of_its_columns() {
    let desk = desk();
    let rows = [1_700_000_000_500_000_001, -1, 1_700_000_000_000_000_000];
    let rows = rows.map(|began| Began {
        began: voicelt::table::UtcInstant(began),
        took: 2600,
        more: "x".to_owned(),
    });
    write_all(&desk.path("log"), 2, &[], &rows).unwrap();
    let map = "--map start=began,duration=took,duration-unit=ms";
    let said = imported(&desk, "log", map);
    assert!(
        said.contains("which is not between 1970 and 2100"),
        "{said}"
    );
    assert!(said.contains("dates, each with its zone"), "{said}");
    let starts: Vec<_> = made(&desk).sessions.iter().map(|s| s.start_ns).collect();
    assert_eq!(starts, [0, 500_000_001]);
    assert_eq!(made(&desk).turns[0].clip, Some(1));
    import(&desk, "log", "--format azure").refused("a Parquet file, but azure logs are text");
}

#[test]
fn how_long_audio_may_be_kept_goes_with_it() {
    let desk = desk();
    desk.write("log.csv", "t\n1\n");
    let mut manifest = desk.json("library.vtrace/trace.json");
    manifest["delete_after"] = "2030-01-01T00:00:00Z".into();
    desk.write("library.vtrace/trace.json", manifest.to_string());
    imported(&desk, "log.csv", "--map start=t,unit=s");
    let kept = made(&desk).manifest.delete_after;
    assert_eq!(kept.as_deref(), Some("2030-01-01T00:00:00Z"));
}

#[test]
fn fifty_thousand_rows_become_as_many_sessions() {
    let desk = desk();
    let mut text = String::new();
    for row in 0..50_000_u64 {
        // Every thousandth is bad, and half of the others come late.
        let at = if row % 1000 == 999 {
            -1
        } else {
            (row ^ 1) as i64 * 10
        };
        writeln!(
            text,
            "{{\"timestamp\": {at}, \"input_length\": {}, \"output_length\": 1}}",
            row % 40
        )
        .unwrap();
    }
    desk.write("mooncake.jsonl", &text);
    let said = imported(&desk, "mooncake.jsonl", "--format mooncake");
    assert!(
        said.contains("log       49950 rows of mooncake, 50 bad\n"),
        "{said}"
    );
    assert!(said.contains("          and 40 more\n"), "{said}");
    assert!(
        said.contains("trace     49,950 sessions, 49,950 turns, 3 clips"),
        "{said}"
    );
    let trace = made(&desk);
    assert_eq!(trace.sessions.len(), 49_950);
    assert_eq!(trace.sessions.last().unwrap().start_ns, 49_999 * 10_000_000);
}
