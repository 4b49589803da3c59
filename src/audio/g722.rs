//! Headerless G.722 at 64 kbit/s: one byte is two samples at 16 kHz.

use std::io::Read;

use ezk_g722::libg722::Bitrate;
use ezk_g722::libg722::decoder::Decoder;

use super::error::DecodeError;
use super::pcm_stream::fill;

/// Bytes that are read at a time.
const BLOCK_BYTES: usize = 4_096;

/// A G.722 file that is decoded block by block.
pub(super) struct G722Stream {
    reader: Box<dyn Read + Send>,
    decoder: Decoder,
    bytes: Vec<u8>,
}

impl G722Stream {
    /// Decodes until the reader ends.
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Self {
        Self {
            reader,
            decoder: Decoder::new(Bitrate::Mode1_64000, false, false),
            bytes: vec![0; BLOCK_BYTES],
        }
    }

    /// Fills `out` with one block of its one channel; false at the end.
    pub(super) fn next_block(&mut self, out: &mut Vec<Vec<f32>>) -> Result<bool, DecodeError> {
        let filled = fill(&mut self.reader, &mut self.bytes)?;
        let samples = self.decoder.decode(&self.bytes[..filled]);
        out.resize_with(1, Vec::new);
        out[0].clear();
        out[0].extend(samples.iter().map(|&sample| f32::from(sample) / 32_768.0));
        Ok(filled > 0)
    }
}
