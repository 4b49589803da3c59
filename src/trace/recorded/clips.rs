//! Clips of recorded utterances: copied out of the journal chunk by chunk, so that a long one costs
//! no memory, and described by what is heard in them.

use std::fs;
use std::ops::Range;
use std::path::Path;

use super::call::Sent;
use super::pcm::{PcmFile, are_kept};
use crate::pcm::level::Level;
use crate::pcm::{PcmError, speech, wav};
use crate::trace::TraceError;
use crate::trace::model::{ClipRow, SpeechMethod};
use crate::trace::writer::{BundleWriter, ClipAudio};
use crate::units::SampleRate;

/// The audio of an utterance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Audio<'a> {
    /// Its chunks, in order.
    pub(super) chunks: &'a [Sent],
    pub(super) rate: SampleRate,
    /// The server has heard an utterance in it: where we find no speech, all of it counts as such.
    pub(super) is_heard: bool,
}

/// A clip as it was taken into a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    /// Its number.
    pub(super) clip: u32,
    /// Its speech, in samples.
    pub(super) speech: Option<Range<u64>>,
}

impl Audio<'_> {
    /// Takes the clip into `bundle`. Where its audio is not kept, `name` tells it from others.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn take_into(
        self,
        bundle: &mut BundleWriter,
        pcm: &PcmFile,
        name: &str,
    ) -> Result<Taken, TraceError> {
        match are_kept(self.chunks) {
            true => self.take_kept(bundle, pcm),
            false => {
                let row = self.row(self.name_of(name), self.voiced(), &Level::default());
                let row = ClipRow {
                    peak_dbfs: f64::NAN,
                    rms_dbfs: f64::NAN,
                    ..row
                };
                let speech = speech_of(&row);
                let clip = bundle.clip(row, ClipAudio::Unknown)?;
                Ok(Taken { clip, speech })
            }
        }
    }

    fn take_kept(self, bundle: &mut BundleWriter, pcm: &PcmFile) -> Result<Taken, TraceError> {
        let path = bundle.dir().join("unfinished.wav");
        let failed = |e| match e {
            PcmError::Io { source, .. } => TraceError::io(&path, source),
            other => TraceError::Clip {
                path: path.display().to_string(),
                reason: other.to_string(),
            },
        };
        let mut wav = wav::Writer::create(&path, self.rate).map_err(failed)?;
        let (mut hash, mut level) = (blake3::Hasher::new(), Level::default());
        let (mut samples, mut bytes) = (Vec::new(), Vec::new());
        for chunk in self.chunks {
            samples.clear();
            pcm.read(chunk, &mut samples)?;
            bytes.clear();
            bytes.extend(samples.iter().flat_map(|s: &i16| s.to_le_bytes()));
            hash.update(&bytes);
            level.push(&samples);
            wav.write(&samples).map_err(failed)?;
        }
        wav.finish().map_err(failed)?;
        let speech = self.detect(&path).map_err(failed)?;
        let row = self.row(hash.finalize().to_hex().to_string(), speech, &level);
        let speech = speech_of(&row);
        let clip = bundle.clip(row, ClipAudio::File(&path))?;
        // The file may have become the clip's own; what comes next must not be written into it.
        fs::remove_file(&path).map_err(|e| TraceError::io(&path, e))?;
        Ok(Taken { clip, speech })
    }

    fn detect(&self, path: &Path) -> Result<Option<Range<u64>>, PcmError> {
        let mut reader = wav::Reader::open(path)?;
        speech::detect_in(reader.samples(), self.rate, |range| {
            reader.read_range(range)
        })
    }

    /// From the first chunk that holds speech, as the recorder said, to the last.
    fn voiced(&self) -> Option<Range<u64>> {
        let mut end = 0;
        let mut voiced: Option<Range<u64>> = None;
        for chunk in self.chunks {
            let start = end;
            end += chunk.samples();
            if chunk.is_voiced() {
                let first = voiced.map_or(start, |voiced| voiced.start);
                voiced = Some(first..end);
            }
        }
        voiced
    }

    /// What stands for the hash of audio that is not kept; it says nothing of the audio but the
    /// lengths of its chunks.
    fn name_of(&self, name: &str) -> String {
        let mut hash = blake3::Hasher::new();
        hash.update(name.as_bytes());
        for chunk in self.chunks {
            hash.update(&chunk.samples().to_le_bytes());
        }
        hash.finalize().to_hex().to_string()
    }

    fn row(&self, clip_id: String, speech: Option<Range<u64>>, level: &Level) -> ClipRow {
        let samples = self.chunks.iter().map(Sent::samples).sum();
        let (speech, speech_method) = match speech {
            Some(speech) => (speech, SpeechMethod::Vad),
            None if self.is_heard => (0..samples, SpeechMethod::Label),
            None => (0..0, SpeechMethod::None),
        };
        ClipRow {
            clip: 0,
            clip_id,
            file: None,
            sample_rate_hz: self.rate.0,
            samples,
            speech_start_samples: speech.start,
            speech_end_samples: speech.end,
            speech_method,
            peak_dbfs: level.peak_dbfs(),
            rms_dbfs: level.rms_dbfs(),
            source_path: None,
            transcript: None,
        }
    }
}

fn speech_of(row: &ClipRow) -> Option<Range<u64>> {
    let speech = row.speech_start_samples..row.speech_end_samples;
    (row.speech_method != SpeechMethod::None).then_some(speech)
}
