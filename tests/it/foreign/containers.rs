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
