//! gRPC's messages on a stream: a byte that says whether the message is compressed, its length in four,
//! the message. Ours are not compressed; those of a server may be, as [`ACCEPTED_ENCODINGS`] says.

use std::io::Read;

use bytes::{Buf, Bytes, BytesMut};
use flate2::read::{GzDecoder, ZlibDecoder};
use http::Request;

use super::endpoint::Endpoint;

/// Largest server message that is accepted; larger ones are refused, not buffered.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// The `grpc-accept-encoding` header: what compressed messages may be compressed by.
pub const ACCEPTED_ENCODINGS: &str = "gzip, deflate";

/// The first bytes of what gzip has made; what deflate has made (RFC 1950, as gRPC means it) has
/// others.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Bytes before a message.
const HEADER_BYTES: usize = 5;

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

/// The request that opens a stream of the method `path`, with `headers` beside those of gRPC.
///
/// # Errors
/// A header that HTTP does not allow.
pub fn request<'a>(
    endpoint: &Endpoint,
    path: &str,
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Request<()>, String> {
    let request = Request::post(format!("{}{path}", endpoint.origin()))
        .header("te", "trailers")
        .header("content-type", "application/grpc")
        .header("grpc-accept-encoding", ACCEPTED_ENCODINGS);
    let request = headers.into_iter().fold(request, |request, (name, value)| {
        request.header(name, value)
    });
    request.body(()).map_err(|error| error.to_string())
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

    fn frame(message: &[u8]) -> Bytes {
        let length = (message.len() as u32).to_be_bytes();
        [&[0], &length[..], message].concat().into()
    }

    /// `message` as a frame that says that it is compressed.
    fn compressed(message: &[u8]) -> Bytes {
        let mut out = frame(message).to_vec();
        out[0] = 1;
        out.into()
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
        let plain = frame(b"hello");
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
                all.extend_from_slice(&frame(text.as_bytes()));
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
