//! What a FLAC stream and its frames say of themselves (RFC 9639 sections 8.2 and 9.1).

use symphonia::core::checksum::Crc8Ccitt;
use symphonia::core::io::Monitor;

/// The most samples of a channel in a frame.
const MAX_BLOCK: u16 = u16::MAX;
const RATES_HZ: [u32; 11] = [
    88_200, 176_400, 192_000, 8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000,
];

/// What is equal in all frames of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) rate_hz: u32,
    pub(super) channels: u8,
    pub(super) bits: u8,
}

impl Shape {
    /// Bytes of the metadata block.
    pub(super) const BLOCK_BYTES: usize = 34;

    /// Reads a STREAMINFO block: the shape, and the samples of a channel where it states them. Its
    /// limits of blocks and frames are not needed, and are wrong in some files.
    pub(super) fn read(block: &[u8]) -> Option<(Self, Option<u64>)> {
        let fields = block
            .get(10..18)?
            .iter()
            .fold(0, |fields, &byte| fields << 8 | u64::from(byte));
        let shape = Self {
            rate_hz: (fields >> 44) as u32,
            channels: (fields >> 41 & 7) as u8 + 1,
            bits: (fields >> 36 & 31) as u8 + 1,
        };
        let samples = fields & 0xf_ffff_ffff;
        Some((shape, (samples > 0).then_some(samples)))
    }

    /// A STREAMINFO block with this shape and no limits.
    pub(super) fn block(&self) -> Box<[u8]> {
        let fields = u64::from(self.rate_hz) << 44
            | u64::from(self.channels - 1) << 41
            | u64::from(self.bits - 1) << 36;
        let mut block = vec![0; Self::BLOCK_BYTES];
        block[..2].copy_from_slice(&16_u16.to_be_bytes());
        block[2..4].copy_from_slice(&MAX_BLOCK.to_be_bytes());
        block[10..18].copy_from_slice(&fields.to_be_bytes());
        block.into()
    }
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FlacHeader {
    is_variable: bool,
    pub(super) samples: u32,
    rate_hz: Option<u32>,
    channels: u8,
    bits: Option<u8>,
    /// Of the frame, or of its first sample where blocks vary.
    number: u64,
}

impl FlacHeader {
    /// A length that no header exceeds.
    pub(super) const MAX_BYTES: usize = 16;

    /// Reads a header, whose checksum must be right.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let &[0xff, second @ (0xf8 | 0xf9), third, fourth, ..] = bytes else {
            return None;
        };
        let mut rest = bytes.get(4..)?;
        let number = read_number(&mut rest)?;
        let mut take = |count: usize| {
            let (value, behind) = rest.split_at_checked(count)?;
            rest = behind;
            Some(
                value
                    .iter()
                    .fold(0, |value, &byte| value << 8 | u32::from(byte)),
            )
        };
        let samples = match third >> 4 {
            0 => return None,
            1 => 192,
            code @ 2..=5 => 144 << code,
            6 => take(1)? + 1,
            7 => take(2)? + 1,
            code => 1 << code,
        };
        let rate_hz = match third & 0xf {
            0 => None,
            12 => Some(take(1)? * 1_000),
            13 => Some(take(2)?),
            14 => Some(take(2)? * 10),
            code => Some(*RATES_HZ.get(usize::from(code) - 1)?),
        };
        let bits = match fourth >> 1 & 7 {
            0 => None,
            1 => Some(8),
            2 => Some(12),
            4 => Some(16),
            5 => Some(20),
            6 => Some(24),
            7 => Some(32),
            _ => return None,
        };
        let channels = match fourth >> 4 {
            code @ 0..=7 => code + 1,
            8..=10 => 2,
            _ => return None,
        };
        let header_bytes = bytes.len() - rest.len();
        let mut checksum = Crc8Ccitt::new(0);
        checksum.process_buf_bytes(&bytes[..header_bytes]);
        let is_right = fourth & 1 == 0 && bytes.get(header_bytes) == Some(&checksum.crc());
        is_right.then_some(Self {
            is_variable: second & 1 == 1,
            samples,
            rate_hz,
            channels,
            bits,
            number,
        })
    }

    /// The shape of the frame; `stated` is that of STREAMINFO.
    pub(super) fn shape(&self, stated: Shape) -> Shape {
        Shape {
            rate_hz: self.rate_hz.unwrap_or(stated.rate_hz),
            channels: self.channels,
            bits: self.bits.unwrap_or(stated.bits),
        }
    }

    /// Whether this frame comes a little later than `other` in one stream.
    pub(super) fn is_soon_after(&self, other: &Self) -> bool {
        const SOON: u64 = 64;
        let step = if self.is_variable {
            SOON * u64::from(MAX_BLOCK)
        } else {
            SOON
        };
        self.is_variable == other.is_variable
            && self.number > other.number
            && self.number - other.number <= step
    }
}

/// Reads a number that is coded as UTF-8 codes characters, of up to 36 bits.
fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let (&first, rest) = bytes.split_first()?;
    let more = match first.leading_ones() {
        0 => 0,
        ones @ 2..=7 => ones as usize - 1,
        _ => return None,
    };
    let (others, rest) = rest.split_at_checked(more)?;
    *bytes = rest;
    let high = u64::from(first) & (0x7f >> more.min(6)) >> u32::from(more > 0);
    others.iter().try_fold(high, |number, &byte| {
        (byte >> 6 == 0b10).then_some(number << 6 | u64::from(byte & 0x3f))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_and_frame_headers_are_read() {
        let shape = Shape {
            rate_hz: 44_100,
            channels: 2,
            bits: 16,
        };
        assert_eq!(Shape::read(&shape.block()), Some((shape, None)));
        // From a file of libFLAC: 4096 samples, 44.1 kHz, two channels, 16 bits, frame 0.
        let header = FlacHeader::read(&[0xff, 0xf8, 0xc9, 0x18, 0x00, 0xc2]).unwrap();
        assert_eq!((header.samples, header.number), (4_096, 0));
        assert_eq!(
            header.shape(Shape {
                rate_hz: 1,
                ..shape
            }),
            shape
        );
        assert_eq!(
            FlacHeader::read(&[0xff, 0xf8, 0xc9, 0x18, 0x00, 0xc3]),
            None
        );
        assert_eq!(FlacHeader::read(&[0xff, 0xf8, 0xc9]), None);
    }

    #[test]
    fn numbers_are_read() {
        let number = |mut bytes: &[u8]| read_number(&mut bytes);
        assert_eq!(number(&[0x7f]), Some(127));
        assert_eq!(number(&[0xc2, 0x80]), Some(128));
        assert_eq!(number(&[0xe1, 0x80, 0x81]), Some(0x1001));
        assert_eq!(
            number(&[0xfe, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf]),
            Some((1 << 36) - 1)
        );
        assert_eq!(number(&[0x80]), None);
        assert_eq!(number(&[0xc2, 0xc0]), None);
        assert_eq!(number(&[0xc2]), None);
    }
}
