//! Damaged files of every format that a foreign encoder makes.

use super::tools::ffmpeg;
use crate::support::mutate;

/// Encodes half a second with ffmpeg and decodes damaged copies of it.
fn survives(name: &str, arguments: &str) {
    let file = ffmpeg(&format!("-t 0.5 {arguments}"), name);
    let bytes = std::fs::read(file).expect("a readable file");
    mutate::survives(name, &bytes, 100);
}

#[test]
#[ignore = "needs ffmpeg"]
fn lossless_containers() {
    survives("mutated.flac", "-c:a flac");
    survives("mutated.oga", "-c:a flac");
    survives("mutated-alac.m4a", "-c:a alac");
    survives("mutated.caf", "-c:a pcm_s16le");
    survives("mutated-alac.caf", "-c:a alac");
    survives("mutated-pcm.mka", "-c:a pcm_s16le");
    survives("mutated-adpcm.wav", "-c:a adpcm_ima_wav");
    survives("mutated-ms.wav", "-c:a adpcm_ms");
}

#[test]
#[ignore = "needs ffmpeg"]
fn lossy_containers() {
    survives("mutated.mp3", "-c:a libmp3lame");
    survives("mutated.aac", "-c:a aac");
    survives("mutated.m4a", "-c:a aac");
    survives(
        "mutated-fragments.mp4",
        "-c:a aac -movflags frag_keyframe+empty_moov",
    );
    survives("mutated.ogg", "-c:a libvorbis");
    survives("mutated.webm", "-c:a libvorbis");
    survives("mutated-opus.webm", "-c:a libopus");
    survives("mutated.opus", "-c:a libopus");
    survives("mutated-opus.mp4", "-c:a libopus");
}
