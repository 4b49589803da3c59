//! Who decodes a file: this program, or an ffmpeg that is found on `PATH`. The ffmpeg here is a
//! script that plays its part.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use voicelt::pcm::synth::{Signal, render};
use voicelt::pcm::wav;
use voicelt::table::read_all;
use voicelt::trace::model::SourceRow;
use voicelt::units::SampleRate;

use crate::support::desk::VOICELT;
use crate::support::{Desk, Output};

const RATE: SampleRate = SampleRate::PREPARED;

/// A desk whose ffmpeg is this script.
fn desk(script: &str) -> Desk {
    let desk = Desk::new();
    desk.folder("audio");
    desk.folder("bin");
    desk.write("bin/ffmpeg", format!("#!/bin/sh\n{script}\n"));
    let runs = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(desk.path("bin/ffmpeg"), runs).unwrap();
    let voice = render(Signal::SpeechLike, 2 * 16_000, RATE, 5);
    wav::write(&desk.path("bin/decoded.wav"), RATE, &voice).unwrap();
    desk
}

/// An ffmpeg that decodes whatever it is given to two seconds at 16 kHz.
const DECODES: &str = r#"
: > "$0.asked"
echo "[info]   Duration: 00:00:02.00, start: 0.000000, bitrate: 14 kb/s" >&2
echo "[info]   Stream #0:0: Audio: amr_nb (samr / 0x726D6173), 8000 Hz, mono" >&2
exec /bin/cat "${0%/*}/decoded.wav"
"#;

/// One that decodes nothing.
const REFUSES: &str = "echo '[error] Invalid data found when processing input' >&2\nexit 1";

/// Prepares `audio` with these flags and the desk's ffmpeg, or with none.
fn prepare(desk: &Desk, flags: &str, ffmpeg: bool) -> Output {
    let place = desk.path(if ffmpeg { "bin" } else { "none" });
    let path = place.display();
    let line = format!("PATH='{path}' exec {VOICELT} prepare audio -o out.vtrace {flags}");
    Output::of(&mut desk.shell(&line))
}

fn sources(desk: &Desk) -> Vec<SourceRow> {
    read_all(&desk.path("out.vtrace/sources.parquet")).unwrap()
}

fn asked(desk: &Desk) -> bool {
    desk.path("bin/ffmpeg.asked").exists()
}

fn plain_wav(path: &Path) {
    wav::write(path, RATE, &render(Signal::SpeechLike, 16_000, RATE, 6)).unwrap();
}

/// A WAV file of which the second half is missing.
fn cut_wav(desk: &Desk, name: &str) {
    plain_wav(&desk.path(name));
    let whole = std::fs::read(desk.path(name)).unwrap();
    desk.write(name, &whole[..44 + 16_000]);
}

#[test]
fn what_is_not_decoded_here_is_decoded_by_ffmpeg_and_the_row_says_so() {
    let desk = desk(DECODES);
    desk.write("audio/a.amr", b"#!AMR\n<damaged or not>");
    plain_wav(&desk.path("audio/b.wav"));
    prepare(&desk, "", true)
        .exits(0)
        .says("2 converted, 0 reused, 0 skipped;");
    let rows = sources(&desk);
    let said = |at: usize| (rows[at].codec.as_str(), rows[at].decoder.as_deref());
    assert_eq!(said(0), ("amr_nb", Some("ffmpeg")));
    assert_eq!(said(1), ("pcm_s16le", Some("native")));
    assert_eq!(rows[0].note, None);

    std::fs::remove_dir_all(desk.path("out.vtrace")).unwrap();
    let without = prepare(&desk, "", false).exits(0);
    without.says("a.amr: no decoder for amr_nb: install ffmpeg");
    let native = prepare(&desk, "--decoder native", true).exits(0);
    native.says("a.amr: cannot be decoded: amr_nb is for ffmpeg; leave out --decoder native");
    let theirs = prepare(&desk, "--decoder ffmpeg", true).exits(0);
    theirs.says("2 converted, 0 reused, 0 skipped;");
    assert!(
        sources(&desk)
            .iter()
            .all(|row| row.decoder.as_deref() == Some("ffmpeg"))
    );
    std::fs::remove_dir_all(desk.path("out.vtrace")).unwrap();
    let none = prepare(&desk, "--decoder ffmpeg", false);
    none.refused("there is no ffmpeg on PATH: install it, or leave out --decoder ffmpeg");
}

#[test]
fn the_no_of_a_decoder_here_is_not_the_last_word() {
    let desk = desk(DECODES);
    // By its first bytes it is decoded here, and its content is damaged.
    desk.write("audio/a.flac", b"fLaC and then nothing that is right");
    desk.write("audio/b.mp3", [0x12, 0x34].repeat(2_000));
    prepare(&desk, "", true).exits(0).says("2 converted");
    let rows = sources(&desk);
    assert!(
        rows.iter()
            .all(|row| row.decoder.as_deref() == Some("ffmpeg"))
    );
    let note = rows[0].note.as_deref().unwrap();
    assert!(note.starts_with("not decoded here (damaged: "), "{note}");
}

#[test]
fn where_nobody_decodes_a_file_the_reasons_of_both_are_given() {
    let desk = desk(REFUSES);
    desk.write("audio/a.flac", b"fLaC and then nothing that is right");
    desk.write("audio/b.snd", b".SoX and then nothing that is right");
    plain_wav(&desk.path("audio/c.wav"));
    let said = prepare(&desk, "", true).exits(0);
    said.says("a.flac: damaged: ");
    said.says("; damaged: ffmpeg says: Invalid data found when processing input");
    let sox = "b.snd: sox is not decoded here; damaged: ffmpeg says: Invalid data found when \
               processing input; convert it to WAV with another program";
    said.says(sox);
    assert!(!said.said().contains("--raw"), "{}", said.said());
    let said = prepare(&desk, "", false).exits(0);
    said.says("; with an ffmpeg on PATH that would be asked too");
    said.says("b.snd: no decoder for sox: install ffmpeg");
}

#[test]
fn what_is_no_audio_starts_no_ffmpeg() {
    let desk = desk(DECODES);
    desk.write("audio/a.wav", "these are words\n");
    desk.write("audio/b.mp3", b"%PDF-1.7 and more");
    desk.write("audio/c.ogg", "#EXTM3U\nfile:///etc/passwd\n");
    plain_wav(&desk.path("audio/d.wav"));
    let said = prepare(&desk, "", true).exits(0);
    said.says("1 converted, 0 reused, 3 skipped");
    said.says("b.mp3: not audio: it is a PDF document");
    assert!(!asked(&desk));
}

#[test]
fn uncompressed_audio_that_was_cut_short_is_kept_with_a_note_and_refused_when_strict() {
    let desk = desk(DECODES);
    cut_wav(&desk, "audio/a.wav");
    let said = prepare(&desk, "", true).exits(0);
    said.says("1 converted, 0 reused, 0 skipped, 1 noted as odd");
    said.says("noted     a.wav: cut short: decoded 0.50 of 1 s; its header says 32,000 bytes");
    assert!(!asked(&desk), "nobody knows more of it");
    let note = sources(&desk)[0].note.clone().unwrap();
    assert!(note.starts_with("cut short: decoded 0.50 of 1 s"), "{note}");
    assert_eq!(desk.trace("out.vtrace").clips[0].samples, 8_000);

    let again = prepare(&desk, "", true).exits(0);
    again.says("0 converted, 1 reused, 0 skipped, 1 noted as odd");
    // Nor does it pass because it was kept before.
    prepare(&desk, "--strict", true).refused("a.wav: cut short: decoded 0.50 of 1 s");
}

#[test]
fn a_decode_by_ffmpeg_that_is_shorter_than_its_container_says_is_noted() {
    let script = DECODES.replace("00:00:02.00", "00:20:00.00");
    let desk = desk(&script);
    desk.write("audio/a.amr", b"#!AMR\n<cut off>");
    let said = prepare(&desk, "", true).exits(0);
    said.says("noted     a.amr: cut short: decoded 2 of 1,200 s");
    prepare(&desk, "--strict", true).refused("cut short: decoded 2 of 1,200 s");
}

#[test]
fn complaints_of_ffmpeg_are_noted_without_the_names_of_folders() {
    let complains = r#"echo "[amrnb @ 0x5] [error] file:audio/a.amr: corrupt" >&2"#;
    let desk = desk(&format!("{complains}\n{DECODES}"));
    desk.write("audio/a.amr", b"#!AMR\n<a bit damaged>");
    prepare(&desk, "", true)
        .exits(0)
        .says("noted     a.amr: ffmpeg says: ");
    let note = sources(&desk)[0].note.clone().unwrap();
    assert!(
        note.contains("corrupt") && !note.contains("/audio/"),
        "{note}"
    );
}

#[test]
fn the_choice_of_a_decoder_is_part_of_what_was_asked_for() {
    let desk = desk(DECODES);
    plain_wav(&desk.path("audio/a.wav"));
    prepare(&desk, "", true).exits(0).says("1 converted");
    prepare(&desk, "", true).exits(0).says("1 reused");
    prepare(&desk, "--decoder native", true)
        .exits(0)
        .says("1 converted");
    prepare(&desk, "--decoder mine", true).refused("[possible values: auto, native, ffmpeg]");
}
