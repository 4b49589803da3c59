//! WAV headers: RIFF, and RF64 for files over 4 GiB.
//!
//! Only what is stored uncompressed is read here; a WAV file of another codec (ADPCM) is left to
//! the general demuxer. Reading the header ourselves tells a file that was cut off from one whose
//! writer could not know the length.

use std::io::{self, Read};

use super::decode::check_range;
use super::error::DecodeError;
use super::sample_format::SampleFormat;

/// Who reads the samples of a WAV file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WavCodec {
    /// They are not compressed, and read here.
    Pcm(SampleFormat),
    /// ADPCM, which the general demuxer reads.
    Adpcm,
    /// Another codec, by its registered number.
    Foreign(u16),
}

impl WavCodec {
    /// The name that ffmpeg gives the codec, where it is a usual one.
    pub(super) fn name(self) -> String {
        match self {
            Self::Pcm(format) => format.codec().to_owned(),
            Self::Adpcm => "adpcm".to_owned(),
            Self::Foreign(0x31) => "gsm_ms".to_owned(),
            Self::Foreign(0x45 | 0x64) => "g726".to_owned(),
            Self::Foreign(0x50) => "mp2".to_owned(),
            Self::Foreign(0x55) => "mp3".to_owned(),
            Self::Foreign(0xff | 0x1610) => "aac".to_owned(),
            Self::Foreign(0x28f) => "g722".to_owned(),
            Self::Foreign(tag) => format!("wav format {tag:#x}"),
        }
    }
}

/// What a WAV header says about the samples that follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WavHeader {
    pub(super) codec: WavCodec,
    pub(super) rate_hz: u32,
    pub(super) channels: u16,
    /// Bytes of the header, up to the first sample.
    pub(super) header_bytes: u64,
    /// Bytes of samples; none when the writer did not know (a stream).
    pub(super) data_bytes: Option<u64>,
}

/// Bytes of a `fmt ` chunk that are of interest, with the extension.
const FORMAT_BYTES: usize = 40;

/// Reads up to the first sample.
pub(super) fn read_header(reader: &mut dyn Read) -> Result<WavHeader, DecodeError> {
    read_chunks(reader).map_err(|e| match e {
        DecodeError::Io(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            DecodeError::damaged("the file ends inside its header")
        }
        e => e,
    })
}

fn read_chunks(reader: &mut dyn Read) -> Result<WavHeader, DecodeError> {
    let mut position = 12;
    let [riff, _, wave] = read_words::<3>(reader)?;
    let is_rf64 = matches!(&riff, b"RF64" | b"BW64");
    if (riff != *b"RIFF" && !is_rf64) || wave != *b"WAVE" {
        return Err(DecodeError::damaged("it does not start like a WAV file"));
    }
    let mut long_data_bytes = None;
    let mut format = None;
    loop {
        let [name, length] = read_words::<2>(reader)?;
        let length = u64::from(u32::from_le_bytes(length));
        position += 8;
        match &name {
            b"data" => {
                let (codec, channels, rate_hz) = format
                    .ok_or_else(|| DecodeError::damaged("its samples come before their format"))?;
                let data_bytes = match length {
                    0xffff_ffff if is_rf64 => long_data_bytes,
                    length => (!is_unknown(length)).then_some(length),
                };
                return Ok(WavHeader {
                    codec,
                    rate_hz,
                    channels,
                    header_bytes: position,
                    data_bytes,
                });
            }
            b"fmt " => {
                let chunk = read_start(reader, length, FORMAT_BYTES)?;
                format = Some(parse_format(&chunk)?);
            }
            b"ds64" => {
                let chunk = read_start(reader, length, 16)?;
                long_data_bytes = word_at::<8>(&chunk, 8).map(u64::from_le_bytes);
            }
            _ => skip(reader, padded(length))?,
        }
        position += padded(length);
    }
}

/// Lengths that writers to a pipe leave behind: zero, all ones, or (sox) near the largest signed
/// one.
fn is_unknown(length: u64) -> bool {
    length == 0 || length == 0xffff_ffff || (0x7fff_0000..=0x7fff_ffff).contains(&length)
}

/// Codec, channels and rate of a `fmt ` chunk.
fn parse_format(chunk: &[u8]) -> Result<(WavCodec, u16, u32), DecodeError> {
    const EXTENSIBLE: u16 = 0xfffe;
    let short = || DecodeError::damaged("its format chunk is too short");
    let u16_at = |at| {
        word_at::<2>(chunk, at)
            .map(u16::from_le_bytes)
            .ok_or_else(short)
    };
    let channels = u16_at(2)?;
    let rate_hz = word_at::<4>(chunk, 4)
        .map(u32::from_le_bytes)
        .ok_or_else(short)?;
    let frame_bytes = u16_at(12)?;
    let mut tag = u16_at(0)?;
    if tag == EXTENSIBLE {
        tag = u16_at(24)?;
    }
    // The room that a sample takes, not its valid bits: 20 bits are stored left-justified in 24.
    let stored_bits = match frame_bytes.checked_div(channels) {
        Some(bytes) if bytes > 0 => u32::from(bytes) * 8,
        _ => u32::from(u16_at(14)?),
    };
    let codec = match (tag, stored_bits) {
        (1, 8) => WavCodec::Pcm(SampleFormat::U8),
        (1, 16) => WavCodec::Pcm(SampleFormat::S16Le),
        (1, 24) => WavCodec::Pcm(SampleFormat::S24Le),
        (1, 32) => WavCodec::Pcm(SampleFormat::S32Le),
        (3, 32) => WavCodec::Pcm(SampleFormat::F32Le),
        (3, 64) => WavCodec::Pcm(SampleFormat::F64Le),
        (6, 8) => WavCodec::Pcm(SampleFormat::ALaw),
        (7, 8) => WavCodec::Pcm(SampleFormat::MuLaw),
        (2 | 0x11, _) => WavCodec::Adpcm,
        _ => WavCodec::Foreign(tag),
    };
    check_range(u64::from(channels), rate_hz)?;
    Ok((codec, channels, rate_hz))
}

/// Reads the first `wanted` bytes of a chunk and skips the rest.
fn read_start(reader: &mut dyn Read, length: u64, wanted: usize) -> io::Result<Vec<u8>> {
    let mut start = vec![0; wanted.min(length as usize)];
    reader.read_exact(&mut start)?;
    skip(reader, padded(length) - start.len() as u64)?;
    Ok(start)
}

fn skip(reader: &mut dyn Read, bytes: u64) -> io::Result<()> {
    let skipped = io::copy(&mut reader.take(bytes), &mut io::sink())?;
    if skipped < bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

/// Chunks start at even positions.
fn padded(length: u64) -> u64 {
    length + length % 2
}

fn word_at<const N: usize>(chunk: &[u8], at: usize) -> Option<[u8; N]> {
    chunk.get(at..)?.first_chunk().copied()
}

fn read_words<const N: usize>(reader: &mut dyn Read) -> io::Result<[[u8; 4]; N]> {
    let mut words = [[0; 4]; N];
    reader.read_exact(words.as_flattened_mut())?;
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(riff: &[u8; 4], chunks: &[(&[u8; 4], u32, &[u8])]) -> Vec<u8> {
        let mut file = riff.to_vec();
        file.extend([0; 4]);
        file.extend(b"WAVE");
        for (name, length, body) in chunks {
            file.extend(*name);
            file.extend(length.to_le_bytes());
            file.extend(*body);
        }
        file
    }

    fn format(tag: u16, channels: u16, rate_hz: u32, bits: u16) -> Vec<u8> {
        let frame = channels * bits / 8;
        let mut chunk = Vec::new();
        chunk.extend(tag.to_le_bytes());
        chunk.extend(channels.to_le_bytes());
        chunk.extend(rate_hz.to_le_bytes());
        chunk.extend(rate_hz.wrapping_mul(u32::from(frame)).to_le_bytes());
        chunk.extend(frame.to_le_bytes());
        chunk.extend(bits.to_le_bytes());
        chunk
    }

    fn read(file: &[u8]) -> Result<WavHeader, DecodeError> {
        read_header(&mut &file[..])
    }

    #[test]
    fn unknown_chunks_and_their_padding_are_skipped() {
        let body = format(1, 2, 44_100, 16);
        let file = file(
            b"RIFF",
            &[
                (b"junk", 3, &[7; 4]),
                (b"fmt ", 16, &body),
                (b"data", 8, &[]),
            ],
        );
        assert_eq!(
            read(&file).unwrap(),
            WavHeader {
                codec: WavCodec::Pcm(SampleFormat::S16Le),
                rate_hz: 44_100,
                channels: 2,
                header_bytes: 12 + 12 + 24 + 8,
                data_bytes: Some(8),
            }
        );
    }

    #[test]
    fn extensible_headers_name_the_codec_in_their_extension() {
        let mut body = format(0xfffe, 1, 48_000, 24);
        body.extend([22, 0, 20, 0, 4, 0, 0, 0]);
        body.extend([
            1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71,
        ]);
        let file = file(b"RIFF", &[(b"fmt ", 40, &body), (b"data", 3, &[])]);
        assert_eq!(
            read(&file).unwrap().codec,
            WavCodec::Pcm(SampleFormat::S24Le)
        );
    }

    #[test]
    fn a_stream_has_no_length_and_a_long_file_has_one_of_64_bits() {
        let body = format(7, 1, 8_000, 8);
        for length in [0, u32::MAX, 0x7fff_f000] {
            let file = file(b"RIFF", &[(b"fmt ", 16, &body), (b"data", length, &[])]);
            assert_eq!(read(&file).unwrap().data_bytes, None);
        }
        let mut sizes = [0; 28];
        sizes[8..16].copy_from_slice(&(1_u64 << 33).to_le_bytes());
        let chunks: [(&[u8; 4], u32, &[u8]); 3] = [
            (b"ds64", 28, &sizes),
            (b"fmt ", 16, &body),
            (b"data", u32::MAX, &[]),
        ];
        assert_eq!(
            read(&file(b"RF64", &chunks)).unwrap().data_bytes,
            Some(1 << 33)
        );
    }

    #[test]
    fn compressed_wav_is_left_to_others() {
        let codec = |tag, bits| {
            let body = format(tag, 1, 8_000, bits);
            read(&file(b"RIFF", &[(b"fmt ", 16, &body), (b"data", 9, &[])]))
                .unwrap()
                .codec
        };
        assert_eq!(codec(0x11, 4), WavCodec::Adpcm);
        assert_eq!(codec(0x31, 0), WavCodec::Foreign(0x31));
        assert_eq!(codec(0x31, 0).name(), "gsm_ms");
    }

    #[test]
    fn impossible_channels_and_rates_are_refused() {
        for (channels, rate_hz) in [(0, 8_000), (65, 8_000), (1, 0), (1, u32::MAX)] {
            let body = format(7, channels, rate_hz, 8);
            let file = file(b"RIFF", &[(b"fmt ", 16, &body), (b"data", 0, &[])]);
            assert!(matches!(read(&file), Err(DecodeError::OutOfRange { .. })));
        }
    }

    #[test]
    fn broken_headers_are_damage() {
        let body = format(1, 1, 8_000, 16);
        let files = [
            file(b"RIFF", &[(b"data", 8, &[])]),
            file(b"RIFF", &[(b"fmt ", 4, &body[..4]), (b"data", 8, &[])]),
            file(b"RIFF", &[(b"fmt ", u32::MAX, &body)]),
            file(b"RIFF", &[]),
            b"RIFF".to_vec(),
        ];
        for file in files {
            assert!(
                matches!(read(&file), Err(DecodeError::Damaged(_))),
                "{file:?}"
            );
        }
    }
}
