//! Files that say what a bundle or a run is, and hold something else: every command that reads them refuses, with exit
//! code 2 and the file's name.

use crate::support::Desk;
use crate::support::desk::DEMO;

/// Puts into the place of `file` what no such file holds, one after the other, and does something about each.
fn with_each_damage(desk: &Desk, file: &str, act: impl Fn(&str)) {
    let whole = desk.read(file);
    for (what, bytes) in [
        ("not UTF-8", [&b"\xff\xfe"[..], whole.as_bytes()].concat()),
        (
            "half a character in a text",
            whole.replacen(": \"", ": \"\\ud800", 1).into_bytes(),
        ),
        (
            "bytes in a text that are not UTF-8",
            [br#"{"format":"1.0","name":""#, &b"\xc3\x28"[..], br#""}"#].concat(),
        ),
        ("no JSON", b"{".to_vec()),
        ("nothing", Vec::new()),
        ("another kind of JSON", b"[1, 2]".to_vec()),
        ("without end", vec![b' '; 9 * 1024 * 1024]),
    ] {
        desk.write(file, bytes);
        act(what);
    }
    std::fs::remove_file(desk.path(file)).unwrap();
    desk.folder(file);
    act("a folder");
    std::fs::remove_dir(desk.path(file)).unwrap();
    desk.write(file, whole);
}

#[test]
fn a_manifest_that_is_none_is_refused_by_every_command_that_reads_a_trace() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 2 --arrivals constant:5/s");
    desk.write("log.csv", "t\n1\n");
    let file = "calls.vtrace/trace.json";
    with_each_damage(&desk, file, |what| {
        for line in [
            "trace info calls.vtrace",
            "trace check calls.vtrace",
            "trace seal calls.vtrace",
            "trace cut calls.vtrace --sessions 0 -o out.vtrace",
            "trace scale calls.vtrace 2 -o out.vtrace",
            &format!("trace merge calls.vtrace {DEMO} -o out.vtrace"),
            &format!("trace merge {DEMO} calls.vtrace -o out.vtrace"),
            "trace shuffle calls.vtrace -o out.vtrace",
            "trace anonymize calls.vtrace -o out.vtrace",
            "trace forget calls.vtrace --session a",
            &format!("trace diff calls.vtrace {DEMO}"),
            &format!("trace diff {DEMO} calls.vtrace"),
            "trace export calls.vtrace",
            "replay calls.vtrace --plan",
            "replay calls.vtrace --target embedded --run-dir run",
            "run --scenario light -u 1 -d 1s -t embedded --audio calls.vtrace --run-dir run",
            "import log.csv --map start=t,unit=s --audio calls.vtrace -o out.vtrace",
        ] {
            // A folder without trace.json may be one of audio.
            if what == "a folder" && line.contains("--audio") {
                continue;
            }
            let output = desk.voicelt(line);
            let said = output.said();
            assert_eq!(output.code, Some(2), "{what}: {line}: {said}");
            assert!(said.contains("trace.json"), "{what}: {line}: {said}");
            assert!(!desk.path("out.vtrace").exists(), "{what}: {line}");
        }
    });
}

#[test]
fn a_manifest_that_is_none_is_refused_by_every_command_that_reads_a_run() {
    let desk = Desk::new();
    let replay = format!("replay {DEMO} --target embedded --until 1s --run-dir");
    for run in ["whole", "run"] {
        desk.voicelt(&format!("{replay} {run} --force")).exits(0);
    }
    with_each_damage(&desk, "run/run.json", |what| {
        for line in [
            "report run",
            "report run --json -",
            "report whole run",
            "compare whole run",
            "compare run whole",
            "witness run none.parquet",
        ] {
            let output = desk.voicelt(line);
            assert_eq!(output.code, Some(2), "{what}: {line}: {}", output.said());
            assert!(
                output.stderr.contains("run.json"),
                "{what}: {line}: {}",
                output.stderr
            );
        }
    });
}
