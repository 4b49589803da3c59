//! Tags before, between and behind frames: ID3, APE and Lyrics3. They are not sound, nor damage.

use std::io;

use super::window::Window;

/// Moves `window` behind the tag that begins there, if one does.
///
/// # Errors
/// Those of reading.
pub(super) fn skip_tag(window: &mut Window) -> io::Result<bool> {
    let bytes = tag_bytes(window.peek(MAX_HEADER_BYTES)?);
    window.skip(bytes)?;
    Ok(bytes > 0)
}

/// Whether `head` begins a tag.
pub(super) fn is_tag(head: &[u8]) -> bool {
    tag_bytes(head) > 0
}

/// As much as has to be seen of a tag to know its length.
const MAX_HEADER_BYTES: usize = 32;
const ID3V1_BYTES: u64 = 128;
const ID3V1_EXTENSION_BYTES: u64 = 227;

/// The length of the tag that `head` begins; 0 when it does not begin one.
fn tag_bytes(head: &[u8]) -> u64 {
    match head {
        [b'I', b'D', b'3', major, minor, flags, a, b, c, d, ..]
            if *major < 0xff && *minor < 0xff && (a | b | c | d) & 0x80 == 0 =>
        {
            let body = [a, b, c, d]
                .iter()
                .fold(0, |size, &&bits| size << 7 | u64::from(bits));
            let footer = if flags & 0x10 == 0 { 0 } else { 10 };
            10 + body + footer
        }
        [b'T', b'A', b'G', b'+', ..] => ID3V1_EXTENSION_BYTES,
        [b'T', b'A', b'G', ..] => ID3V1_BYTES,
        _ if head.starts_with(b"APETAGEX") && head.len() >= 32 => {
            let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| head[at + i]));
            let is_header = word(20) & 1 << 29 != 0;
            32 + if is_header { u64::from(word(12)) } else { 0 }
        }
        _ if head.starts_with(b"LYRICSBEGIN") => 11,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_skipped_whole() {
        assert_eq!(tag_bytes(b"ID3\x04\0\0\0\0\x02\x01"), 10 + 257);
        assert_eq!(tag_bytes(b"ID3\x04\0\x10\0\0\x02\x01"), 20 + 257);
        assert_eq!(tag_bytes(b"ID3\x04\0\0\xff\0\x02\x01"), 0);
        assert_eq!(tag_bytes(b"TAGTitle"), 128);
        let mut ape = b"APETAGEX\xd0\x07\0\0\x64\0\0\0\x01\0\0\0".to_vec();
        ape.extend([0, 0, 0, 0xa0]);
        ape.extend([0; 8]);
        assert_eq!(tag_bytes(&ape), 132);
        ape[23] = 0x80;
        assert_eq!(tag_bytes(&ape), 32);
        assert_eq!(tag_bytes(b"\xff\xfb\x90\x64"), 0);
        assert_eq!(tag_bytes(b""), 0);
    }
}
