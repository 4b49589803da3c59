//! The header of an MPEG audio frame (ISO/IEC 11172-3 section 2.4.1.3, 13818-3, and MPEG-2.5).

use super::sync::Header;

/// Bit rates in kbit/s by their index, from 1 on.
const MPEG1_LAYER1: [u32; 14] = [
    32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448,
];
const MPEG1_LAYER2: [u32; 14] = [
    32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
];
const MPEG1_LAYER3: [u32; 14] = [
    32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
];
const MPEG2_LAYER1: [u32; 14] = [
    32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256,
];
const MPEG2_LAYERS_2_3: [u32; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

const RATES_HZ: [u32; 3] = [44_100, 48_000, 32_000];
const MPEG1: u8 = 0b11;
const MPEG2: u8 = 0b10;

/// One frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MpegHeader {
    /// The bits of the version.
    version: u8,
    /// 1, 2 or 3.
    pub(super) layer: u8,
    pub(super) rate_hz: u32,
    pub(super) channels: u8,
    frame_bytes: usize,
}

impl Header for MpegHeader {
    const BYTES: usize = 4;
    const MAX_FRAME_BYTES: usize = 2_881;

    fn read(bytes: &[u8]) -> Option<Self> {
        let &[0xff, second, third, fourth, ..] = bytes else {
            return None;
        };
        let version = second >> 3 & 0b11;
        let layer = 4 - (second >> 1 & 0b11);
        if second & 0xe0 != 0xe0 || version == 0b01 || layer == 4 {
            return None;
        }
        let halvings = match version {
            MPEG1 => 0,
            MPEG2 => 1,
            _ => 2,
        };
        let rate_hz = RATES_HZ.get(usize::from(third >> 2 & 0b11))? >> halvings;
        let rates = match (version, layer) {
            (MPEG1, 1) => MPEG1_LAYER1,
            (MPEG1, 2) => MPEG1_LAYER2,
            (MPEG1, _) => MPEG1_LAYER3,
            (_, 1) => MPEG2_LAYER1,
            _ => MPEG2_LAYERS_2_3,
        };
        // Index 0 is a rate that is not named ("free format"), 15 is none.
        let bits_per_s = 1_000 * rates.get(usize::from(third >> 4).checked_sub(1)?)?;
        let padding = third >> 1 & 1;
        let frame_bytes = match layer {
            1 => (12 * bits_per_s / rate_hz + u32::from(padding)) * 4,
            3 if version != MPEG1 => 72 * bits_per_s / rate_hz + u32::from(padding),
            _ => 144 * bits_per_s / rate_hz + u32::from(padding),
        };
        Some(Self {
            version,
            layer,
            rate_hz,
            channels: if fourth >> 6 == 0b11 { 1 } else { 2 },
            frame_bytes: frame_bytes as usize,
        })
    }

    fn frame_bytes(&self) -> usize {
        self.frame_bytes
    }

    fn is_like(&self, other: &Self) -> bool {
        (self.version, self.layer, self.rate_hz, self.channels)
            == (other.version, other.layer, other.rate_hz, other.channels)
    }
}

impl MpegHeader {
    /// Samples of a channel in a frame.
    pub(super) fn samples(&self) -> u32 {
        match self.layer {
            1 => 384,
            3 if self.version != MPEG1 => 576,
            _ => 1_152,
        }
    }

    /// Bytes of the side information of layer III.
    pub(super) fn side_info_bytes(&self) -> usize {
        match (self.version, self.channels) {
            (MPEG1, 1) => 17,
            (MPEG1, _) => 32,
            (_, 1) => 9,
            _ => 17,
        }
    }
}

/// Whether a frame of layer III has a block whose lower bands have another window than the rest.
pub(in super::super) fn has_mixed_blocks(frame: &[u8]) -> bool {
    let Some(header) = MpegHeader::read(frame).filter(|header| header.layer == 3) else {
        return false;
    };
    // Where the fields of the first block begin in the side information, how many bits they have for
    // each block, and where of those the flag is that says that windows switch.
    let (first, bits, switch) = match (header.version, header.channels) {
        (MPEG1, 1) => (18, 59, 33),
        (MPEG1, _) => (20, 59, 33),
        (_, 1) => (9, 63, 38),
        _ => (10, 63, 38),
    };
    let granules = if header.version == MPEG1 { 2 } else { 1 };
    let has_checksum = frame[1] & 1 == 0;
    let side_info = frame
        .get(if has_checksum { 6 } else { 4 }..)
        .unwrap_or_default();
    let bit = |at: usize| {
        side_info
            .get(at / 8)
            .is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1)
    };
    (0..granules * usize::from(header.channels)).any(|block| {
        let at = first + block * bits + switch;
        // Behind it are two bits of the kind of window.
        bit(at) && bit(at + 3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: [u8; 4]) -> (u8, u32, u8, usize, u32) {
        let header = MpegHeader::read(&bytes).unwrap();
        (
            header.layer,
            header.rate_hz,
            header.channels,
            header.frame_bytes,
            header.samples(),
        )
    }

    #[test]
    fn headers_of_all_versions_and_layers_are_read() {
        assert_eq!(read([0xff, 0xfb, 0x90, 0x64]), (3, 44_100, 2, 417, 1_152));
        assert_eq!(read([0xff, 0xfb, 0x92, 0xc4]), (3, 44_100, 1, 418, 1_152));
        assert_eq!(read([0xff, 0xf3, 0x80, 0xc4]), (3, 22_050, 1, 208, 576));
        assert_eq!(read([0xff, 0xe3, 0x18, 0xc4]), (3, 8_000, 1, 72, 576));
        assert_eq!(read([0xff, 0xfd, 0xa4, 0x04]), (2, 48_000, 2, 576, 1_152));
        assert_eq!(read([0xff, 0xf5, 0x84, 0x04]), (2, 24_000, 2, 384, 1_152));
        assert_eq!(read([0xff, 0xff, 0x60, 0x04]), (1, 44_100, 2, 208, 384));
    }

    #[test]
    fn mixed_blocks_are_seen_in_every_place_where_they_may_be() {
        for (header, places) in [
            ([0xff, 0xfb, 0x90, 0xc4], vec![18, 77]),
            ([0xff, 0xfb, 0x90, 0x64], vec![20, 79, 138, 197]),
            ([0xff, 0xf3, 0x80, 0xc4], vec![9]),
            ([0xff, 0xf2, 0x80, 0x44], vec![10, 73]),
        ] {
            let plain = [&header[..], &[0; 200]].concat();
            assert!(!has_mixed_blocks(&plain));
            let head_bytes = if header[1] & 1 == 0 { 6 } else { 4 };
            let switch = if header[1] & 8 == 0 { 38 } else { 33 };
            for place in places {
                let set = |bits: &[usize]| {
                    let mut frame = plain.clone();
                    for bit in bits {
                        let at = place + switch + bit;
                        frame[head_bytes + at / 8] |= 0x80 >> (at % 8);
                    }
                    has_mixed_blocks(&frame)
                };
                assert!(set(&[0, 1, 3]), "{header:x?} {place}");
                assert!(!set(&[0, 1]) && !set(&[3]), "{header:x?} {place}");
            }
        }
        assert!(!has_mixed_blocks(&[0xff, 0xfd, 0xa4, 0x04, 0xff, 0xff]));
        assert!(!has_mixed_blocks(&[0xff, 0xfa, 0x90, 0xc4]));
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for bytes in [
            [0xff, 0xf1, 0x50, 0x80],
            [0xff, 0xfb, 0xf0, 0x64],
            [0xff, 0xfb, 0x00, 0x64],
            [0xff, 0xfb, 0x9c, 0x64],
            [0xff, 0xeb, 0x90, 0x64],
            [0xfe, 0xfb, 0x90, 0x64],
        ] {
            assert_eq!(MpegHeader::read(&bytes), None, "{bytes:x?}");
        }
        assert_eq!(MpegHeader::read(&[0xff, 0xfb, 0x90]), None);
    }
}
