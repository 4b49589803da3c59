//! Streams for tests, written by hand: silent frames of MPEG audio and AAC, FLAC frames of constant
//! samples, Ogg pages.

use std::io::{Seek, Write};

use symphonia::core::checksum::{Crc8Ccitt, Crc16Ansi, Crc32};
use symphonia::core::errors::Error;
use symphonia::core::io::Monitor;
use symphonia::core::packet::Packet;

use super::Parts;
use super::flac_header::Shape;

/// A silent frame of MP3 with this third byte (bit rate, rate, padding): of MPEG-1 in stereo where
/// `channels` is 2, else mono.
pub(in super::super) fn mp3_frame(third: u8, channels: u8) -> Vec<u8> {
    let fourth = if channels == 1 { 0xc4 } else { 0x04 };
    let header = [0xff, 0xfb, third, fourth];
    let bytes = super::sync::Header::frame_bytes(
        &<super::mpeg_header::MpegHeader as super::sync::Header>::read(&header).expect("a header"),
    );
    let mut frame = header.to_vec();
    frame.resize(bytes, 0);
    frame
}

/// 128 kbit/s at 44.1 and at 48 kHz.
pub(in super::super) const AT_44_100: u8 = 0x90;
pub(in super::super) const AT_48_000: u8 = 0x94;

/// A file of silence as LAME writes it: its tag, and `frames` frames.
pub(in super::super) fn lame_file(
    third: u8,
    channels: u8,
    frames: u32,
    trims: (u32, u32),
) -> Vec<u8> {
    let mut tag = mp3_frame(third, channels);
    let at = if channels == 1 { 21 } else { 36 };
    let figures = trims.0 << 12 | trims.1;
    let text = [
        b"Info\0\0\0\x01",
        &frames.to_be_bytes()[..],
        b"LAME3.100",
        &[0; 12],
        &figures.to_be_bytes()[1..],
    ]
    .concat();
    tag[at..at + text.len()].copy_from_slice(&text);
    let frame = mp3_frame(third, channels);
    [tag, frame.repeat(frames as usize)].concat()
}

/// A silent frame of AAC-LC in ADTS.
pub(in super::super) fn adts_frame(rate_index: u8, channels: u8) -> Vec<u8> {
    // Elements without any band, and the end mark.
    let data: &[u8] = match channels {
        1 => &[0, 0, 0, 0x07],
        _ => &[0x20, 0, 0, 0, 0, 0, 0x0e],
    };
    let bytes = (7 + data.len()) as u8;
    let mut frame = vec![
        0xff,
        0xf1,
        1 << 6 | rate_index << 2,
        channels << 6,
        bytes >> 3,
        bytes << 5 | 0x1f,
        0xfc,
    ];
    frame.extend_from_slice(data);
    frame
}

/// The start of a FLAC file: STREAMINFO as the only metadata.
pub(super) fn flac_head(shape: Shape, samples: u32) -> Vec<u8> {
    let mut head = b"fLaC\x80\0\0\x22".to_vec();
    let mut block = shape.block();
    block[14..18].copy_from_slice(&samples.to_be_bytes());
    head.extend_from_slice(&block);
    head
}

/// A FLAC frame of 192 samples of 16 bits, of which each is `value`; the shape must be one that
/// frames can name.
pub(super) fn flac_frame(shape: Shape, number: u8, value: i16) -> Vec<u8> {
    assert!(number < 128 && shape.bits == 16);
    let rate = match shape.rate_hz {
        16_000 => 5,
        44_100 => 9,
        48_000 => 10,
        other => panic!("{other} Hz"),
    };
    let mut frame = vec![
        0xff,
        0xf8,
        1 << 4 | rate,
        (shape.channels - 1) << 4 | 4 << 1,
        number,
    ];
    let mut checksum = Crc8Ccitt::new(0);
    checksum.process_buf_bytes(&frame);
    frame.push(checksum.crc());
    for _ in 0..shape.channels {
        frame.push(0);
        frame.extend(value.to_be_bytes());
    }
    let mut checksum = Crc16Ansi::new(0);
    checksum.process_buf_bytes(&frame);
    frame.extend(checksum.crc().to_be_bytes());
    frame
}

/// A page of Ogg with whole packets; `flags` says whether it is the first (2) or last (4).
pub(super) fn ogg_page(
    serial: u32,
    sequence: u32,
    flags: u8,
    granule: i64,
    packets: &[Vec<u8>],
) -> Vec<u8> {
    let mut lacing = Vec::new();
    for packet in packets {
        lacing.extend(std::iter::repeat_n(255, packet.len() / 255));
        lacing.push((packet.len() % 255) as u8);
    }
    let mut page = b"OggS\0".to_vec();
    page.push(flags);
    page.extend(granule.to_le_bytes());
    page.extend(serial.to_le_bytes());
    page.extend(sequence.to_le_bytes());
    page.extend([0; 4]);
    page.push(lacing.len() as u8);
    page.extend(lacing);
    page.extend(packets.concat());
    let mut checksum = Crc32::new(0);
    checksum.process_buf_bytes(&page);
    page[22..26].copy_from_slice(&checksum.crc().to_le_bytes());
    page
}

/// A file with these bytes.
pub(in super::super) fn file(bytes: &[u8]) -> std::fs::File {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("a written file");
    file.rewind().expect("a file that can be read");
    file
}

/// The packets of each part of a stream.
pub(super) fn parts_of(bytes: &[u8]) -> (Vec<Vec<Packet>>, Box<dyn Parts>) {
    let mut stream = super::open(&file(bytes))
        .expect("a stream")
        .expect("a kind that is known");
    let mut parts = vec![Vec::new()];
    loop {
        match stream.next_packet() {
            Ok(Some(packet)) => parts.last_mut().expect("a part").push(packet),
            Ok(None) => return (parts, stream),
            Err(Error::ResetRequired) => parts.push(Vec::new()),
            Err(e) => panic!("{e}"),
        }
    }
}

/// Of each part: packets, samples, and those that are cut off at starts and ends.
pub(super) fn sums(bytes: &[u8]) -> (Vec<[u64; 4]>, super::Tally) {
    let (parts, stream) = parts_of(bytes);
    let sum = |part: &Vec<Packet>| {
        part.iter()
            .fold([0; 4], |[packets, samples, start, end], packet| {
                let cut = [packet.trim_start.get(), packet.trim_end.get()];
                [
                    packets + 1,
                    samples + packet.dur.get(),
                    start + cut[0],
                    end + cut[1],
                ]
            })
    };
    (parts.iter().map(sum).collect(), stream.tally().clone())
}
