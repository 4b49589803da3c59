//! A clip in few bytes: a library may have millions.

use super::clip::Extent;
use crate::trace::model::ClipRow;
use crate::trace::writer::clip_file;
use crate::units::SampleRate;

/// What is known of a clip, but for its number and what names it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Kept {
    id: blake3::Hash,
    /// Its length.
    pub(super) samples: u64,
    speech: Extent,
    peak_dbfs: f64,
    rms_dbfs: f64,
}

impl Kept {
    /// The clip of a row; `None` for a row that no conversion writes.
    pub(super) fn of(row: &ClipRow) -> Option<Kept> {
        let id = blake3::Hash::from_hex(&row.clip_id).ok()?;
        let kept = Kept {
            id,
            samples: row.samples,
            speech: Extent {
                start: row.speech_start_samples,
                end: row.speech_end_samples,
                method: row.speech_method,
            },
            peak_dbfs: row.peak_dbfs,
            rms_dbfs: row.rms_dbfs,
        };
        let inside = row.speech_start_samples <= row.speech_end_samples
            && row.speech_end_samples <= row.samples;
        let ours =
            row.sample_rate_hz == SampleRate::PREPARED.0 && row.file.as_ref() == Some(&kept.file());
        (inside && ours).then_some(kept)
    }

    /// What tells it from others: half of the hash of its samples, of which no two are equal by chance.
    pub(super) fn key(&self) -> [u8; 16] {
        half(&self.id)
    }

    /// Its file, relative to the bundle.
    pub(super) fn file(&self) -> String {
        clip_file(self.id.to_hex().as_str())
    }

    /// Its row.
    pub(super) fn row(&self, clip: u32, source: String, transcript: Option<String>) -> ClipRow {
        ClipRow {
            clip,
            clip_id: self.id.to_hex().to_string(),
            file: Some(self.file()),
            sample_rate_hz: SampleRate::PREPARED.0,
            samples: self.samples,
            speech_start_samples: self.speech.start,
            speech_end_samples: self.speech.end,
            speech_method: self.speech.method,
            peak_dbfs: self.peak_dbfs,
            rms_dbfs: self.rms_dbfs,
            source_path: Some(source),
            transcript,
        }
    }
}

/// The first half of a hash.
pub(super) fn half(hash: &blake3::Hash) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&hash.as_bytes()[..16]);
    half
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::sample;

    #[test]
    fn a_clip_that_was_prepared_is_the_same_again_and_others_are_refused() {
        let row = sample::clip(&[3; 320], "a.wav");
        let file = Some(clip_file(&row.clip_id));
        let row = ClipRow {
            clip: 7,
            file,
            ..row
        };
        let kept = Kept::of(&row).unwrap();
        assert_eq!(kept.row(7, "a.wav".to_owned(), row.transcript.clone()), row);
        let not = |change: fn(&mut ClipRow)| {
            let mut other = row.clone();
            change(&mut other);
            Kept::of(&other)
        };
        assert_eq!(not(|row| row.file = Some("../secret.wav".to_owned())), None);
        assert_eq!(not(|row| row.file = None), None);
        assert_eq!(not(|row| row.clip_id = "7".to_owned()), None);
        assert_eq!(not(|row| row.sample_rate_hz = 8_000), None);
        assert_eq!(not(|row| row.speech_end_samples = 321), None);
    }
}
