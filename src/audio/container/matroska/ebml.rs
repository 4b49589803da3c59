//! Elements of EBML (RFC 8794): an identifier, a length, a body.

use std::io;

use crate::audio::container::media::{Media, Window};

/// The length of an element whose end is not known when it is begun.
pub(super) const UNKNOWN: u64 = u64::MAX;

/// An element by where its body is in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) id: u32,
    pub(super) body: u64,
    /// Bytes of the body, or [`UNKNOWN`].
    pub(super) len: u64,
}

impl Element {
    /// The element at `at`; none at the end of the file, or at what is no element.
    pub(super) fn read(
        media: &mut Media,
        window: &mut Window,
        at: u64,
    ) -> io::Result<Option<Self>> {
        let there = media.len().saturating_sub(at).min(12);
        let Some(head) = window.get(media, at, there)? else {
            return Ok(None);
        };
        Ok(read_head(head).map(|(id, len, header)| Self {
            id,
            body: at + header as u64,
            len,
        }))
    }

    /// Where the next element begins.
    pub(super) fn end(&self) -> u64 {
        self.body.saturating_add(self.len)
    }
}

/// Identifier, length of the body and length of the header.
fn read_head(bytes: &[u8]) -> Option<(u32, u64, usize)> {
    let id_len = 1 + bytes.first()?.leading_zeros() as usize;
    if id_len > 4 {
        return None;
    }
    let id = bytes.get(..id_len)?;
    let id = id.iter().fold(0, |id, &byte| id << 8 | u32::from(byte));
    let (len, len_len) = read_length(&bytes[id_len..])?;
    Some((id, len, id_len + len_len))
}

/// A number of variable length (RFC 8794 section 4), and its bytes; [`UNKNOWN`] where all its bits are
/// set.
pub(super) fn read_length(bytes: &[u8]) -> Option<(u64, usize)> {
    let len = 1 + bytes.first()?.leading_zeros() as usize;
    if len > 8 {
        return None;
    }
    let all = unsigned(bytes.get(..len)?)?;
    let mask = (1 << (7 * len)) - 1;
    let value = all & mask;
    Some((if value == mask { UNKNOWN } else { value }, len))
}

/// Identifiers and bodies of the elements in `body`, up to the first that does not fit.
pub(super) fn children(mut body: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    std::iter::from_fn(move || {
        let (id, len, header) = read_head(body)?;
        let child = body[header..].get(..usize::try_from(len).ok()?)?;
        body = &body[header + child.len()..];
        Some((id, child))
    })
}

/// The body of the first element with this identifier.
pub(super) fn child(body: &[u8], id: u32) -> Option<&[u8]> {
    children(body)
        .find(|(found, _)| *found == id)
        .map(|(_, body)| body)
}

/// An unsigned integer of up to 8 bytes.
pub(super) fn unsigned(body: &[u8]) -> Option<u64> {
    let fold = |value, &byte| value << 8 | u64::from(byte);
    (body.len() <= 8).then(|| body.iter().fold(0, fold))
}

/// A signed integer of up to 8 bytes.
pub(super) fn signed(body: &[u8]) -> Option<i64> {
    let value = unsigned(body)?.cast_signed();
    let unused = 64 - 8 * body.len() as u32;
    Some(match unused {
        64 => 0,
        unused => value << unused >> unused,
    })
}

/// A floating-point number of 4 or 8 bytes.
pub(super) fn float(body: &[u8]) -> Option<f64> {
    match *body {
        [a, b, c, d] => Some(f64::from(f32::from_be_bytes([a, b, c, d]))),
        _ => Some(f64::from_be_bytes(*body.first_chunk()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_in_every_width() {
        assert_eq!(read_length(&[0x85]), Some((5, 1)));
        assert_eq!(read_length(&[0x40, 0x05, 9]), Some((5, 2)));
        assert_eq!(read_length(&[1, 0, 0, 0, 0, 0, 0, 5]), Some((5, 8)));
        assert_eq!(read_length(&[0xff]), Some((UNKNOWN, 1)));
        assert_eq!(read_length(&[0x7f, 0xff]), Some((UNKNOWN, 2)));
        assert_eq!(read_length(&[0]), None);
        assert_eq!(read_length(&[0x40]), None);
        assert_eq!(read_length(&[]), None);
    }

    #[test]
    fn numbers_are_read_in_every_width() {
        assert_eq!(unsigned(&[1, 0]), Some(256));
        assert_eq!(unsigned(&[]), Some(0));
        assert_eq!(unsigned(&[0; 9]), None);
        assert_eq!(signed(&[0xff, 0xfe]), Some(-2));
        assert_eq!(signed(&[0x00, 0xfe]), Some(254));
        assert_eq!(float(&8_000.0_f32.to_be_bytes()), Some(8_000.0));
        assert_eq!(float(&44_100.0_f64.to_be_bytes()), Some(44_100.0));
        assert_eq!(float(&[1]), None);
    }

    #[test]
    fn children_end_where_one_does_not_fit() {
        let body = [
            0x83, 0x81, 7, 0x1f, 0x43, 0xb6, 0x75, 0x81, 8, 0x86, 0x85, 0,
        ];
        let found: Vec<_> = children(&body).collect();
        assert_eq!(found, [(0x83, &[7][..]), (0x1f43_b675, &[8][..])]);
        assert_eq!(child(&body, 0x86), None);
    }
}
