//! gRPC's messages as they are sent: not compressed, their length before them.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;

/// Bytes before a message.
pub(super) const HEADER_BYTES: usize = 5;

/// `message` as a stream carries it.
#[must_use]
pub fn frame(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut out = BytesMut::with_capacity(HEADER_BYTES + length);
    put_header(&mut out, length);
    out.put(message.encode_to_vec().as_slice());
    out.freeze()
}

/// Appends what comes before a message of so many bytes.
pub(super) fn put_header(out: &mut BytesMut, length: usize) {
    out.put_u8(0);
    out.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
}
