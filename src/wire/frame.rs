//! gRPC frames: a byte that says whether the message is compressed, the length in four, the protobuf
//! message. Ours are not compressed; those of a server may be, as [`ACCEPTED_ENCODINGS`] says.

use std::io::Read;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use flate2::read::{GzDecoder, ZlibDecoder};
use prost::Message;

use super::voice_workflow::{ClientMessage, client_message::Content};

/// Largest server message that is accepted; larger ones are refused, not buffered.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// The `grpc-accept-encoding` header: what compressed messages may be compressed by.
pub const ACCEPTED_ENCODINGS: &str = "gzip, deflate";

/// The first bytes of what gzip has made; what deflate has made (RFC 1950, as gRPC means it) has
/// others.
const GZIP: [u8; 2] = [0x1f, 0x8b];

const HEADER_BYTES: usize = 5;
/// Tag of `ClientMessage.audio_chunk`: field 2, length-delimited.
const AUDIO_TAG: u8 = 2 << 3 | 2;

/// What can be wrong with a peer's frames.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A compressed message that is neither gzip nor deflate, or is damaged.
    #[error(
        "the server sent a compressed message that cannot be unpacked ({ACCEPTED_ENCODINGS} are offered): {0}"
    )]
    Compressed(String),
    /// A message beyond [`MAX_MESSAGE_BYTES`].
    #[error(
        "the server sent a message of {0} bytes or more; at most {MAX_MESSAGE_BYTES} are accepted"
    )]
    TooLarge(usize),
    /// The stream ended inside a message.
    #[error("the stream ended inside a message")]
    Truncated,
}

/// Frames one client message.
#[must_use]
pub fn frame(content: Content) -> Bytes {
    frame_message(&ClientMessage {
        content: Some(content),
    })
}

/// Frames a message of any kind.
#[must_use]
pub fn frame_message(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut out = BytesMut::with_capacity(HEADER_BYTES + length);
    put_header(&mut out, length);
    out.put(message.encode_to_vec().as_slice());
    out.freeze()
}

fn put_header(out: &mut BytesMut, length: usize) {
    out.put_u8(0);
    out.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
}

/// Bytes of a frame around a chunk of so many bytes of audio.
#[must_use]
pub fn envelope_bytes(chunk_bytes: usize) -> usize {
    HEADER_BYTES + 1 + prost::length_delimiter_len(chunk_bytes)
}

/// The chunks of one stretch of PCM, framed once and shared by all that send them.
#[derive(Debug, Clone)]
pub struct FramedAudio {
    frames: Bytes,
    /// Of each chunk but the last, which may be shorter.
    envelope_bytes: usize,
    /// Of the first chunk.
    chunk_bytes: usize,
    pcm_bytes: usize,
}

impl FramedAudio {
    /// Frames `pcm` (little-endian PCM16) in chunks of `chunk_bytes`; the last may be shorter.
    #[must_use]
    pub fn new(pcm: &[u8], chunk_bytes: usize) -> FramedAudio {
        let chunk_bytes = chunk_bytes.max(1);
        let chunks = pcm.len().div_ceil(chunk_bytes);
        FramedAudio::cut(pcm, std::iter::repeat_n(chunk_bytes, chunks))
    }

    /// Frames `pcm` in chunks of these sizes, whose envelopes must be equally long; the last may be
    /// shorter.
    #[must_use]
    pub fn cut(pcm: &[u8], sizes: impl Iterator<Item = usize> + Clone) -> FramedAudio {
        let chunk_bytes = sizes.clone().next().unwrap_or(1);
        let envelope_bytes = envelope_bytes(chunk_bytes);
        let most = pcm.len() + sizes.clone().count() * envelope_bytes;
        let mut frames = BytesMut::with_capacity(most);
        let mut rest = pcm;
        for size in sizes {
            if rest.is_empty() {
                break;
            }
            let (chunk, later) = rest.split_at(size.min(rest.len()));
            rest = later;
            put_header(
                &mut frames,
                1 + prost::length_delimiter_len(chunk.len()) + chunk.len(),
            );
            frames.put_u8(AUDIO_TAG);
            put_varint(&mut frames, chunk.len());
            frames.put_slice(chunk);
        }
        FramedAudio {
            frames: frames.freeze(),
            envelope_bytes,
            chunk_bytes,
            pcm_bytes: pcm.len() - rest.len(),
        }
    }

    /// Bytes that it takes in memory.
    #[must_use]
    pub fn framed_bytes(&self) -> usize {
        self.frames.len()
    }

    /// Whether nobody else holds it, or a chunk of it.
    #[must_use]
    pub fn is_unshared(&self) -> bool {
        self.frames.is_unique()
    }

    /// The frame of chunk `k` and its PCM bytes, where all are as long as the first, without
    /// copying; empty beyond the last.
    #[must_use]
    pub fn chunk(&self, k: usize) -> (Bytes, usize) {
        self.chunk_at(k, k.saturating_mul(self.chunk_bytes), self.chunk_bytes)
    }

    /// The frame of chunk `k`, which is `bytes` long and has `before` bytes of PCM before it, and
    /// its PCM bytes, without copying; empty beyond the last.
    #[must_use]
    pub fn chunk_at(&self, k: usize, before: usize, bytes: usize) -> (Bytes, usize) {
        let start = before.saturating_add(k.saturating_mul(self.envelope_bytes));
        let start = start.min(self.frames.len());
        let end = start.saturating_add(self.envelope_bytes + bytes);
        let pcm = self.pcm_bytes.saturating_sub(before).min(bytes);
        (self.frames.slice(start..end.min(self.frames.len())), pcm)
    }
}

fn put_varint(out: &mut BytesMut, mut value: usize) {
    while value >= 0x80 {
        out.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

/// Finds messages in the bytes of a stream, however they were cut.
#[derive(Debug, Default)]
pub struct FrameReader {
    buffered: BytesMut,
}

impl FrameReader {
    /// Takes the next bytes of the stream and hands each complete message to `each`.
    ///
    /// # Errors
    /// A message that cannot be unpacked or is too large; the stream is of no use after it.
    pub fn push(&mut self, mut data: Bytes, mut each: impl FnMut(Bytes)) -> Result<(), FrameError> {
        if self.buffered.is_empty() {
            // The usual case: whole messages, which are passed on without a copy.
            while let Some(frame) = complete(&data)? {
                data.advance(HEADER_BYTES);
                each(frame.message(data.split_to(frame.length))?);
            }
            self.buffered.extend_from_slice(&data);
            return Ok(());
        }
        self.buffered.extend_from_slice(&data);
        while let Some(frame) = complete(&self.buffered)? {
            self.buffered.advance(HEADER_BYTES);
            each(frame.message(self.buffered.split_to(frame.length).freeze())?);
        }
        Ok(())
    }

    /// Checks that the stream did not end inside a message.
    ///
    /// # Errors
    /// When it did.
    pub fn finish(&self) -> Result<(), FrameError> {
        if self.buffered.is_empty() {
            Ok(())
        } else {
            Err(FrameError::Truncated)
        }
    }
}

/// What the head of a frame says.
struct Frame {
    compressed: bool,
    length: usize,
}

impl Frame {
    fn message(&self, payload: Bytes) -> Result<Bytes, FrameError> {
        match self.compressed {
            false => Ok(payload),
            true => unpacked(&payload),
        }
    }
}

/// The frame that `bytes` start with, once all of it is there.
fn complete(bytes: &[u8]) -> Result<Option<Frame>, FrameError> {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
        return Ok(None);
    };
    let [flag, a, b, c, d] = *header;
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    if length > MAX_MESSAGE_BYTES {
        return Err(FrameError::TooLarge(length));
    }
    let frame = Frame {
        compressed: flag != 0,
        length,
    };
    Ok((bytes.len() >= HEADER_BYTES + length).then_some(frame))
}

fn unpacked(packed: &[u8]) -> Result<Bytes, FrameError> {
    let mut message = Vec::new();
    let most = MAX_MESSAGE_BYTES as u64 + 1;
    let read = match packed.starts_with(&GZIP) {
        true => GzDecoder::new(packed).take(most).read_to_end(&mut message),
        false => ZlibDecoder::new(packed)
            .take(most)
            .read_to_end(&mut message),
    };
    read.map_err(|error| FrameError::Compressed(error.to_string()))?;
    match message.len() {
        bytes if bytes > MAX_MESSAGE_BYTES => Err(FrameError::TooLarge(bytes)),
        _ => Ok(message.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use proptest::prelude::*;

    fn messages(bytes: &Bytes) -> Vec<Bytes> {
        let mut found = Vec::new();
        FrameReader::default()
            .push(bytes.clone(), |m| found.push(m))
            .unwrap();
        found
    }

    #[test]
    fn framed_audio_is_what_prost_would_encode() {
        let pcm: Vec<u8> = (0..1500).map(|n| n as u8).collect();
        let framed = FramedAudio::new(&pcm, 640);
        for (k, chunk) in pcm.chunks(640).enumerate() {
            let expected = frame(Content::AudioChunk(Bytes::copy_from_slice(chunk)));
            assert_eq!(framed.chunk(k), (expected, chunk.len()));
        }
        assert_eq!(framed.chunk(3), (Bytes::new(), 0));
    }

    #[test]
    fn chunks_of_many_sizes_are_found_without_an_index() {
        let pcm: Vec<u8> = (0..2000).map(|n| n as u8).collect();
        let sizes = [640, 320, 130, 640];
        let framed = FramedAudio::cut(&pcm[..1770], sizes.into_iter().chain([100]));
        let mut before = 0;
        for (k, size) in sizes.into_iter().chain([100]).enumerate() {
            let chunk = &pcm[before..(before + size).min(1770)];
            let expected = frame(Content::AudioChunk(Bytes::copy_from_slice(chunk)));
            assert_eq!(framed.chunk_at(k, before, size), (expected, chunk.len()));
            before += size;
        }
        assert_eq!(framed.chunk_at(5, before, 640), (Bytes::new(), 0));
        assert_eq!(framed.framed_bytes(), 1770 + 5 * envelope_bytes(640) - 1);
    }

    /// `message` as a frame that says that it is compressed.
    fn compressed(message: &[u8]) -> Bytes {
        let mut out = BytesMut::new();
        put_header(&mut out, message.len());
        out[0] = 1;
        out.put_slice(message);
        out.freeze()
    }

    fn packed(mut by: impl Read) -> Vec<u8> {
        let mut packed = Vec::new();
        by.read_to_end(&mut packed).unwrap();
        packed
    }

    fn gzip(message: &[u8]) -> Vec<u8> {
        packed(flate2::read::GzEncoder::new(message, Compression::fast()))
    }

    fn deflate(message: &[u8]) -> Vec<u8> {
        packed(flate2::read::ZlibEncoder::new(message, Compression::fast()))
    }

    #[test]
    fn compressed_messages_are_unpacked_beside_others() {
        let plain = frame(Content::TextInput("hello".to_owned()));
        let message = plain.slice(HEADER_BYTES..);
        let (by_gzip, by_deflate) = (gzip(&message), deflate(&message));
        let all = [plain, compressed(&by_gzip), compressed(&by_deflate)].concat();
        assert_eq!(messages(&all.into()), vec![message; 3]);
    }

    #[test]
    fn damaged_and_huge_messages_are_refused() {
        let push = |bytes: Bytes| FrameReader::default().push(bytes, |_| {}).unwrap_err();
        let refused = |bytes| matches!(push(bytes), FrameError::Compressed(_));
        assert!(refused(Bytes::from_static(&[1, 0, 0, 0, 0])));
        assert!(refused(compressed(b"\x28\xb5\x2f\xfd not gzip")));
        assert!(refused(compressed(&gzip(b"hello")[..20])));
        let huge = Bytes::from_static(&[0, 255, 0, 0, 0]);
        assert_eq!(push(huge), FrameError::TooLarge(0xff00_0000));
        let bomb = compressed(&gzip(&vec![0; MAX_MESSAGE_BYTES + 1_000]));
        assert_eq!(push(bomb), FrameError::TooLarge(MAX_MESSAGE_BYTES + 1));
    }

    proptest! {
        #[test]
        fn messages_are_found_however_the_bytes_are_cut(
            texts in prop::collection::vec(".{0,50}", 1..8),
            cuts in prop::collection::vec(0_usize..400, 0..6),
        ) {
            let mut all = BytesMut::new();
            for text in &texts {
                all.extend_from_slice(&frame(Content::TextInput(text.clone())));
            }
            let all = all.freeze();
            let whole = messages(&all);
            let mut cuts: Vec<_> = cuts.into_iter().map(|c| c.min(all.len())).collect();
            cuts.sort_unstable();
            let mut reader = FrameReader::default();
            let (mut pieces, mut from) = (Vec::new(), 0);
            for to in cuts.into_iter().chain([all.len()]) {
                reader.push(all.slice(from..to), |m| pieces.push(m)).unwrap();
                from = to;
            }
            prop_assert_eq!(whole.len(), texts.len());
            prop_assert_eq!(pieces, whole);
            prop_assert!(reader.finish().is_ok());
        }
    }
}
