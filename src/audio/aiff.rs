//! AIFF and AIFC headers. As with WAV, reading them ourselves tells a file that was cut off from
//! one whose writer could not know the length.

use std::io::{self, Read, Seek, SeekFrom};

use super::error::{DecodeError, check_range};
use super::sample_format::SampleFormat;

/// What an AIFF header says about its samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AiffHeader {
    pub(super) format: SampleFormat,
    pub(super) rate_hz: u32,
    pub(super) channels: u16,
    /// Where the first sample is.
    pub(super) starts_at: u64,
    /// Bytes of samples, by the header.
    pub(super) data_bytes: u64,
}

/// What a `COMM` chunk says.
struct Common {
    codec: Result<SampleFormat, String>,
    rate_hz: u32,
    channels: u16,
}

/// Bytes of a `COMM` chunk that are of interest.
const COMMON_BYTES: u64 = 22;

/// Reads the header of `file`.
pub(super) fn read_header(file: &mut (impl Read + Seek)) -> Result<AiffHeader, DecodeError> {
    read_chunks(file).map_err(|e| match e {
        DecodeError::Io(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            DecodeError::damaged("the file ends inside its header")
        }
        e => e,
    })
}

fn read_chunks(file: &mut (impl Read + Seek)) -> Result<AiffHeader, DecodeError> {
    let mut position = 12;
    let (mut common, mut sound) = (None, None);
    loop {
        if let (Some(common), Some((starts_at, data_bytes))) = (&common, sound) {
            return header(common, starts_at, data_bytes);
        }
        file.seek(SeekFrom::Start(position))?;
        let mut head = [0; 8];
        file.read_exact(&mut head)?;
        let [name @ .., a, b, c, d] = head;
        let length = u64::from(u32::from_be_bytes([a, b, c, d]));
        position += 8;
        match &name {
            b"COMM" => {
                let mut chunk = Vec::new();
                let kept = length.min(COMMON_BYTES);
                Read::by_ref(file).take(kept).read_to_end(&mut chunk)?;
                common = Some(parse_common(&chunk)?);
            }
            b"SSND" => {
                let mut offset = [0; 8];
                file.read_exact(&mut offset)?;
                let [a, b, c, d, ..] = offset;
                let offset = u64::from(u32::from_be_bytes([a, b, c, d]));
                // A placeholder for the length may be just that of these two numbers.
                let data_bytes = length.saturating_sub(8 + offset);
                sound = Some((position + 8 + offset, data_bytes));
            }
            _ => {}
        }
        position += length.next_multiple_of(2);
    }
}

fn header(common: &Common, starts_at: u64, data_bytes: u64) -> Result<AiffHeader, DecodeError> {
    let Common {
        codec,
        rate_hz,
        channels,
    } = common;
    let format = codec
        .clone()
        .map_err(|codec| DecodeError::NoDecoder { codec })?;
    check_range(u64::from(*channels), *rate_hz)?;
    Ok(AiffHeader {
        format,
        rate_hz: *rate_hz,
        channels: *channels,
        starts_at,
        data_bytes,
    })
}

fn parse_common(chunk: &[u8]) -> Result<Common, DecodeError> {
    let short = || DecodeError::damaged("its COMM chunk is too short");
    let number = |at: usize| {
        let bytes = chunk.get(at..).and_then(<[u8]>::first_chunk);
        bytes.copied().map(u16::from_be_bytes).ok_or_else(short)
    };
    let bits = number(6)?;
    let exponent = number(8)?;
    let mantissa = chunk.get(10..).and_then(<[u8]>::first_chunk);
    let mantissa = u64::from_be_bytes(*mantissa.ok_or_else(short)?);
    let codec = chunk.get(18..22).unwrap_or(b"NONE");
    Ok(Common {
        codec: sample_format(codec, bits)
            .ok_or_else(|| format!("aiff of codec {}", String::from_utf8_lossy(codec))),
        rate_hz: extended(exponent, mantissa),
        channels: number(0)?,
    })
}

fn sample_format(codec: &[u8], bits: u16) -> Option<SampleFormat> {
    use SampleFormat::{
        ALaw, F32Be, F64Be, MuLaw, S8, S16Be, S16Le, S24Be, S24Le, S32Be, S32Le, U8,
    };
    let by_size = |formats: [SampleFormat; 4]| {
        let at = usize::from(bits.div_ceil(8)).checked_sub(1)?;
        formats.get(at).copied()
    };
    Some(match codec {
        b"NONE" | b"twos" => by_size([S8, S16Be, S24Be, S32Be])?,
        b"sowt" => by_size([S8, S16Le, S24Le, S32Le])?,
        b"raw " if bits <= 8 => U8,
        b"in24" => S24Be,
        b"in32" => S32Be,
        b"42ni" => S24Le,
        b"23ni" => S32Le,
        b"fl32" | b"FL32" => F32Be,
        b"fl64" | b"FL64" => F64Be,
        b"alaw" | b"ALAW" => ALaw,
        b"ulaw" | b"ULAW" => MuLaw,
        _ => return None,
    })
}

/// A positive number in 80 bits, rounded; 0 for what is none, or too large.
fn extended(exponent: u16, mantissa: u64) -> u32 {
    // The mantissa has its point behind the highest bit.
    let Some(shift) = (16_383 + 63_u32).checked_sub(u32::from(exponent)) else {
        return 0;
    };
    let whole = mantissa.checked_shr(shift).unwrap_or(0);
    let half = match shift {
        0 => 0,
        _ => mantissa.checked_shr(shift - 1).unwrap_or(0) & 1,
    };
    u32::try_from(whole.saturating_add(half)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn chunk(name: &[u8; 4], length: u32, body: &[u8]) -> Vec<u8> {
        [name.as_slice(), &length.to_be_bytes(), body].concat()
    }

    fn common(channels: u16, bits: u16, codec: Option<&[u8; 4]>) -> Vec<u8> {
        let mut body = channels.to_be_bytes().to_vec();
        body.extend(7_u32.to_be_bytes());
        body.extend(bits.to_be_bytes());
        // 44100 Hz.
        body.extend([0x40, 0x0e, 0xac, 0x44, 0, 0, 0, 0, 0, 0]);
        body.extend(codec.into_iter().flatten());
        chunk(b"COMM", body.len() as u32, &body)
    }

    fn read(chunks: &[Vec<u8>]) -> Result<AiffHeader, DecodeError> {
        let file = [b"FORM\0\0\0\0AIFC".to_vec(), chunks.concat()].concat();
        read_header(&mut Cursor::new(file))
    }

    #[test]
    fn chunks_come_in_any_order_and_unknown_ones_are_skipped() {
        let sound = chunk(
            b"SSND",
            8 + 2 + 4,
            &[0, 0, 0, 2, 0, 0, 0, 0, 9, 9, 1, 2, 3, 4],
        );
        let before = chunk(b"ANNO", 3, b"abc\0");
        let there = read(&[before.clone(), common(2, 16, None), sound.clone()]).unwrap();
        assert_eq!(
            there,
            AiffHeader {
                format: SampleFormat::S16Be,
                rate_hz: 44_100,
                channels: 2,
                starts_at: 12 + 12 + 26 + 8 + 8 + 2,
                data_bytes: 4,
            }
        );
        let sound_first = read(&[before, sound, common(2, 16, None)]).unwrap();
        assert_eq!(sound_first.starts_at, 12 + 12 + 8 + 8 + 2);
    }

    #[test]
    fn codecs_are_known_by_their_names() {
        let format = |codec: &[u8; 4], bits| {
            let sound = chunk(b"SSND", 8, &[0; 8]);
            read(&[common(1, bits, Some(codec)), sound]).map(|header| header.format)
        };
        for (codec, bits, expected) in [
            (b"sowt", 16, SampleFormat::S16Le),
            (b"NONE", 8, SampleFormat::S8),
            (b"raw ", 8, SampleFormat::U8),
            (b"fl32", 32, SampleFormat::F32Be),
            (b"FL64", 64, SampleFormat::F64Be),
            (b"ulaw", 16, SampleFormat::MuLaw),
            (b"42ni", 24, SampleFormat::S24Le),
            (b"twos", 12, SampleFormat::S16Be),
        ] {
            assert_eq!(format(codec, bits).unwrap(), expected);
        }
        let unknown = format(b"ima4", 16);
        assert!(matches!(unknown, Err(DecodeError::NoDecoder { .. })));
    }

    #[test]
    fn rates_in_80_bits_are_rounded_and_nonsense_is_no_rate() {
        assert_eq!(extended(0x400e, 0xac44_0000_0000_0000), 44_100);
        assert_eq!(extended(0x400d, 0xaddc_0000_0000_0000), 22_254);
        // 22254 6/11 Hz, of old Macintoshes.
        assert_eq!(extended(0x400d, 0xaddd_1745_d174_5d17), 22_255);
        assert_eq!(extended(0, u64::MAX), 0);
        assert_eq!(extended(u16::MAX, u64::MAX), 0);
    }

    #[test]
    fn a_file_that_ends_in_its_header_is_damaged() {
        for cut in [12, 20, 40] {
            let whole = [b"FORM\0\0\0\0AIFF".to_vec(), common(1, 16, None)].concat();
            let error = read_header(&mut Cursor::new(&whole[..cut.min(whole.len())]));
            assert!(matches!(error, Err(DecodeError::Damaged(_))), "{cut}");
        }
        assert!(matches!(
            read(&[chunk(b"COMM", 2, &[0, 1]), chunk(b"SSND", 8, &[0; 8])]),
            Err(DecodeError::Damaged(_))
        ));
    }
}
