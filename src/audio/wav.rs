//! WAV headers: RIFF, RIFX (numbers the other way round), and RF64 for files over 4 GiB.
//!
//! Only what is stored uncompressed is read here; a WAV file of another codec (ADPCM) is left to
//! the general demuxer. Reading the header ourselves tells a file that was cut off from one whose
//! writer could not know the length.

use std::io::{self, Read};

use super::error::{DecodeError, check_range};
use super::layout::Layout;
use super::sample_format::SampleFormat;
use super::wav_room::Room;

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
    pub(super) layout: Layout,
    /// Bytes of the header, up to the first sample.
    pub(super) header_bytes: u64,
    /// Bytes of samples, by the header.
    pub(super) data_bytes: u64,
    /// Whether that number has 32 bits, and may have been too small for the length.
    pub(super) is_short: bool,
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
    let order = match &riff {
        b"RIFF" | b"RF64" | b"BW64" => Order::Little,
        b"RIFX" => Order::Big,
        _ => return Err(no_wav()),
    };
    if wave != *b"WAVE" {
        return Err(no_wav());
    }
    let is_rf64 = matches!(&riff, b"RF64" | b"BW64");
    let mut long_data_bytes = None;
    let mut format = None;
    let mut pending = None;
    loop {
        let (name, length) = read_chunk_head(reader, pending.take())?;
        let length = u64::from(order.u32(length));
        position += 8;
        match &name {
            b"data" => {
                let Format {
                    codec,
                    layout,
                    rate_hz,
                } = format
                    .ok_or_else(|| DecodeError::damaged("its samples come before their format"))?;
                let is_long = is_rf64 && length == 0xffff_ffff;
                return Ok(WavHeader {
                    codec,
                    rate_hz,
                    layout,
                    header_bytes: position,
                    data_bytes: long_data_bytes.filter(|_| is_long).unwrap_or(length),
                    is_short: !is_long,
                });
            }
            b"fmt " => {
                let chunk = read_start(reader, length, FORMAT_BYTES)?;
                format = Some(parse_format(&chunk, order)?);
            }
            b"ds64" => {
                let chunk = read_start(reader, length, 16)?;
                long_data_bytes = word_at::<8>(&chunk, 8).map(u64::from_le_bytes);
            }
            _ => skip(reader, length)?,
        }
        position += length;
        if !length.is_multiple_of(2) {
            // Chunks start at even positions, but some writers forget it: then this byte is the
            // first of a name.
            let [byte] = read_bytes::<1>(reader)?;
            match byte.is_ascii_alphanumeric() {
                true => pending = Some(byte),
                false => position += 1,
            }
        }
    }
}

fn no_wav() -> DecodeError {
    DecodeError::damaged("it does not start like a WAV file")
}

/// Name and length of a chunk, of whose name the first byte may have been read.
fn read_chunk_head(reader: &mut dyn Read, first: Option<u8>) -> io::Result<([u8; 4], [u8; 4])> {
    let [mut name, mut length] = [[0; 4]; 2];
    match first {
        Some(byte) => {
            name[0] = byte;
            reader.read_exact(&mut name[1..])?;
        }
        None => reader.read_exact(&mut name)?,
    }
    reader.read_exact(&mut length)?;
    Ok((name, length))
}

/// Which byte of a number comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    /// How samples of so many bytes are stored: integers, or floating-point numbers.
    fn samples(self, is_float: bool, bytes: u16) -> Option<SampleFormat> {
        use SampleFormat::{F32Be, F32Le, F64Be, F64Le};
        use SampleFormat::{S16Be, S16Le, S24Be, S24Le, S32Be, S32Le, U8};
        let is_big = self == Self::Big;
        let (little, big) = match (is_float, bytes) {
            (false, 1) => (U8, U8),
            (false, 2) => (S16Le, S16Be),
            (false, 3) => (S24Le, S24Be),
            (false, 4) => (S32Le, S32Be),
            (true, 4) => (F32Le, F32Be),
            (true, 8) => (F64Le, F64Be),
            _ => return None,
        };
        Some(if is_big { big } else { little })
    }
}

/// What a `fmt ` chunk says.
struct Format {
    codec: WavCodec,
    layout: Layout,
    rate_hz: u32,
}

fn parse_format(chunk: &[u8], order: Order) -> Result<Format, DecodeError> {
    const EXTENSIBLE: u16 = 0xfffe;
    let short = || DecodeError::damaged("its format chunk is too short");
    let u16_at = |at| {
        word_at(chunk, at)
            .map(|word| order.u16(word))
            .ok_or_else(short)
    };
    let u32_at = |at| {
        word_at(chunk, at)
            .map(|word| order.u32(word))
            .ok_or_else(short)
    };
    let channels = u16_at(2)?;
    let rate_hz = u32_at(4)?;
    let (tag, mask) = match u16_at(0)? {
        EXTENSIBLE => (u16_at(24)?, u32_at(20)?),
        tag => (tag, 0),
    };
    check_range(u64::from(channels), rate_hz)?;
    let codec = match tag {
        1 | 3 => {
            let room = Room {
                channels,
                bits: u16_at(14)?,
                frame: u16_at(12)?,
                second: u32_at(8)?,
                rate_hz,
                is_extensible: order.u16(word_at(chunk, 0).unwrap_or_default()) == EXTENSIBLE,
            };
            let bytes = room.of_a_sample().ok_or_else(|| room.contradiction())?;
            let samples = order.samples(tag == 3, bytes);
            samples.map_or(WavCodec::Foreign(tag), WavCodec::Pcm)
        }
        6 => WavCodec::Pcm(SampleFormat::ALaw),
        7 => WavCodec::Pcm(SampleFormat::MuLaw),
        2 | 0x11 => WavCodec::Adpcm,
        _ => WavCodec::Foreign(tag),
    };
    if order == Order::Big && !matches!(codec, WavCodec::Pcm(_)) {
        return Err(DecodeError::Refused(format!(
            "it is a big-endian WAV file of {}, which ffmpeg takes for noise too; convert it with \
             another program",
            codec.name()
        )));
    }
    Ok(Format {
        codec,
        layout: Layout::new(channels, mask),
        rate_hz,
    })
}

/// Reads the first `wanted` bytes of a chunk and skips the rest.
fn read_start(reader: &mut dyn Read, length: u64, wanted: usize) -> io::Result<Vec<u8>> {
    let mut start = vec![0; wanted.min(length as usize)];
    reader.read_exact(&mut start)?;
    skip(reader, length - start.len() as u64)?;
    Ok(start)
}

fn skip(reader: &mut dyn Read, bytes: u64) -> io::Result<()> {
    let skipped = io::copy(&mut reader.take(bytes), &mut io::sink())?;
    if skipped < bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

fn word_at<const N: usize>(chunk: &[u8], at: usize) -> Option<[u8; N]> {
    chunk.get(at..)?.first_chunk().copied()
}

fn read_bytes<const N: usize>(reader: &mut dyn Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
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
                layout: Layout::new(2, 0),
                header_bytes: 12 + 12 + 24 + 8,
                data_bytes: 8,
                is_short: true,
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
        assert_eq!(read(&file).unwrap().layout, Layout::new(1, 4));
    }

    #[test]
    fn a_long_file_has_a_length_of_64_bits() {
        let body = format(7, 1, 8_000, 8);
        let mut sizes = [0; 28];
        sizes[8..16].copy_from_slice(&(1_u64 << 33).to_le_bytes());
        let chunks: [(&[u8; 4], u32, &[u8]); 3] = [
            (b"ds64", 28, &sizes),
            (b"fmt ", 16, &body),
            (b"data", u32::MAX, &[]),
        ];
        for riff in [b"RF64", b"BW64"] {
            let header = read(&file(riff, &chunks)).unwrap();
            assert_eq!((header.data_bytes, header.is_short), (1 << 33, false));
        }
    }

    #[test]
    fn a_chunk_of_odd_length_may_come_without_its_padding() {
        let body = format(1, 1, 8_000, 16);
        for padding in [&[0][..], &[]] {
            let junk = [b"abc", padding].concat();
            let chunks: [(&[u8; 4], u32, &[u8]); 3] =
                [(b"fmt ", 16, &body), (b"LIST", 3, &junk), (b"data", 2, &[])];
            let header = read(&file(b"RIFF", &chunks)).unwrap();
            let expected = 12 + 24 + 8 + junk.len() as u64 + 8;
            assert_eq!(header.header_bytes, expected);
        }
    }

    #[test]
    fn numbers_of_rifx_are_the_other_way_round() {
        let mut bytes = b"RIFX\0\0\0\0WAVEfmt \0\0\0\x10".to_vec();
        for word in [1_u16, 2, 0, 44_100, 2, 45_328, 4, 16] {
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend(b"data\0\0\0\x08");
        let header = read(&bytes).unwrap();
        assert_eq!(header.codec, WavCodec::Pcm(SampleFormat::S16Be));
        assert_eq!((header.rate_hz, header.data_bytes), (44_100, 8));
        // ADPCM of that kind is noise to everyone.
        bytes[21] = 0x11;
        assert!(matches!(read(&bytes), Err(DecodeError::Refused(_))));
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
