//! Brings a clip to a wanted level: its samples wait until all of them are measured.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::SpooledTempFile;

use super::clip::ClipWriter;
use super::library::AudioError;
use super::spec::Normalize;
use crate::pcm::level::{Loudness, gain_to_loudness, gain_to_peak};
use crate::units::SampleRate;

/// Bytes of `f32` samples that wait in memory (2 minutes at 16 kHz); more wait in a file.
const IN_MEMORY: usize = 8 << 20;

/// Bytes that are moved at a time.
const BLOCK: u64 = 1 << 16;

/// Samples at 16 kHz that wait for their gain.
pub(super) struct Waiting {
    samples: SpooledTempFile,
    bytes: Vec<u8>,
    loudness: Loudness,
    folder: PathBuf,
}

impl Waiting {
    /// Nothing yet; what does not stay in memory goes to `folder`.
    pub(super) fn create(folder: &Path) -> Result<Waiting, AudioError> {
        Ok(Waiting {
            samples: tempfile::spooled_tempfile_in(IN_MEMORY, folder),
            bytes: Vec::new(),
            loudness: Loudness::new(SampleRate::PREPARED)?,
            folder: folder.to_owned(),
        })
    }

    /// Appends samples, ±1.0 being full scale.
    pub(super) fn push(&mut self, audio: &[f32]) -> Result<(), AudioError> {
        self.loudness.push(audio)?;
        self.bytes.clear();
        let bytes = audio.iter().flat_map(|sample| sample.to_le_bytes());
        self.bytes.extend(bytes);
        let written = self.samples.write_all(&self.bytes);
        written.map_err(AudioError::io(&self.folder))
    }

    /// Writes all samples to `clip` at the level that `normalize` asks for.
    pub(super) fn finish(
        mut self,
        normalize: Normalize,
        clip: &mut ClipWriter,
    ) -> Result<(), AudioError> {
        let peak = self.loudness.peak();
        let gain = match normalize {
            Normalize::Off => 1.0,
            Normalize::Peak => gain_to_peak(peak),
            Normalize::Lufs(target) => gain_to_loudness(self.loudness.lufs(), peak, target),
        };
        let start = self.samples.seek(SeekFrom::Start(0));
        start.map_err(AudioError::io(&self.folder))?;
        let mut audio = Vec::new();
        loop {
            self.bytes.clear();
            let mut block = Read::by_ref(&mut self.samples).take(BLOCK);
            let read = block.read_to_end(&mut self.bytes);
            if read.map_err(AudioError::io(&self.folder))? == 0 {
                return Ok(());
            }
            let samples = self.bytes.as_chunks().0.iter();
            audio.clear();
            audio.extend(samples.map(|&bytes| f32::from_le_bytes(bytes) * gain));
            clip.push(&audio)?;
        }
    }
}
