//! Libraries of any size: names of any bytes, files without a name for audio, tables of transcripts of any kind.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use voicelt::pcm::synth::{Signal, render};
use voicelt::pcm::wav;
use voicelt::trace::model::{ClipRow, SourceRow};
use voicelt::trace::tables::read_table;
use voicelt::units::SampleRate;

use crate::support::Desk;

/// A fifth of a second of audio.
fn put(path: &Path, seed: u64) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let samples = render(Signal::Noise, 3_200, SampleRate::PREPARED, seed);
    wav::write(path, SampleRate::PREPARED, &samples).unwrap();
}

fn sources(desk: &Desk) -> Vec<SourceRow> {
    read_table(&desk.path("calls.vtrace")).unwrap()
}

fn clips(desk: &Desk) -> Vec<ClipRow> {
    read_table(&desk.path("calls.vtrace")).unwrap()
}

/// Prepares these inputs, and returns what was said.
fn prepare(desk: &Desk, line: &str) -> String {
    let line = format!("prepare {line} -o calls.vtrace");
    desk.voicelt(&line).exits(0).stderr
}

#[test]
fn names_that_differ_in_bytes_that_are_not_utf_8_are_two_files_each_time() {
    let desk = Desk::new();
    let names = [
        &b"\xfe.wav"[..],
        b"\xff.wav",
        b"a\\b.wav",
        b"esc\x1b[2J.wav",
    ];
    for (seed, name) in (0..).zip(names) {
        put(&desk.path("audio").join(OsStr::from_bytes(name)), seed);
    }
    std::fs::write(
        desk.path("audio")
            .join(OsStr::from_bytes(b"\xfd\x1b[2J.wav")),
        "",
    )
    .unwrap();
    let said = prepare(&desk, "audio");
    assert!(said.contains("4 converted, 0 reused, 1 skipped"), "{said}");
    assert!(said.contains("skipped   \\xfd [2J.wav: empty"), "{said}");
    assert!(!said.contains('\x1b'), "{said}");
    let first = sources(&desk);
    let paths: Vec<&str> = first.iter().map(|row| row.path.as_str()).collect();
    let expected = [
        "a\\\\b.wav",
        "esc\x1b[2J.wav",
        "\\xfd\x1b[2J.wav",
        "\\xfe.wav",
        "\\xff.wav",
    ];
    assert_eq!(paths, expected);
    for _ in 0..2 {
        let said = prepare(&desk, "audio");
        assert!(said.contains("0 converted, 4 reused, 1 skipped"), "{said}");
        assert_eq!(sources(&desk), first);
    }
}

#[test]
fn folders_of_one_name_keep_their_files_apart() {
    let desk = Desk::new();
    let at = |name: &str| desk.path(name);
    put(&at("x/calls/1.wav"), 1);
    put(&at("y/calls/1.wav"), 2);
    // As two copies of a template have.
    let modified = at("x/calls/1.wav").metadata().unwrap().modified().unwrap();
    let copy = std::fs::File::options()
        .write(true)
        .open(at("y/calls/1.wav"))
        .unwrap();
    copy.set_modified(modified).unwrap();
    prepare(&desk, "x/calls y/calls");
    let first = (sources(&desk), clips(&desk));
    let paths: Vec<&str> = first.0.iter().map(|row| row.path.as_str()).collect();
    assert_eq!(paths, ["x/calls/1.wav", "y/calls/1.wav"]);
    assert_eq!(first.1.len(), 2);
    let said = prepare(&desk, "x/calls y/calls");
    assert!(said.contains("0 converted, 2 reused"), "{said}");
    assert_eq!((sources(&desk), clips(&desk)), first);
    // What was of which file is known in another order, too.
    prepare(&desk, "y/calls x/calls");
    assert_eq!(clips(&desk)[0].clip_id, first.1[1].clip_id);
}

#[test]
fn a_table_in_which_a_file_is_there_twice_is_not_trusted() {
    let desk = Desk::new();
    put(&desk.path("audio/1.wav"), 1);
    put(&desk.path("audio/2.wav"), 2);
    prepare(&desk, "audio");
    let first = sources(&desk);
    // As an older version left it: two files under one name.
    let mut doubled = first.clone();
    doubled[1].path.clone_from(&first[0].path);
    doubled[1].mtime_ns = first[0].mtime_ns;
    let table = desk.path("calls.vtrace/sources.parquet");
    voicelt::table::write_all(&table, 1_024, &[], &doubled).unwrap();
    let said = prepare(&desk, "audio");
    assert!(said.contains("2 converted, 0 reused"), "{said}");
    assert_eq!(sources(&desk), first);
}

#[test]
fn what_is_audio_is_found_by_its_first_bytes_and_the_rest_is_counted_by_kind() {
    let desk = Desk::new();
    put(&desk.path("audio/call.bin"), 1);
    put(&desk.path("audio/0001"), 2);
    put(&desk.path("audio/b.bwf"), 3);
    for name in ["a.txt", "b.TXT", "c.pdf", "README"] {
        desk.write(&format!("audio/{name}"), "words\n");
    }
    let said = prepare(&desk, "audio");
    let line = "3 converted, 0 reused, 0 skipped; 4 others did not look like audio (2 .txt, 1 without extension, 1 .pdf)";
    assert!(said.contains(line), "{said}");
}

#[test]
fn transcripts_come_in_any_encoding_and_with_the_paths_of_any_system() {
    let desk = Desk::new();
    put(&desk.path("audio/ann/1.wav"), 1);
    put(&desk.path("audio/bob/1.wav"), 2);
    put(&desk.path("audio/bob/2.wav"), 3);
    let table = "Path;Text\r\nann\\1.wav;\"Grüße, „du“\"\r\nD:\\calls\\bob\\1.wav;ja\r\n2;nein\r\nann\\1.wav;doch\r\n";
    let utf_16: Vec<u8> = table.encode_utf16().flat_map(u16::to_le_bytes).collect();
    desk.write("utf16.csv", [&b"\xff\xfe"[..], &utf_16].concat());
    let windows = table.chars().map(|c| match c {
        '„' => 0x84,
        '“' => 0x93,
        c => u8::try_from(c).unwrap(),
    });
    desk.write("windows.csv", windows.collect::<Vec<u8>>());
    desk.write("utf8.csv", format!("\u{feff}{table}"));
    for name in ["utf16.csv", "windows.csv", "utf8.csv"] {
        let said = prepare(&desk, &format!("audio --transcripts {name}"));
        assert!(
            said.contains("3 of 3 clips have a transcript"),
            "{name}: {said}"
        );
        let twice = "twice     line 5: ann\\1.wav has another transcript in line 2, which is taken";
        assert!(said.contains(twice), "{name}: {said}");
        let texts = clips(&desk)
            .into_iter()
            .map(|clip| clip.transcript.unwrap());
        assert_eq!(texts.collect::<Vec<_>>(), ["Grüße, „du“", "ja", "nein"]);
    }
    desk.write("open.csv", "path,text\nann/1.wav,\"one\nbob/1.wav,two\n");
    let open = desk.voicelt("prepare audio -o calls.vtrace --transcripts open.csv");
    open.refused("open.csv line 2: its quote is not closed by line 3; a quotation mark");
}

#[test]
fn jobs_are_as_many_as_make_sense() {
    let desk = Desk::new();
    for seed in 0..5 {
        put(&desk.path(&format!("audio/{seed}.wav")), seed);
    }
    desk.voicelt("prepare audio -o calls.vtrace --jobs 0")
        .refused("a number from 1 on");
    prepare(&desk, "audio --jobs 1");
    let one = (sources(&desk), clips(&desk));
    std::fs::remove_dir_all(desk.path("calls.vtrace")).unwrap();
    let said = prepare(&desk, "audio --jobs 1000000");
    assert!(said.contains("5 converted"), "{said}");
    assert_eq!((sources(&desk), clips(&desk)), one);
}

#[test]
fn what_is_too_quiet_to_be_brought_to_a_level_is_noted() {
    let desk = Desk::new();
    desk.folder("audio");
    let write = |name: &str, samples: &[i16]| {
        wav::write(
            &desk.path("audio").join(name),
            SampleRate::PREPARED,
            samples,
        )
        .unwrap();
    };
    write("quiet.wav", &[1, -1].repeat(8_000));
    write(
        "speech.wav",
        &render(Signal::SpeechLike, 16_000, SampleRate::PREPARED, 1),
    );
    for _ in 0..2 {
        let said = prepare(&desk, "audio --normalize -23");
        assert!(said.contains("0 skipped, 1 noted as odd"), "{said}");
        let noted = "noted     quiet.wav: its level stays as it was: it is quieter than -70 LUFS";
        assert!(said.contains(noted), "{said}");
    }
}
