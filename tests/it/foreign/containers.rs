//! Containers by a foreign writer, against ffmpeg's decoder: rates, fragments, edits, padding.

use std::path::Path;

use voicelt::audio::DecoderUsed;

use super::tools::{ffmpeg, folder, judge, ours, snr_db};

/// How much one decoder may keep more than the other.
const TOLERANCE: usize = 1;

/// Decoded here, of ffmpeg's length and nearer to its samples than `least_db`.
fn check(path: &Path, judge_options: &str, least_db: f64) {
    let name = path.display();
    let (info, planes) = ours(path, None);
    let theirs = judge(path, judge_options, planes.len());
    assert_eq!(info.decoder, DecoderUsed::Native, "{name}");
    let (kept, expected) = (planes[0].len(), theirs[0].len());
    assert!(
        kept.abs_diff(expected) <= TOLERANCE,
        "{name}: {kept} samples, ffmpeg has {expected}; {info:?}"
    );
    let snr = snr_db(&planes, &theirs);
    assert!(snr >= least_db, "{name}: {snr:.1} dB; {info:?}");
}

fn check_made(name: &str, options: &str, least_db: f64) {
    check(&ffmpeg(options, name), "", least_db);
}

#[test]
#[ignore = "needs ffmpeg"]
fn aac_of_every_rate_in_every_kind_of_mp4() {
    let fragments = "-movflags empty_moov+default_base_moof -frag_duration 500000";
    let kinds = [
        ("m4a", ""),
        ("mov", ""),
        ("mp4", fragments),
        ("mp4", "-movflags faststart -use_editlist 0"),
        ("mkv", ""),
    ];
    for rate in [8_000, 16_000, 22_050, 44_100, 48_000, 88_200, 96_000] {
        for (number, (extension, options)) in kinds.into_iter().enumerate() {
            let name = format!("aac{rate}-{number}.{extension}");
            let encode = format!("-c:a aac -ar {rate} {options}");
            check_made(&name, &encode, 110.0);
        }
    }
}

#[test]
#[ignore = "needs ffmpeg"]
fn other_codecs_in_mp4() {
    for (name, options, least_db) in [
        ("alac.m4a", "-c:a alac", f64::INFINITY),
        ("alac96.mov", "-c:a alac -ar 96000", f64::INFINITY),
        ("flac.mp4", "-c:a flac -strict -2", f64::INFINITY),
        ("s16be.mov", "-c:a pcm_s16be", f64::INFINITY),
        ("s16le.mov", "-c:a pcm_s16le", f64::INFINITY),
        ("s24le.mov", "-c:a pcm_s24le", f64::INFINITY),
        ("s32be.mov", "-c:a pcm_s32be", f64::INFINITY),
        ("f32le.mov", "-c:a pcm_f32le", f64::INFINITY),
        ("f64be.mov", "-c:a pcm_f64be", f64::INFINITY),
        ("u8.mov", "-c:a pcm_u8", f64::INFINITY),
        ("alaw.mov", "-c:a pcm_alaw", f64::INFINITY),
        ("mulaw.mov", "-c:a pcm_mulaw", f64::INFINITY),
        ("mulaw8.mov", "-c:a pcm_mulaw -ac 1 -ar 8000", f64::INFINITY),
        ("mp3.mp4", "-c:a libmp3lame", 105.0),
        ("mp3-22.mp4", "-c:a libmp3lame -ar 22050", 105.0),
        ("mp2.mp4", "-c:a mp2", 65.0),
    ] {
        check_made(&format!("mp4-{name}"), options, least_db);
    }
    check(&ffmpeg("-c:a libopus", "o.mp4"), "-c:a libopus", 55.0);
}

#[test]
#[ignore = "needs ffmpeg"]
fn video_of_every_size_of_description_stands_beside_audio() {
    let picture = "-f lavfi -i testsrc=size=64x64:rate=5 -t 6 -map 1:v -map 0:a";
    let h265 = "-c:v libx265 -x265-params log-level=none -tag:v hvc1";
    check_made("x265.mp4", &format!("{picture} {h265} -c:a aac"), 110.0);
    check_made(
        "x265.mkv",
        &format!("{picture} {h265} -c:a libvorbis"),
        110.0,
    );
}

#[test]
#[ignore = "needs ffmpeg"]
fn what_opus_says_of_its_ends_in_matroska() {
    for name in ["padded.webm", "padded.mka"] {
        check(&ffmpeg("-c:a libopus", name), "-c:a libopus", 55.0);
    }
}

#[test]
#[ignore = "needs ffmpeg"]
fn samples_of_every_kind_in_matroska() {
    for codec in [
        "s16le", "s16be", "s24le", "s24be", "s32le", "u8", "f32le", "f64le", "alaw", "mulaw",
    ] {
        check_made(
            &format!("pcm_{codec}.mka"),
            &format!("-c:a pcm_{codec}"),
            f64::INFINITY,
        );
    }
    for (codec, least_db) in [
        ("flac", f64::INFINITY),
        ("alac", f64::INFINITY),
        ("libmp3lame", 105.0),
        ("mp2", 65.0),
        ("libvorbis", 125.0),
    ] {
        check_made(&format!("{codec}.mka"), &format!("-c:a {codec}"), least_db);
    }
}

#[test]
#[ignore = "needs ffmpeg and sox"]
fn codecs_in_caf() {
    for codec in [
        "pcm_s16be",
        "pcm_s16le",
        "pcm_s24be",
        "pcm_f32le",
        "pcm_s8",
        "pcm_alaw",
        "pcm_mulaw",
        "alac",
    ] {
        check_made(
            &format!("caf-{codec}.caf"),
            &format!("-c:a {codec}"),
            f64::INFINITY,
        );
    }
    check(&ffmpeg("-c:a libopus", "opus.caf"), "-c:a libopus", 55.0);
    super::tools::run("sox speech.wav -e u-law -r 8000 -t caf sox-ulaw.caf");
    check(&folder().join("sox-ulaw.caf"), "", f64::INFINITY);
}

/// A file of one track by ffmpeg, with another edit list: milliseconds, and where in the track they
/// begin.
fn edited(file: &[u8], edits: &[(u32, i32)]) -> Vec<u8> {
    let place = |name: &[u8; 4]| {
        let found = file.windows(4).rposition(|bytes| bytes == name);
        found.expect("a box of this name") - 4
    };
    let size = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|i| file[at + i]));
    let mut list = vec![0; 4];
    list.extend((edits.len() as u32).to_be_bytes());
    for (length, time) in edits {
        list.extend(length.to_be_bytes());
        list.extend(time.to_be_bytes());
        list.extend([0, 1, 0, 0]);
    }
    let boxed = |name: &[u8], body: &[u8]| {
        [&(body.len() as u32 + 8).to_be_bytes()[..], name, body].concat()
    };
    let new = boxed(b"edts", &boxed(b"elst", &list));
    let (at, old) = (place(b"edts"), size(place(b"edts")));
    let mut out = [&file[..at], &new, &file[at + old as usize..]].concat();
    for parent in [b"moov", b"trak"] {
        let at = place(parent);
        let grown = size(at) - old + new.len() as u32;
        out[at..at + 4].copy_from_slice(&grown.to_be_bytes());
    }
    out
}

#[test]
#[ignore = "needs ffmpeg"]
fn edits_play_what_the_whole_track_has_there() {
    // Without the noise that AAC draws anew at each decoding.
    for (name, options, rate, delay, least_db) in [
        ("edit-aac.m4a", "-c:a aac -aac_pns 0", 44_100, 1_024, 80.0),
        ("edit-mp3.mp4", "-c:a libmp3lame", 44_100, 1_105, 80.0),
        ("edit-opus.mp4", "-c:a libopus", 48_000, 312, 35.0),
        ("edit-alac.m4a", "-c:a alac", 44_100, 0, f64::INFINITY),
    ] {
        let path = ffmpeg(options, name);
        let whole = ours(&path, None).1;
        let starts = [150_000, 60_001, 199_999];
        let edits = [
            (1_000, starts[0]),
            (500, -1),
            (1_000, starts[1]),
            (1_000, starts[2]),
        ];
        let bytes = edited(&std::fs::read(&path).expect("a file"), &edits);
        std::fs::write(&path, bytes).expect("a written file");
        let (info, planes) = ours(&path, None);
        assert_eq!(info.decoder, DecoderUsed::Native);
        let expected = |channel: usize| {
            let piece = |start: i32| {
                let start = start as usize - delay;
                whole[channel][start..start + rate].to_vec()
            };
            let pause = vec![0.0; rate / 2];
            [piece(starts[0]), pause, piece(starts[1]), piece(starts[2])].concat()
        };
        let expected = vec![expected(0), expected(1)];
        assert_eq!(planes[0].len(), expected[0].len(), "{name}");
        let snr = snr_db(&planes, &expected);
        assert!(snr >= least_db, "{name}: {snr:.1} dB");
    }
}
