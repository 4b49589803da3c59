//! Damaged files: of the audio formats that can be made without foreign programs (the suite
//! `foreign` does the same to the others), and of a trace bundle.

use std::path::Path;

use opus_pure::{Application, MAX_PACKET_BYTES, OggOpusWriter, OpusEncoder, OpusHead};
use voicelt::trace::model::SessionRows;
use voicelt::trace::stream::Bundle;

use crate::support::{Desk, mutate};

/// 0.2 s of a tone at 48 kHz, as 16-bit samples.
fn tone() -> Vec<i16> {
    (0..9_600)
        .map(|n| (8_000.0 * (f64::from(n) * 0.05).sin()) as i16)
        .collect()
}

fn big_endian_chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [name, &(body.len() as u32).to_be_bytes()[..], body].concat()
}

#[test]
fn wav() {
    for format in [hound::SampleFormat::Int, hound::SampleFormat::Float] {
        let mut file = std::io::Cursor::new(Vec::new());
        let bits_per_sample = if format == hound::SampleFormat::Int {
            16
        } else {
            32
        };
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 48_000,
            bits_per_sample,
            sample_format: format,
        };
        let mut writer = hound::WavWriter::new(&mut file, spec).expect("a writer");
        for sample in tone() {
            match format {
                hound::SampleFormat::Int => writer.write_sample(sample),
                hound::SampleFormat::Float => writer.write_sample(f32::from(sample) / 32_768.0),
            }
            .expect("a written sample");
        }
        writer.finalize().expect("a finished file");
        mutate::survives("a.wav", file.get_ref(), 200);
    }
}

#[test]
fn aiff() {
    let samples: Vec<u8> = tone()
        .iter()
        .flat_map(|sample| sample.to_be_bytes())
        .collect();
    // One channel, 9,600 samples of 16 bits, 48 kHz as an 80-bit float.
    let common = [
        0, 1, 0, 0, 0x25, 0x80, 0, 16, 0x40, 0x0e, 0xbb, 0x80, 0, 0, 0, 0, 0, 0,
    ];
    let body = [
        b"AIFF".to_vec(),
        big_endian_chunk(b"COMM", &common),
        big_endian_chunk(b"SSND", &[&[0; 8], &samples[..]].concat()),
    ];
    mutate::survives("a.aiff", &big_endian_chunk(b"FORM", &body.concat()), 200);
}

#[test]
fn mp3() {
    // Frames of silence: MPEG-1 layer III, 128 kbit/s, 44.1 kHz, joint stereo.
    let frame = [&[0xff, 0xfb, 0x90, 0x64][..], &[0; 413]].concat();
    mutate::survives("a.mp3", &frame.repeat(20), 200);
}

#[test]
fn ogg_opus() {
    let mut encoder = OpusEncoder::new(48_000, 1, Application::Voip).expect("an encoder");
    encoder.bitrate_bps = 24_000;
    let head = OpusHead::for_encoder(&encoder, 48_000);
    let mut writer = OggOpusWriter::new(Vec::new(), head).expect("a writer");
    let mut packet = vec![0; MAX_PACKET_BYTES];
    for frame in tone().chunks_exact(960) {
        let bytes = encoder
            .encode_s16(frame, 960, &mut packet)
            .expect("a packet");
        writer
            .write_packet(&packet[..bytes])
            .expect("a written packet");
    }
    let file = writer.finish().expect("a finished file");
    mutate::survives("a.opus", &file, 200);
}

#[test]
fn headerless() {
    let bytes: Vec<u8> = tone()
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect();
    for name in ["a.ulaw", "a.alaw", "a.sln", "a.g722"] {
        mutate::survives(name, &bytes, 20);
    }
}

/// The rows of a bundle that is sealed and well.
fn rows(bundle: &Path) -> Option<Vec<SessionRows>> {
    let bundle = Bundle::open(bundle).ok()?;
    let _ = bundle.verify_clips();
    bundle.sessions().ok()?.collect::<Result<_, _>>().ok()
}

/// Whatever is damaged, a bundle is refused, or holds what it held.
#[test]
fn trace_bundle() {
    let calls = "--turns 2 --sessions 20 --arrivals constant:5/s";
    let desk = Desk::with_trace(&format!("--synth speech-like:1s {calls}"));
    let place = desk.path("calls.vtrace");
    let whole = rows(&place).expect("a sealed bundle");
    assert_eq!(whole.len(), 20);
    for name in [
        "trace.json",
        "sessions.parquet",
        "turns.parquet",
        "events.parquet",
        "clips.parquet",
    ] {
        let path = place.join(name);
        let original = std::fs::read(&path).expect("a file of the bundle");
        let (place, whole) = (place.clone(), whole.clone());
        mutate::endures(&path, &original, 100, move |_| {
            if let Some(rows) = rows(&place) {
                assert!(rows == whole, "a damaged bundle passed");
            }
        });
        std::fs::write(&path, original).expect("the file as it was");
    }
}
