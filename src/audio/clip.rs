//! Writes one clip while its samples come: quantised, measured, named by its content.

use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::library_error::AudioError;
use crate::pcm::PcmError;
use crate::pcm::dither::Quantizer;
use crate::pcm::level::Level;
use crate::pcm::{speech, wav};
use crate::trace::model::{ClipRow, SpeechMethod};
use crate::trace::writer::clip_file;
use crate::units::{SampleRate, Samples};

/// Samples that are hashed and written at a time: hashing a long piece takes a quarter of the time that
/// hashing many short ones does.
const BLOCK_SAMPLES: usize = 1 << 15;

/// A clip that is being written to a temporary file in the bundle's `clips` folder.
pub(super) struct ClipWriter {
    wav: wav::Writer,
    temporary: TempPath,
    quantizer: Quantizer,
    hash: blake3::Hasher,
    level: Level,
    /// Not written yet.
    samples: Vec<i16>,
    bytes: Vec<u8>,
    /// What is odd about it.
    pub(super) note: Option<String>,
}

impl ClipWriter {
    /// Starts a clip in `folder`, the bundle; `key` tells clips that are written at once apart.
    pub(super) fn create(
        folder: &Path,
        key: &str,
        quantizer: Quantizer,
    ) -> Result<ClipWriter, AudioError> {
        let clips = folder.join("clips");
        std::fs::create_dir_all(&clips).map_err(AudioError::io(&clips))?;
        let path = clips.join(format!("unfinished-{key}.wav"));
        let wav = wav::Writer::create(&path, SampleRate::PREPARED)?;
        Ok(ClipWriter {
            wav,
            temporary: TempPath::try_from_path(&path).map_err(AudioError::io(&path))?,
            quantizer,
            hash: blake3::Hasher::new(),
            level: Level::default(),
            samples: Vec::new(),
            bytes: Vec::new(),
            note: None,
        })
    }

    /// Appends samples at 16 kHz, ±1.0 being full scale.
    pub(super) fn push(&mut self, audio: &[f32]) -> Result<(), PcmError> {
        self.quantizer.push(audio, &mut self.samples);
        self.write_if_long()
    }

    /// Dithers what follows: it does not pass unchanged any more.
    pub(super) fn dither(&mut self) {
        self.quantizer = Quantizer::dithered();
    }

    /// Appends samples that are PCM16 already.
    pub(super) fn push_pcm(&mut self, pcm: &[i16]) -> Result<(), PcmError> {
        self.samples.extend_from_slice(pcm);
        self.write_if_long()
    }

    fn write_if_long(&mut self) -> Result<(), PcmError> {
        match self.samples.len() >= BLOCK_SAMPLES {
            true => self.write(),
            false => Ok(()),
        }
    }

    /// Writes the samples that are waiting.
    fn write(&mut self) -> Result<(), PcmError> {
        self.level.push(&self.samples);
        self.bytes.clear();
        let bytes = self.samples.iter().flat_map(|s| s.to_le_bytes());
        self.bytes.extend(bytes);
        self.hash.update(&self.bytes);
        self.wav.write(&self.samples)?;
        self.samples.clear();
        Ok(())
    }

    /// Closes the clip; it is temporary until it is [kept](Clip::keep).
    pub(super) fn finish(mut self) -> Result<Clip, PcmError> {
        self.write()?;
        let samples = self.wav.written();
        self.wav.finish()?;
        Ok(Clip {
            id: self.hash.finalize().to_hex().to_string(),
            temporary: self.temporary,
            samples: Samples(samples),
            level: self.level,
            note: self.note,
        })
    }
}

/// A clip that is complete, but not in its place yet.
pub(super) struct Clip {
    id: String,
    temporary: TempPath,
    /// Its length.
    pub(super) samples: Samples,
    level: Level,
    /// What is odd about it.
    pub(super) note: Option<String>,
}

impl Clip {
    /// Where the speech in it is, by the detector.
    pub(super) fn detect_speech(&self) -> Result<Extent, PcmError> {
        let mut reader = wav::Reader::open(&self.temporary)?;
        let found = speech::detect_in(self.samples.0, SampleRate::PREPARED, |range| {
            reader.read_range(range)
        })?;
        Ok(found.map_or(Extent::NONE, |range| Extent {
            start: range.start,
            end: range.end,
            method: SpeechMethod::Vad,
        }))
    }

    /// Moves the clip to its place in `folder`, the bundle, and describes it. The number is given
    /// later, when it is known which clips are equal.
    pub(super) fn keep(
        self,
        folder: &Path,
        speech: Extent,
        source: &str,
    ) -> Result<ClipRow, AudioError> {
        let file = clip_file(&self.id);
        let path = prepare_place(folder, &file)?;
        self.temporary
            .persist(&path)
            .map_err(|e| AudioError::io(&path)(e.error))?;
        Ok(ClipRow {
            clip: 0,
            clip_id: self.id,
            file: Some(file),
            sample_rate_hz: SampleRate::PREPARED.0,
            samples: self.samples.0,
            speech_start_samples: speech.start,
            speech_end_samples: speech.end,
            speech_method: speech.method,
            peak_dbfs: self.level.peak_dbfs(),
            rms_dbfs: self.level.rms_dbfs(),
            source_path: Some(source.to_owned()),
            transcript: None,
        })
    }
}

/// Where in a clip the speech is, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) method: SpeechMethod,
}

impl Extent {
    /// A clip without speech.
    pub(super) const NONE: Extent = Extent {
        start: 0,
        end: 0,
        method: SpeechMethod::None,
    };

    /// A label, cut to the clip's length; one that starts after the end says nothing of this clip.
    pub(super) fn labelled(label: Option<(i64, i64)>, samples: Samples) -> Extent {
        let at = |ns| Samples::in_ns(ns, SampleRate::PREPARED).0.min(samples.0);
        match label.map(|(start, end)| (at(start), at(end))) {
            Some((start, end)) if start < end => Extent {
                start,
                end,
                method: SpeechMethod::Label,
            },
            _ => Extent::NONE,
        }
    }
}

/// The path of `file` in the bundle `folder`, whose folder is made where it is not there.
pub(super) fn prepare_place(folder: &Path, file: &str) -> Result<PathBuf, AudioError> {
    let path = folder.join(file);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(AudioError::io(parent))?;
    }
    Ok(path)
}
