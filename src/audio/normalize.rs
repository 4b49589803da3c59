//! Brings a clip to a wanted level: its samples wait until all of them are measured.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::SpooledTempFile;

use super::clip::ClipWriter;
use super::library_error::AudioError;
use super::spec::Normalize;
use crate::pcm::level::{Loudness, gain_to_loudness, gain_to_peak};
use crate::units::SampleRate;

/// Bytes of `f32` samples that wait in memory (2 minutes at 16 kHz); more wait in a file.
const IN_MEMORY: usize = 8 << 20;

/// Bytes that are moved at a time.
const BLOCK: u64 = 1 << 16;

/// Samples in 400 ms, the shortest audio that has a loudness.
const SHORTEST: u64 = SampleRate::PREPARED.0 as u64 * 2 / 5;

/// Samples at 16 kHz that wait for their gain.
pub(super) struct Waiting {
    samples: SpooledTempFile,
    bytes: Vec<u8>,
    loudness: Loudness,
    count: u64,
    folder: PathBuf,
}

impl Waiting {
    /// Nothing yet; what does not stay in memory goes to `folder`.
    pub(super) fn create(folder: &Path) -> Result<Waiting, AudioError> {
        Ok(Waiting {
            samples: tempfile::spooled_tempfile_in(IN_MEMORY, folder),
            bytes: Vec::new(),
            loudness: Loudness::new(SampleRate::PREPARED)?,
            count: 0,
            folder: folder.to_owned(),
        })
    }

    /// Appends samples, ±1.0 being full scale.
    pub(super) fn push(&mut self, audio: &[f32]) -> Result<(), AudioError> {
        self.loudness.push(audio)?;
        self.count += audio.len() as u64;
        self.bytes.clear();
        let bytes = audio.iter().flat_map(|sample| sample.to_le_bytes());
        self.bytes.extend(bytes);
        let written = self.samples.write_all(&self.bytes);
        written.map_err(AudioError::io(&self.folder))
    }

    /// Writes all samples to `clip` at the level that `normalize` asks for; where it has no level that could be brought
    /// there, as it is, which the clip then notes.
    pub(super) fn finish(
        mut self,
        normalize: Normalize,
        clip: &mut ClipWriter,
    ) -> Result<(), AudioError> {
        let (peak, lufs) = (self.loudness.peak(), self.loudness.lufs());
        let gain = match normalize {
            Normalize::Off => 1.0,
            Normalize::Peak => gain_to_peak(peak),
            Normalize::Lufs(target) => gain_to_loudness(lufs, peak, target),
        };
        let why = match normalize {
            Normalize::Off => None,
            _ if peak == 0.0 => Some("it is digital silence"),
            Normalize::Peak => None,
            Normalize::Lufs(_) if lufs.is_finite() => None,
            Normalize::Lufs(_) if self.count < SHORTEST => {
                Some("loudness is measured over 400 ms, and it is shorter")
            }
            Normalize::Lufs(_) => Some("it is quieter than -70 LUFS, where loudness begins"),
        };
        clip.note = why.map(|why| format!("its level stays as it was: {why}"));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pcm::dither::Quantizer;

    /// What is noted of a tone of this length and amplitude.
    fn note(normalize: Normalize, samples: usize, amplitude: f32) -> Option<String> {
        let dir = tempfile::tempdir().unwrap();
        let mut waiting = Waiting::create(dir.path()).unwrap();
        let tone: Vec<f32> = (0..samples)
            .map(|n| (n as f32 / 3.0).sin() * amplitude)
            .collect();
        waiting.push(&tone).unwrap();
        let mut clip = ClipWriter::create(dir.path(), "a", Quantizer::exact()).unwrap();
        waiting.finish(normalize, &mut clip).unwrap();
        clip.note
    }

    #[test]
    fn what_has_no_level_to_change_is_noted() {
        let lufs = Normalize::Lufs(-23.0);
        for (normalize, samples, amplitude, expected) in [
            (lufs, 16_000, 0.1, None),
            (lufs, 16_000, 0.0, Some("it is digital silence")),
            (lufs, 16_000, 1e-4, Some("it is quieter than -70 LUFS")),
            (lufs, 6_399, 0.1, Some("loudness is measured over 400 ms")),
            (Normalize::Peak, 6_399, 1e-4, None),
            (Normalize::Peak, 16_000, 0.0, Some("it is digital silence")),
            (Normalize::Off, 16_000, 0.0, None),
        ] {
            let note = note(normalize, samples, amplitude);
            let said = note.as_deref().map(|note| note.split(": ").nth(1).unwrap());
            assert_eq!(
                said.is_some(),
                expected.is_some(),
                "{said:?}, not {expected:?}"
            );
            assert!(
                said.unwrap_or_default()
                    .starts_with(expected.unwrap_or_default()),
                "{said:?}"
            );
        }
    }
}
