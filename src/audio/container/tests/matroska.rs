//! Matroska files.

use std::io::Write;

use super::{Container, Played, endure, opus_packets, pcm, ramp};
use crate::audio::error::DecodeError;

fn play(file: &[u8]) -> Played {
    super::play(Container::Matroska, file).unwrap()
}

/// An element; `len` is what it says of its length.
fn stated(id: u32, len: &[u8], body: &[u8]) -> Vec<u8> {
    let id = id.to_be_bytes();
    let zeros = id.iter().take_while(|&&byte| byte == 0).count();
    [&id[zeros..], len, body].concat()
}

fn element(id: u32, body: &[u8]) -> Vec<u8> {
    let len = (1 << 28 | body.len() as u32).to_be_bytes();
    stated(id, &len, body)
}

const UNKNOWN: &[u8] = &[1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

/// A file with one track.
struct Matroska {
    codec: &'static str,
    setup: Vec<u8>,
    rate_hz: f64,
    bits: u8,
    /// Further elements of the track.
    more: Vec<u8>,
    /// The blocks, as elements.
    blocks: Vec<Vec<u8>>,
}

fn simple_block(packet: &[u8]) -> Vec<u8> {
    element(0xa3, &[&[0x81, 0, 0, 0x80][..], packet].concat())
}

impl Matroska {
    fn of_pcm(codec: &'static str, bits: u8, blocks: Vec<Vec<u8>>) -> Self {
        Self {
            codec,
            setup: Vec::new(),
            rate_hz: 8_000.0,
            bits,
            more: Vec::new(),
            blocks,
        }
    }

    fn of_opus(blocks: Vec<Vec<u8>>) -> Self {
        Self {
            setup: b"OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0".to_vec(),
            rate_hz: 48_000.0,
            ..Self::of_pcm("A_OPUS", 0, blocks)
        }
    }

    fn tracks(&self) -> Vec<u8> {
        let audio = [
            element(0xb5, &self.rate_hz.to_be_bytes()),
            element(0x9f, &[1]),
            element(0x6264, &[self.bits]),
        ];
        let track = [
            element(0xd7, &[1]),
            element(0x83, &[2]),
            element(0x86, self.codec.as_bytes()),
            element(0x63a2, &self.setup),
            element(0xe1, &audio.concat()),
            self.more.clone(),
        ];
        element(0x1654_ae6b, &element(0xae, &track.concat()))
    }

    /// The file, with a cluster for two blocks.
    fn file_with(
        &self,
        segment_len: Option<&[u8]>,
        cluster_len: Option<&[u8]>,
        before: &[u8],
    ) -> Vec<u8> {
        let mut body = [before, &self.tracks()].concat();
        for blocks in self.blocks.chunks(2) {
            let cluster = [element(0xe7, &[0]), blocks.concat()].concat();
            body.extend(match cluster_len {
                Some(len) => stated(0x1f43_b675, len, &cluster),
                None => element(0x1f43_b675, &cluster),
            });
        }
        let head = element(0x1a45_dfa3, &element(0x4282, b"matroska"));
        let segment = match segment_len {
            Some(len) => stated(0x1853_8067, len, &body),
            None => element(0x1853_8067, &body),
        };
        [head, segment].concat()
    }

    fn file(&self) -> Vec<u8> {
        self.file_with(None, None, &[])
    }

    /// The same with its packets packed; of `algorithm` and with these settings.
    fn packed(mut self, algorithm: u8, settings: &[u8]) -> Self {
        let compression = [element(0x4254, &[algorithm]), element(0x4255, settings)].concat();
        self.more = element(0x6d80, &element(0x6240, &element(0x5034, &compression)));
        self
    }
}

fn blocks(samples: &[i32]) -> Vec<Vec<u8>> {
    samples
        .chunks(300)
        .map(|samples| simple_block(&pcm(samples)))
        .collect()
}

#[test]
fn samples_of_every_kind_are_played() {
    let one = |codec, bits, bytes: &[u8]| {
        let file = Matroska::of_pcm(codec, bits, vec![simple_block(bytes)]).file();
        play(&file).planes[0][0]
    };
    assert_eq!(one("A_PCM/INT/LIT", 16, &[0, 0x40]), 0.5);
    assert_eq!(one("A_PCM/INT/BIG", 16, &[0x40, 0]), 0.5);
    assert_eq!(one("A_PCM/INT/BIG", 24, &[0x40, 0, 0]), 0.5);
    assert_eq!(one("A_PCM/INT/LIT", 8, &[0xc0]), 0.5);
    assert_eq!(one("A_PCM/FLOAT/IEEE", 32, &0.5_f32.to_le_bytes()), 0.5);
    assert_eq!(one("A_PCM/FLOAT/IEEE", 64, &0.5_f64.to_le_bytes()), 0.5);
}

#[test]
fn packed_tracks_are_unpacked() {
    let samples = ramp(3_000);
    let zlib = |bytes: &[u8]| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Default::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let packed = samples
        .chunks(300)
        .map(|samples| simple_block(&zlib(&pcm(samples))))
        .collect();
    let file = Matroska::of_pcm("A_PCM/INT/LIT", 16, packed)
        .packed(0, &[])
        .file();
    assert_eq!(play(&file).integers(), samples);
    // Every block begins with the sample 258, which is left out of it.
    let stripped = samples
        .chunks(300)
        .map(|samples| simple_block(&pcm(samples)))
        .collect();
    let file = Matroska::of_pcm("A_PCM/INT/LIT", 16, stripped)
        .packed(3, &[2, 1])
        .file();
    let expected: Vec<i32> = samples
        .chunks(300)
        .flat_map(|s| [&[258], s].concat())
        .collect();
    assert_eq!(play(&file).integers(), expected);
    for (algorithm, expected) in [(1, "bzlib"), (2, "lzo1x")] {
        let file = Matroska::of_pcm("A_PCM/INT/LIT", 16, blocks(&samples))
            .packed(algorithm, &[])
            .file();
        match super::play(Container::Matroska, &file).unwrap_err() {
            DecodeError::NoDecoder { codec } => assert!(codec.contains(expected), "{codec}"),
            other => panic!("{other}"),
        }
    }
    let broken = Matroska::of_pcm(
        "A_PCM/INT/LIT",
        16,
        [blocks(&[1; 3]), vec![simple_block(&zlib(&[1, 0]))]].concat(),
    );
    let broken = play(&broken.packed(0, &[]).file());
    assert_eq!(broken.integers(), [1]);
    assert!(broken.trouble.contains("unpacked"), "{}", broken.trouble);
}

#[test]
fn lengths_may_be_unknown_and_other_elements_stand_between() {
    let samples = ramp(3_000);
    let file = Matroska::of_pcm("A_PCM/INT/LIT", 16, blocks(&samples));
    // Chapters without the number of their edition.
    let chapters = element(
        0x1043_a770,
        &element(0x45b9, &element(0xb6, &element(0x91, &[0]))),
    );
    for segment in [None, Some(UNKNOWN)] {
        for cluster in [None, Some(UNKNOWN)] {
            let file = file.file_with(segment, cluster, &chapters);
            let all = play(&file);
            assert_eq!(all.integers(), samples);
            assert_eq!((all.rate_hz, all.trouble.as_str()), (8_000, ""));
        }
    }
}

#[test]
fn what_opus_says_of_its_ends_is_cut_off() {
    let packets = opus_packets(10);
    let padding = element(0x75a2, &(10_000_000_u64).to_be_bytes());
    let mut blocks: Vec<Vec<u8>> = packets.iter().map(|packet| simple_block(packet)).collect();
    let last = element(0xa1, &[&[0x81, 0, 0, 0][..], &packets[9]].concat());
    blocks[9] = element(0xa0, &[last, padding].concat());
    let mut file = Matroska::of_opus(blocks);
    let by_header = play(&file.file());
    assert_eq!(by_header.planes[0].len(), 10 * 960 - 312 - 480);
    assert_eq!(by_header.trim.as_deref(), Some("Opus header 312+0"));
    // What ffmpeg writes of 8 kHz: 52 samples.
    file.more = element(0x56aa, &1_083_333_u32.to_be_bytes());
    let with_delay = play(&file.file());
    assert_eq!(with_delay.planes[0].len(), 10 * 960 - 312 - 480);
    assert_eq!(with_delay.trim, by_header.trim);
    // Two files, one behind the other, each with its own ends.
    let twice = play(&file.file_with(Some(UNKNOWN), Some(UNKNOWN), &[]).repeat(2));
    assert_eq!(twice.planes[0].len(), 2 * with_delay.planes[0].len());
    let mut other = Matroska::of_pcm("A_DTS", 16, Vec::new());
    other.rate_hz = 48_000.0;
    let followed = play(&[file.file(), other.file()].concat());
    assert_eq!(followed.planes, with_delay.planes);
    assert!(
        followed.trouble.contains("another file"),
        "{}",
        followed.trouble
    );
}

#[test]
fn damage_costs_what_is_damaged_and_is_told() {
    let samples = ramp(3_000);
    let file = Matroska::of_pcm("A_PCM/INT/LIT", 16, blocks(&samples)).file();
    let followed = play(&[&file[..], &[0; 700]].concat());
    assert_eq!(followed.integers(), samples);
    assert_eq!(followed.trouble, "");
    let cut = play(&file[..file.len() - 100]);
    assert_eq!(cut.integers(), ramp(2_700));
    assert!(cut.trouble.contains("cut off"), "{}", cut.trouble);
    // The header of the fourth block of ten, which shares its cluster with the third.
    let mut damaged = file.clone();
    let fourth = file
        .windows(8)
        .position(|bytes| bytes == pcm(&[900, 901, 902, 903]))
        .unwrap();
    damaged[fourth - 9] = 0;
    let damaged = play(&damaged);
    assert_eq!(
        damaged.integers(),
        [ramp(900), (1_200..3_000).collect()].concat()
    );
    assert!(damaged.trouble.contains("left out"), "{}", damaged.trouble);
}

#[test]
fn tracks_that_are_not_played_are_refused_with_the_reason() {
    let refusal = |file: &[u8]| super::play(Container::Matroska, file).unwrap_err();
    for (codec, expected) in [("A_DTS", "dts"), ("A_TRUEHD", "truehd"), ("A_AC3", "ac3")] {
        match refusal(&Matroska::of_pcm(codec, 16, Vec::new()).file()) {
            DecodeError::NoDecoder { codec } => assert_eq!(codec, expected),
            other => panic!("{other}"),
        }
    }
    let mut protected = Matroska::of_pcm("A_PCM/INT/LIT", 16, Vec::new());
    protected.more = element(0x6d80, &element(0x6240, &element(0x5033, &[1])));
    assert!(matches!(refusal(&protected.file()), DecodeError::Protected));
    assert!(matches!(
        refusal(&protected.file()[..60]),
        DecodeError::Damaged(_)
    ));
}

#[test]
fn damaged_files_end() {
    let file = Matroska::of_pcm("A_PCM/INT/LIT", 16, blocks(&ramp(900)));
    endure(Container::Matroska, &file.file(), 1_500);
    endure(
        Container::Matroska,
        &file.file_with(Some(UNKNOWN), Some(UNKNOWN), &[]),
        1_500,
    );
    endure(Container::Matroska, &file.packed(3, &[2, 1]).file(), 1_000);
}
