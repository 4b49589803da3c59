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
