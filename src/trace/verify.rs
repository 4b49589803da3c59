//! Whether the files of a bundle's clips hold what its tables say.

use super::TraceError;
use super::model::ClipRow;
use super::stream::Bundle;
use crate::pcm::wav;

/// Samples that are hashed at a time.
const BLOCK: usize = 1 << 16;

impl Bundle {
    /// Reads the whole file of every clip, in little memory, and compares its length, rate and hash
    /// with the table.
    ///
    /// # Errors
    /// The first clip whose file is missing, damaged, or another.
    pub fn verify_clips(&self) -> Result<(), TraceError> {
        self.clips.iter().try_for_each(|clip| self.verify(clip))
    }

    fn verify(&self, clip: &ClipRow) -> Result<(), TraceError> {
        let Some(file) = &clip.file else {
            return Ok(());
        };
        let path = self.dir.join(file);
        let fail = |reason: String| TraceError::Clip {
            path: path.display().to_string(),
            reason,
        };
        let mut reader = wav::Reader::open(&path).map_err(|e| fail(e.to_string()))?;
        if (reader.rate().0, reader.samples()) != (clip.sample_rate_hz, clip.samples) {
            return Err(fail(format!(
                "holds {} samples at {} Hz, but clips.parquet says {} at {} Hz; make the trace again",
                reader.samples(),
                reader.rate().0,
                clip.samples,
                clip.sample_rate_hz
            )));
        }
        let (mut hash, mut block) = (blake3::Hasher::new(), Vec::new());
        while reader
            .next_block(BLOCK, &mut block)
            .map_err(|e| fail(e.to_string()))?
        {
            // The reader appends.
            let bytes: Vec<u8> = block.drain(..).flat_map(i16::to_le_bytes).collect();
            hash.update(&bytes);
        }
        match hash.finalize().to_hex().as_str() == clip.clip_id {
            true => Ok(()),
            false => Err(fail(format!(
                "its audio is not that of clip {} ({}) any more; make the trace again",
                clip.clip, clip.clip_id
            ))),
        }
    }
}
