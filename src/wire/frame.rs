//! gRPC frames: a byte that says "not compressed", the length in four, the protobuf message.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;

use super::voice_workflow::{ClientMessage, client_message::Content};

/// Largest server message that is accepted; larger ones are refused, not buffered.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

const HEADER_BYTES: usize = 5;
/// Tag of `ClientMessage.audio_chunk`: field 2, length-delimited.
const AUDIO_TAG: u8 = 2 << 3 | 2;

/// What can be wrong with a peer's frames.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A compressed message, which was not asked for.
    #[error("the server sent a compressed message, though no compression was offered")]
    Compressed,
    /// A message beyond [`MAX_MESSAGE_BYTES`].
    #[error(
        "the server announced a message of {0} bytes; at most {MAX_MESSAGE_BYTES} are accepted"
    )]
    TooLarge(usize),
    /// The stream ended inside a message.
    #[error("the stream ended inside a message")]
    Truncated,
}

/// Frames one client message.
#[must_use]
pub fn frame(content: Content) -> Bytes {
    let message = ClientMessage {
        content: Some(content),
    };
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

/// The chunks of one stretch of PCM, framed once and shared by all that send them.
#[derive(Debug, Clone)]
pub struct FramedAudio {
    frames: Bytes,
    frame_bytes: usize,
    chunk_bytes: usize,
    pcm_bytes: usize,
}

impl FramedAudio {
    /// Frames `pcm` (little-endian PCM16) in chunks of `chunk_bytes`; the last may be shorter.
    #[must_use]
    pub fn new(pcm: &[u8], chunk_bytes: usize) -> FramedAudio {
        let chunk_bytes = chunk_bytes.max(1);
        let chunks = pcm.len().div_ceil(chunk_bytes);
        let mut frames = BytesMut::with_capacity(pcm.len() + chunks * (HEADER_BYTES + 11));
        let mut frame_bytes = 0;
        for chunk in pcm.chunks(chunk_bytes) {
            let before = frames.len();
            put_header(
                &mut frames,
                1 + prost::length_delimiter_len(chunk.len()) + chunk.len(),
            );
            frames.put_u8(AUDIO_TAG);
            put_varint(&mut frames, chunk.len());
            frames.put_slice(chunk);
            if before == 0 {
                frame_bytes = frames.len();
            }
        }
        FramedAudio {
            frames: frames.freeze(),
            frame_bytes,
            chunk_bytes,
            pcm_bytes: pcm.len(),
        }
    }

    /// Number of chunks.
    #[must_use]
    pub fn chunks(&self) -> usize {
        self.pcm_bytes.div_ceil(self.chunk_bytes)
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

    /// The frame of chunk `k` and its PCM bytes, without copying; empty beyond the last.
    #[must_use]
    pub fn chunk(&self, k: usize) -> (Bytes, usize) {
        let start = k.saturating_mul(self.frame_bytes).min(self.frames.len());
        let end = start
            .saturating_add(self.frame_bytes)
            .min(self.frames.len());
        let pcm = self
            .pcm_bytes
            .saturating_sub(k.saturating_mul(self.chunk_bytes));
        (self.frames.slice(start..end), pcm.min(self.chunk_bytes))
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
    /// A compressed or too large message; the stream is of no use after it.
    pub fn push(&mut self, mut data: Bytes, mut each: impl FnMut(Bytes)) -> Result<(), FrameError> {
        if self.buffered.is_empty() {
            // The usual case: whole messages, which are passed on without a copy.
            while let Some(length) = complete(&data)? {
                data.advance(HEADER_BYTES);
                each(data.split_to(length));
            }
            self.buffered.extend_from_slice(&data);
            return Ok(());
        }
        self.buffered.extend_from_slice(&data);
        while let Some(length) = complete(&self.buffered)? {
            self.buffered.advance(HEADER_BYTES);
            each(self.buffered.split_to(length).freeze());
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

/// The length of the message that `bytes` start with, once all of it is there.
fn complete(bytes: &[u8]) -> Result<Option<usize>, FrameError> {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
        return Ok(None);
    };
    let [flag, a, b, c, d] = *header;
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    if flag != 0 {
        return Err(FrameError::Compressed);
    }
    if length > MAX_MESSAGE_BYTES {
        return Err(FrameError::TooLarge(length));
    }
    Ok((bytes.len() >= HEADER_BYTES + length).then_some(length))
}

#[cfg(test)]
mod tests {
    use super::*;
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
        assert_eq!(framed.chunks(), 3);
        for (k, chunk) in pcm.chunks(640).enumerate() {
            let expected = frame(Content::AudioChunk(Bytes::copy_from_slice(chunk)));
            assert_eq!(framed.chunk(k), (expected, chunk.len()));
        }
        assert_eq!(framed.chunk(3), (Bytes::new(), 0));
    }

    #[test]
    fn compressed_and_huge_messages_are_refused() {
        let push = |bytes: &'static [u8]| {
            FrameReader::default()
                .push(Bytes::from_static(bytes), |_| {})
                .unwrap_err()
        };
        assert_eq!(push(&[1, 0, 0, 0, 0]), FrameError::Compressed);
        assert_eq!(push(&[0, 255, 0, 0, 0]), FrameError::TooLarge(0xff00_0000));
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
