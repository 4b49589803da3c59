//! Uncompressed samples from any reader: the body of a WAV file, a headerless file, or the output
//! of another program.

use std::io::{ErrorKind, Read};

use super::error::DecodeError;
use super::sample_format::SampleFormat;

/// Frames that are read at a time.
const BLOCK_FRAMES: usize = 8_192;

/// Interleaved samples that are read block by block.
pub(super) struct PcmStream {
    reader: Box<dyn Read + Send>,
    format: SampleFormat,
    channels: usize,
    bytes: Vec<u8>,
}

impl PcmStream {
    /// Reads `channels` interleaved channels of `format` until the reader ends.
    pub(super) fn new(reader: Box<dyn Read + Send>, format: SampleFormat, channels: u16) -> Self {
        let channels = usize::from(channels);
        let bytes = vec![0; BLOCK_FRAMES * channels * format.bytes()];
        Self {
            reader,
            format,
            channels,
            bytes,
        }
    }

    /// Fills `out` with one block a channel; false at the end.
    pub(super) fn next_block(&mut self, out: &mut Vec<Vec<f32>>) -> Result<bool, DecodeError> {
        let filled = fill(&mut self.reader, &mut self.bytes)?;
        out.resize_with(self.channels, Vec::new);
        self.format.to_planes(&self.bytes[..filled], out);
        Ok(!out[0].is_empty())
    }
}

/// Reads until `buffer` is full or the reader ends, and says how much was read.
pub(super) fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> Result<usize, std::io::Error> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Yields one byte at a time, as a pipe may.
    struct Trickle(std::vec::IntoIter<u8>);

    impl Read for Trickle {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            Ok(self.0.next().map_or(0, |byte| {
                buffer[0] = byte;
                1
            }))
        }
    }

    #[test]
    fn blocks_do_not_depend_on_how_bytes_arrive() {
        let frames = BLOCK_FRAMES + 3;
        let bytes: Vec<u8> = (0..frames as i16)
            .flat_map(|n| [n, -n])
            .flat_map(i16::to_le_bytes)
            .collect();
        let reader = Box::new(Trickle(bytes.into_iter()));
        let mut stream = PcmStream::new(reader, SampleFormat::S16Le, 2);
        let mut block = Vec::new();
        let mut lengths = Vec::new();
        while stream.next_block(&mut block).unwrap() {
            let first = lengths.iter().sum::<usize>() as f32 / 32_768.0;
            assert_eq!((block[0][0], block[1][0]), (first, -first));
            lengths.push(block[0].len());
        }
        assert_eq!(lengths, [BLOCK_FRAMES, 3]);
    }
}
