//! Core Audio Format.

use super::{Container, Played, endure, opus_packets, ramp};
use crate::audio::error::DecodeError;

fn play(file: &[u8]) -> Played {
    super::play(Container::Caf, file).unwrap()
}

fn chunk(name: &[u8; 4], len: i64, body: &[u8]) -> Vec<u8> {
    [name, &len.to_be_bytes()[..], body].concat()
}

fn whole(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    chunk(name, body.len() as i64, body)
}

/// A description: kind, flags, bytes and samples of a packet, bits.
fn head(rate_hz: f64, kind: &[u8; 4], numbers: [u32; 4]) -> Vec<u8> {
    let [flags, bytes, samples, bits] = numbers;
    let words = [flags, bytes, samples, 1, bits];
    let words: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    let description = [&rate_hz.to_be_bytes()[..], kind, &words].concat();
    [&b"caff\0\x01\0\0"[..], &whole(b"desc", &description)].concat()
}

fn data(len: Option<i64>, body: &[u8]) -> Vec<u8> {
    let body = [&[0; 4], body].concat();
    chunk(b"data", len.unwrap_or(body.len() as i64), &body)
}

fn pcm(samples: &[i32], len: Option<i64>) -> Vec<u8> {
    let bytes: Vec<u8> = samples
        .iter()
        .flat_map(|&n| (n as i16).to_be_bytes())
        .collect();
    [head(8_000.0, b"lpcm", [0, 2, 1, 16]), data(len, &bytes)].concat()
}

/// Opus with a packet table: samples, priming and remainder.
fn opus(packets: &[Vec<u8>], samples: i64, priming: i32, remainder: i32) -> Vec<u8> {
    let mut table = (packets.len() as i64).to_be_bytes().to_vec();
    table.extend(samples.to_be_bytes());
    table.extend(priming.to_be_bytes());
    table.extend(remainder.to_be_bytes());
    for packet in packets {
        table.extend([0x80 | (packet.len() >> 7) as u8, packet.len() as u8 & 0x7f]);
    }
    let head = head(48_000.0, b"opus", [0, 0, 960, 0]);
    [head, data(None, &packets.concat()), whole(b"pakt", &table)].concat()
}

#[test]
fn samples_are_played_whatever_is_said_of_their_length() {
    let samples = ramp(10_000);
    let file = pcm(&samples, None);
    let all = play(&file);
    assert_eq!(all.integers(), samples);
    assert_eq!((all.rate_hz, all.promised), (8_000, Some(10_000)));
    let behind = [file, whole(b"info", &[7; 30])].concat();
    assert_eq!(play(&behind).integers(), samples);
    let piped = play(&pcm(&samples, Some(-1)));
    assert_eq!(piped.integers(), samples);
    assert_eq!((piped.promised, piped.trouble.as_str()), (None, ""));
    let cut = play(&pcm(&samples, Some(40_004)));
    assert_eq!(cut.integers(), samples);
    assert_eq!(cut.promised, Some(20_000));
    assert_eq!(play(&pcm(&samples, None)[..19_001]).integers(), ramp(9_466));
}

#[test]
fn logarithmic_and_little_endian_samples_are_played() {
    let play_one = |kind, numbers, bytes: &[u8]| {
        play(&[head(8_000.0, kind, numbers), data(None, bytes)].concat()).integers()
    };
    assert_eq!(
        play_one(b"ulaw", [0, 1, 1, 8], &[0x80, 0x00]),
        [32_124, -32_124]
    );
    assert_eq!(
        play_one(b"alaw", [0, 1, 1, 8], &[0xaa, 0x2a]),
        [32_256, -32_256]
    );
    assert_eq!(play_one(b"lpcm", [2, 2, 1, 16], &[5, 1]), [261]);
    assert_eq!(
        play_one(b"lpcm", [3, 4, 1, 32], &0.5_f32.to_le_bytes()),
        [16_384]
    );
}

#[test]
fn blocks_of_adpcm_are_played() {
    let file = [
        head(8_000.0, b"ima4", [0, 34, 64, 0]),
        data(None, &[0; 34 * 5]),
    ]
    .concat();
    assert_eq!(play(&file).integers(), [0; 64 * 5]);
}

#[test]
fn packet_tables_say_what_is_played() {
    let packets = opus_packets(20);
    let all = play(&opus(&packets, 19_200, 0, 0));
    assert_eq!((all.planes[0].len(), all.trim), (19_200, None));
    let cut = play(&opus(&packets, 18_000, 312, 888));
    assert_eq!(cut.planes[0].len(), 18_000);
    assert_eq!(cut.trim.as_deref(), Some("packet table 312+888"));
    // A writer that counts all samples.
    let cut = play(&opus(&packets, 19_200, 312, 888));
    assert_eq!(cut.planes[0].len(), 18_000);
}

#[test]
fn what_cannot_be_played_is_refused_with_the_reason() {
    let refusal = |file: &[u8]| super::play(Container::Caf, file).unwrap_err();
    let mace = [head(8_000.0, b"MAC3", [0, 2, 6, 0]), data(None, &[0; 34])].concat();
    match refusal(&mace) {
        DecodeError::NoDecoder { codec } => assert_eq!(codec, "mace3"),
        other => panic!("{other}"),
    }
    let file = opus(&opus_packets(2), 1_920, 0, 0);
    let without_table = &file[..file.len() - 28 - 12];
    assert!(refusal(without_table).to_string().contains("packet table"));
    assert!(refusal(&file[..30]).to_string().contains("missing"));
}

#[test]
fn damaged_files_end() {
    endure(Container::Caf, &pcm(&ramp(900), None), 1_500);
    let packets: Vec<Vec<u8>> = (0..40).map(|n| vec![n; 20 + usize::from(n)]).collect();
    endure(Container::Caf, &opus(&packets, 38_400, 312, 100), 1_500);
}
