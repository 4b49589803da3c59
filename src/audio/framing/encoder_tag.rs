//! The first frame of an MP3 file, where it holds no sound but what the encoder says of the others:
//! Xing (and LAME's extension of it) or VBRI.

use super::mpeg_header::MpegHeader;

/// A decoder's own delay, which LAME's figures do not count.
const DECODER_DELAY: u32 = 529;
/// Where VBRI is, behind the header.
const VBRI_AT: usize = 32;

/// What the encoder says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EncoderTag {
    pub(super) source: &'static str,
    /// Frames that follow.
    pub(super) frames: Option<u32>,
    /// Samples at the start that are not sound.
    pub(super) delay: u32,
    /// Samples at the end that are not sound.
    pub(super) padding: u32,
}

impl EncoderTag {
    /// Reads the tag that `frame` holds, if it holds one.
    pub(super) fn read(header: &MpegHeader, frame: &[u8]) -> Option<Self> {
        if header.layer != 3 {
            return None;
        }
        // A checksum would be part of what lies before; the tag is where it is without one.
        let has_checksum = frame.get(1)? & 1 == 0;
        let before = 4 + if has_checksum { 2 } else { 0 };
        let tag_at = |at: usize| {
            let is_silent = frame.get(before..at)?.iter().all(|&byte| byte == 0);
            is_silent.then_some(Fields(frame.get(at..)?))
        };
        let is_xing = |fields: &Fields<'_>| {
            matches!(
                fields.0,
                [b'X', b'i', b'n', b'g', ..] | [b'I', b'n', b'f', b'o', ..]
            )
        };
        if let Some(fields) = tag_at(4 + header.side_info_bytes()).filter(is_xing) {
            return Self::read_xing(fields);
        }
        tag_at(4 + VBRI_AT)
            .filter(|fields| fields.0.starts_with(b"VBRI\0\x01"))
            .and_then(Self::read_vbri)
    }

    fn read_xing(mut fields: Fields<'_>) -> Option<Self> {
        fields.skip(4)?;
        let flags = fields.number(4)?;
        let frames = match flags & 1 {
            0 => None,
            _ => Some(fields.number(4)?),
        };
        // Bytes, table of contents, quality.
        for (flag, bytes) in [(2, 4), (4, 100), (8, 4)] {
            fields.skip(if flags & flag == 0 { 0 } else { bytes })?;
        }
        let plain = Self {
            source: "Xing header",
            frames,
            delay: 0,
            padding: 0,
        };
        let is_extended = [b"LAME", b"Lavf", b"Lavc"]
            .iter()
            .any(|name| fields.0.starts_with(*name));
        let figures = fields.skip(21).and_then(|()| fields.number(3));
        Some(match figures {
            Some(figures) if is_extended => Self {
                source: "LAME tag",
                delay: (figures >> 12) + DECODER_DELAY,
                padding: (figures & 0xfff).saturating_sub(DECODER_DELAY),
                ..plain
            },
            _ => plain,
        })
    }

    fn read_vbri(mut fields: Fields<'_>) -> Option<Self> {
        // Name, version, delay, quality, bytes. The delay is in no known unit.
        fields.skip(14)?;
        Some(Self {
            source: "VBRI header",
            frames: Some(fields.number(4)?),
            delay: 0,
            padding: 0,
        })
    }
}

/// Big-endian numbers, one after the other.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.0 = self.0.get(bytes..)?;
        Some(())
    }

    fn number(&mut self, bytes: usize) -> Option<u32> {
        let value = self
            .0
            .get(..bytes)?
            .iter()
            .fold(0, |value, &byte| value << 8 | u32::from(byte));
        self.skip(bytes)?;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sync::Header;
    use super::*;

    /// A frame of 128 kbit/s at 44.1 kHz with `tag` where it belongs.
    fn tag_of(tag: &[u8], at: usize) -> Option<EncoderTag> {
        let mut frame = vec![0; 417];
        frame[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x64]);
        frame[at..at + tag.len()].copy_from_slice(tag);
        EncoderTag::read(&MpegHeader::read(&frame).unwrap(), &frame)
    }

    #[test]
    fn delays_are_read_with_the_decoders_own() {
        let lame = [
            &b"Info\0\0\0\x0f\0\0\x01\x00\0\0\0\0"[..],
            &[0; 104],
            b"LAME3.100\0\0\0\0\0\0\0\0\0\0\0\0\x24\x05\xa0",
        ]
        .concat();
        let expected = EncoderTag {
            source: "LAME tag",
            frames: Some(256),
            delay: 576 + 529,
            padding: 0x5a0 - 529,
        };
        assert_eq!(tag_of(&lame, 36), Some(expected));
        let plain = b"Xing\0\0\0\x01\0\0\0\x07GOGO";
        let expected = EncoderTag {
            source: "Xing header",
            frames: Some(7),
            delay: 0,
            padding: 0,
        };
        assert_eq!(tag_of(plain, 36), Some(expected));
        let vbri = b"VBRI\0\x01\x0d\xb1\0\x64\0\0\0\0\0\0\0\x09";
        assert_eq!(tag_of(vbri, 36).unwrap().frames, Some(9));
    }

    #[test]
    fn sound_is_not_taken_for_a_tag() {
        assert_eq!(tag_of(b"Xinh\0\0\0\0", 36), None);
        assert_eq!(tag_of(b"\x01\0\0\0Xing\0\0\0\x01\0\0\0\x07", 32), None);
        assert_eq!(tag_of(b"Xing\0\0\0\x01", 409), None);
    }
}
