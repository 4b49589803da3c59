//! One file of each format, by a foreign encoder, against ffmpeg's decoder.

use std::path::Path;

use super::tools::{ffmpeg, folder, judge, ours, run, snr_db};

/// How near the two decoders must be.
#[derive(Clone, Copy)]
enum Near {
    Exact,
    /// Signal over difference in dB. Measured, less a margin of some 10 dB.
    Db(f64),
}
use Near::{Db, Exact};

/// MP3: 117 to 124 dB against ffmpeg's float decoder.
const MP3: Near = Db(105.0);
/// MP2: 73 dB, as ffmpeg rounds on the way.
const MP2: Near = Db(65.0);
/// AAC: 120 dB.
const AAC: Near = Db(110.0);
/// Vorbis: 139 dB.
const VORBIS: Near = Db(125.0);

/// Compares a file with ffmpeg's decoding of it.
fn check(path: &Path, codec: &str, near: Near, judge_options: &str) {
    let name = path.display();
    let (info, planes) = ours(path, None);
    let theirs = judge(path, judge_options, planes.len());
    assert_eq!(info.codec, codec, "{name}");
    assert_eq!(planes[0].len(), theirs[0].len(), "{name}: length");
    assert!(
        info.frames
            .is_none_or(|frames| frames.abs_diff(planes[0].len() as u64) < 2_048)
    );
    let snr = snr_db(&planes, &theirs);
    match near {
        Exact => assert_eq!(snr, f64::INFINITY, "{name}"),
        Db(least) => assert!(snr >= least, "{name}: {snr:.1} dB"),
    }
}

/// Encodes by ffmpeg with these arguments, and compares.
fn check_ffmpeg(name: &str, arguments: &str, codec: &str, near: Near) {
    check(&ffmpeg(arguments, name), codec, near, "");
}

/// Encodes by another program, and compares.
fn check_by(command: &str, name: &str, codec: &str, near: Near) {
    run(&format!("{command} {name}"));
    check(&folder().join(name), codec, near, "");
}

#[test]
#[ignore = "needs ffmpeg, sox, opusenc, lame and flac"]
fn wav_of_every_sample_format() {
    for codec in [
        "u8", "s16le", "s24le", "s32le", "f32le", "f64le", "alaw", "mulaw",
    ] {
        let codec = format!("pcm_{codec}");
        check_ffmpeg(
            &format!("{codec}.wav"),
            &format!("-c:a {codec}"),
            &codec,
            Exact,
        );
    }
    for codec in ["adpcm_ms", "adpcm_ima_wav"] {
        check_ffmpeg(
            &format!("{codec}.wav"),
            &format!("-c:a {codec}"),
            codec,
            Exact,
        );
    }
    check_ffmpeg(
        "rf64.wav",
        "-c:a pcm_s16le -rf64 always",
        "pcm_s16le",
        Exact,
    );
    check_ffmpeg("six.wav", "-c:a pcm_s16le -ac 6", "pcm_s16le", Exact);
    // sox writes the extensible header.
    check_by("sox speech.wav -b 24", "sox24.wav", "pcm_s24le", Exact);
    check_by(
        "sox speech.wav -e ima-adpcm",
        "sox-ima.wav",
        "adpcm_ima_wav",
        Exact,
    );
    check_by(
        "sox speech.wav -e ms-adpcm",
        "sox-ms.wav",
        "adpcm_ms",
        Exact,
    );
}

#[test]
#[ignore = "needs ffmpeg, sox, opusenc, lame and flac"]
fn wav_that_was_written_to_a_pipe() {
    let (_, expected) = ours(&folder().join("speech.wav"), None);
    for (program, command) in [
        ("ffmpeg", "ffmpeg -v error -i speech.wav -f wav -"),
        ("sox", "sox speech.wav -t wav -"),
    ] {
        let path = folder().join(format!("pipe-{program}.wav"));
        std::fs::write(&path, run(command)).expect("a written file");
        assert!(ours(&path, None).1 == expected, "{program}");
    }
}

#[test]
#[ignore = "needs ffmpeg, sox, opusenc, lame and flac"]
fn aiff_and_caf() {
    check_ffmpeg("s16.aiff", "-c:a pcm_s16be", "pcm_s16be", Exact);
    check_ffmpeg("s24.aiff", "-c:a pcm_s24be", "pcm_s24be", Exact);
    check_ffmpeg("alaw.aifc", "-c:a pcm_alaw -f aiff", "pcm_alaw", Exact);
    check_by("sox speech.wav", "sox.aiff", "pcm_s16be", Exact);
    check_ffmpeg("s16.caf", "-c:a pcm_s16be", "pcm_s16be", Exact);
    check_ffmpeg("s24.caf", "-c:a pcm_s24le", "pcm_s24le", Exact);
    check_ffmpeg("alac.caf", "-c:a alac -ar 8000", "alac", Exact);
}

#[test]
#[ignore = "needs ffmpeg, sox, opusenc, lame and flac"]
fn flac_and_alac() {
    check_by(
        "flac --silent --force speech.wav -o",
        "flac.flac",
        "flac",
        Exact,
    );
    check_ffmpeg(
        "24.flac",
        "-c:a flac -sample_fmt s32 -bits_per_raw_sample 24",
        "flac",
        Exact,
    );
    check_ffmpeg("flac.oga", "-c:a flac", "flac", Exact);
    check_ffmpeg("flac.mka", "-c:a flac", "flac", Exact);
    check_ffmpeg("alac.m4a", "-c:a alac", "alac", Exact);
    check_ffmpeg("alac24.m4a", "-c:a alac -sample_fmt s32p", "alac", Exact);
}

#[test]
#[ignore = "needs ffmpeg, sox, opusenc, lame and flac"]
fn mp3_of_every_kind() {
    check_by("lame --quiet -b 128 speech.wav", "cbr.mp3", "mp3", MP3);
    check_by("lame --quiet -V 4 speech.wav", "vbr.mp3", "mp3", MP3);
    // Without the tag a length is but a guess from the bit rate of the first frames.
    check_by("lame --quiet -t -V 4 speech.wav", "no-tag.mp3", "mp3", MP3);
    check_by(
        "lame --quiet -m m --resample 22.05 speech.wav",
        "mpeg2.mp3",
        "mp3",
        MP3,
    );
    check_by(
        "lame --quiet -m m --resample 8 speech.wav",
        "mpeg2.5.mp3",
        "mp3",
        MP3,
    );
    check_ffmpeg(
        "ffmpeg.mp3",
        "-c:a libmp3lame -metadata title=Speech",
        "mp3",
        MP3,
    );
    check_ffmpeg("mp3.mp4", "-c:a libmp3lame", "mp3", MP3);
    check_ffmpeg("layer2.mp2", "-c:a mp2", "mp2", MP2);
}

#[test]
#[ignore = "needs ffmpeg, sox, opusenc, lame and flac"]
fn aac_and_vorbis_in_their_containers() {
    check_ffmpeg("aac.m4a", "-c:a aac", "aac", AAC);
    check_ffmpeg("aac.aac", "-c:a aac", "aac", AAC);
    check_ffmpeg("aac.mkv", "-c:a aac", "aac", AAC);
    check_ffmpeg(
        "fragments.mp4",
        "-c:a aac -movflags frag_keyframe+empty_moov",
        "aac",
        AAC,
    );
    check_ffmpeg("vorbis.ogg", "-c:a libvorbis", "vorbis", VORBIS);
    check_ffmpeg("vorbis.webm", "-c:a libvorbis", "vorbis", VORBIS);
    check_by("sox speech.wav", "sox.ogg", "vorbis", VORBIS);
}

#[test]
#[ignore = "needs ffmpeg, sox, opusenc, lame and flac"]
fn plain_aac_of_low_rates_is_not_taken_for_he_aac() {
    for rate in ["8000", "16000", "22050", "24000"] {
        for name in ["low.m4a", "low.aac"] {
            check_ffmpeg(name, &format!("-c:a aac -ac 1 -ar {rate}"), "aac", AAC);
        }
    }
}

#[test]
#[ignore = "needs ffmpeg, sox, opusenc, lame and flac"]
fn the_audio_of_a_video_is_found_behind_its_pictures() {
    let picture = "-f lavfi -i testsrc=size=64x64:rate=5 -t 6 -map 1:v -map 0:a";
    check_ffmpeg(
        "video.mp4",
        &format!("{picture} -c:v mpeg4 -c:a aac"),
        "aac",
        AAC,
    );
    check_ffmpeg(
        "video.mkv",
        &format!("{picture} -c:v mpeg4 -c:a libvorbis"),
        "vorbis",
        VORBIS,
    );
}

#[test]
#[ignore = "needs ffmpeg, sox, opusenc, lame and flac"]
fn opus_in_ogg_webm_and_mp4() {
    // Judged by libopus: ffmpeg's own decoder is some way off at low rates. 48 kHz either way.
    let libopus = "-c:a libopus";
    let near = |path: &Path| check(path, "opus", Db(55.0), libopus);
    for (name, options) in [
        ("music.opus", "--bitrate 64"),
        ("speech.opus", "--bitrate 16 --downmix-mono"),
        ("short.opus", "--bitrate 32 --framesize 10"),
    ] {
        run(&format!("opusenc --quiet {options} speech.wav {name}"));
        near(&folder().join(name));
    }
    for name in ["ffmpeg.opus", "opus.mp4", "opus.webm"] {
        near(&ffmpeg(libopus, name));
    }
}

#[test]
#[ignore = "needs ffmpeg, sox, opusenc, lame and flac"]
fn ogg_streams_in_a_chain_are_played_one_after_the_other() {
    for (codec, name) in [("libvorbis", "link.ogg"), ("libopus", "link.opus")] {
        let link = ffmpeg(&format!("-t 2 -c:a {codec}"), name);
        let (info, once) = ours(&link, None);
        let bytes = std::fs::read(&link).expect("a readable file");
        let chain = folder().join(format!("chain-{name}"));
        std::fs::write(&chain, bytes.repeat(2)).expect("a written file");
        let (chained, twice) = ours(&chain, None);
        assert_eq!(chained.rate_hz, info.rate_hz);
        assert_eq!(twice[0].len(), 2 * once[0].len(), "{name}");
    }
}
