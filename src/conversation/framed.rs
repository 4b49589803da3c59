//! Encoded audio that many sessions send: made once, shared, each chunk found by its place in it.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

/// The chunks of one stretch of audio as a protocol writes them.
#[derive(Debug, Clone)]
pub struct FramedAudio {
    frames: Bytes,
    chunks: Arc<[Place]>,
}

/// Where a chunk ends, and how much audio it is.
#[derive(Debug, Clone, Copy)]
struct Place {
    end: usize,
    payload_bytes: usize,
}

impl FramedAudio {
    /// Encodes `chunks`; `encode` appends one to what it is given, which has room for `capacity` bytes.
    #[must_use]
    pub fn of<'a>(
        chunks: impl Iterator<Item = &'a [u8]>,
        capacity: usize,
        mut encode: impl FnMut(&[u8], &mut BytesMut),
    ) -> FramedAudio {
        let mut frames = BytesMut::with_capacity(capacity);
        let places = chunks.map(|chunk| {
            encode(chunk, &mut frames);
            Place {
                end: frames.len(),
                payload_bytes: chunk.len(),
            }
        });
        let chunks = places.collect();
        FramedAudio {
            frames: frames.freeze(),
            chunks,
        }
    }

    /// Bytes that it takes in memory.
    #[must_use]
    pub fn framed_bytes(&self) -> usize {
        self.frames.len() + size_of_val(&*self.chunks)
    }

    /// Whether nobody else holds it, or a chunk of it.
    #[must_use]
    pub fn is_unshared(&self) -> bool {
        self.frames.is_unique()
    }

    /// The frame of chunk `number` and the bytes of audio in it, without copying; empty beyond the last.
    #[must_use]
    pub fn chunk(&self, number: usize) -> (Bytes, usize) {
        let Some(place) = self.chunks.get(number) else {
            return (Bytes::new(), 0);
        };
        let start = match number {
            0 => 0,
            _ => self.chunks[number - 1].end,
        };
        (self.frames.slice(start..place.end), place.payload_bytes)
    }
}

/// Bytes that the index of a chunk takes.
pub const PLACE_BYTES: usize = size_of::<Place>();

/// Cuts `pcm` into chunks of these sizes, as far as it reaches; the last may be shorter. A chunk of size 0 is one.
pub fn cut(pcm: &[u8], sizes: impl Iterator<Item = usize>) -> impl Iterator<Item = &[u8]> {
    let mut rest = pcm;
    sizes.map_while(move |size| {
        let (chunk, later) = rest.split_at(size.min(rest.len()));
        rest = later;
        (size == 0 || !chunk.is_empty()).then_some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_of_any_size_are_found_by_their_number() {
        let pcm: Vec<u8> = (0..=255).cycle().take(1_770).collect();
        let sizes = [640, 320, 130, 640, 100, 7];
        let framed = FramedAudio::of(cut(&pcm, sizes.into_iter()), 0, |chunk, out| {
            out.extend_from_slice(&[0xee; 3]);
            out.extend_from_slice(chunk);
        });
        let mut from = 0;
        for (number, bytes) in [640, 320, 130, 640, 40].into_iter().enumerate() {
            let chunk = &pcm[from..from + bytes];
            let frame = [&[0xee; 3][..], chunk].concat();
            assert_eq!(framed.chunk(number), (frame.into(), bytes));
            from += bytes;
        }
        assert_eq!(framed.chunk(5), (Bytes::new(), 0));
        assert!(cut(&[1, 2], [1, 0, 1, 0].into_iter()).eq([&[1][..], &[], &[2], &[]]));
        assert_eq!(framed.framed_bytes(), 1_770 + 5 * (3 + PLACE_BYTES));
    }

    #[test]
    fn audio_is_shared_as_long_as_a_chunk_of_it_is() {
        let framed = FramedAudio::of(cut(&[1, 2], [2].into_iter()), 0, |chunk, out| {
            out.extend_from_slice(chunk);
        });
        let chunk = framed.chunk(0);
        assert!(!framed.is_unshared());
        drop(chunk);
        assert!(framed.is_unshared());
    }
}
