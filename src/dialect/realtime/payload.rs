//! Audio in events: base64 of the bytes of its codec.

use bytes::{Bytes, BytesMut};

use crate::dialect::base64;
use crate::pcm::codec::Codec;

const HEAD: &[u8] = br#"{"type":"input_audio_buffer.append","audio":""#;
const TAIL: &[u8] = br#""}"#;

/// Bytes of the event of a chunk of so many bytes.
pub(in crate::dialect) fn frame_bytes(chunk_bytes: usize) -> usize {
    HEAD.len() + base64::chars(chunk_bytes) + TAIL.len()
}

/// Appends the event of a chunk. It has no id, so that all sessions share it.
pub(in crate::dialect) fn put_audio(chunk: &[u8], out: &mut BytesMut) {
    out.extend_from_slice(HEAD);
    base64::put(chunk, out);
    out.extend_from_slice(TAIL);
}

/// The PCM16 little-endian of what a server sent, and the bytes that it had on the wire; `None` if it is no
/// base64.
pub(super) fn decode(text: &str, codec: Codec) -> Option<(Bytes, usize)> {
    let bytes = base64::read(text)?;
    let length = bytes.len();
    let pcm = match codec {
        Codec::Pcm16 => bytes,
        Codec::MuLaw | Codec::ALaw => Codec::Pcm16.encode(&codec.decode(&bytes)),
    };
    Some((pcm.into(), length))
}
