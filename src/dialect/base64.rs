//! Bytes in the text of a message: base64.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_PAD_INDIFFERENT};
use bytes::BytesMut;

/// Characters of so many bytes.
pub(super) fn chars(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// Appends the characters of `bytes`.
pub(super) fn put(bytes: &[u8], out: &mut BytesMut) {
    let start = out.len();
    out.resize(start + chars(bytes.len()), 0);
    // There is exactly the room that it takes.
    let _ = STANDARD.encode_slice(bytes, &mut out[start..]);
}

/// The bytes that a text stands for, padded or not; `None` if it is no base64.
pub(super) fn read(text: &str) -> Option<Vec<u8>> {
    STANDARD_PAD_INDIFFERENT.decode(text).ok()
}
