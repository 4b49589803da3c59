//! Containers made by hand, played to their end, and damaged copies of them.

mod boxes;
mod caf;
mod matroska;
mod mp4;

use std::io::Cursor;

use opus_pure::{Application, MAX_PACKET_BYTES, OpusEncoder};

use super::{Container, Source, open};
use crate::audio::error::DecodeError;
use crate::audio::packets;

/// What a file is decoded to.
#[derive(Debug)]
struct Played {
    planes: Vec<Vec<f32>>,
    rate_hz: u32,
    promised: Option<u64>,
    trim: Option<String>,
    /// What was missing or damaged.
    trouble: String,
}

impl Played {
    /// The samples of the only channel, as 16-bit integers.
    fn integers(&self) -> Vec<i32> {
        assert_eq!(self.planes.len(), 1);
        let integer = |sample: &f32| (sample * 32_768.0).round() as i32;
        self.planes[0].iter().map(integer).collect()
    }
}

/// Plays a file to its end.
fn play(container: Container, file: &[u8]) -> Result<Played, DecodeError> {
    play_source(container, Cursor::new(file.to_vec()))
}

fn play_source(container: Container, file: impl Source + 'static) -> Result<Played, DecodeError> {
    let demuxed = open(container, Box::new(file))?;
    let mut opened = packets::open_demuxed(demuxed)?;
    let mut planes = opened.first_block;
    let mut block = Vec::new();
    let trouble = loop {
        match opened.stream.next_block(&mut block) {
            Ok(Some(_)) => {}
            Ok(None) => break String::new(),
            Err(reason) => break reason.to_string(),
        }
        for (plane, samples) in planes.iter_mut().zip(&block) {
            plane.extend_from_slice(samples);
        }
    };
    Ok(Played {
        planes,
        rate_hz: opened.info.rate_hz,
        promised: opened.info.frames,
        trim: opened.info.trim,
        trouble,
    })
}

/// Samples of which each says which it is.
fn ramp(samples: i32) -> Vec<i32> {
    (0..samples).collect()
}

/// The bytes of samples of 16 bits, little-endian.
fn pcm(samples: &[i32]) -> Vec<u8> {
    let bytes = samples.iter().flat_map(|&n| (n as i16).to_le_bytes());
    bytes.collect()
}

/// Packets of Opus of 20 ms of a tone that rises, in one channel.
fn opus_packets(count: usize) -> Vec<Vec<u8>> {
    let mut encoder = OpusEncoder::new(48_000, 1, Application::Audio).unwrap();
    encoder.bitrate_bps = 96_000;
    let mut packet = vec![0; MAX_PACKET_BYTES];
    let tone = |n: usize| {
        let t = n as f64 / 48_000.0;
        (0.3 * (2.0 * std::f64::consts::PI * (200.0 + 400.0 * t) * t).sin()) as f32
    };
    (0..count)
        .map(|number| {
            let frame: Vec<f32> = (number * 960..(number + 1) * 960).map(tone).collect();
            let bytes = encoder.encode(&frame, 960, &mut packet).unwrap();
            packet[..bytes].to_vec()
        })
        .collect()
}

/// Signal over difference, in dB.
fn snr_db(ours: &[f32], expected: &[f32]) -> f32 {
    let signal: f32 = expected.iter().map(|sample| sample * sample).sum();
    let pairs = ours.iter().zip(expected);
    let noise: f32 = pairs.map(|(a, b)| (a - b) * (a - b)).sum();
    10.0 * (signal / noise).log10()
}

/// Plays damaged copies of a file: none may panic, go on for ever, or yield more than it can hold.
fn endure(container: Container, file: &[u8], copies: u64) {
    let mut state = 1_u64;
    let mut below = |limit: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % limit as u64) as usize
    };
    for _ in 0..copies {
        let mut copy = file.to_vec();
        if below(4) == 0 {
            copy.truncate(below(file.len()));
        }
        for _ in 0..=below(4) {
            if copy.is_empty() {
                break;
            }
            let at = below(copy.len());
            copy[at] = [0, 1, 0x7f, 0xff, copy[at] ^ 1 << below(8)][below(5)];
        }
        let Ok(demuxed) = open(container, Box::new(Cursor::new(copy))) else {
            continue;
        };
        let mut packets = demuxed.packets;
        let mut bytes = 0;
        for _ in 0..20_000 {
            match packets.next_packet() {
                Ok(Some(packet)) => bytes += packet.data.len(),
                _ => break,
            }
        }
        assert!(bytes <= 65 * file.len(), "{bytes} bytes of packets");
    }
}
