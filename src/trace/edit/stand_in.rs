//! Audio that stands in for a clip: of its length, with speech where it has speech.

use super::EditError;
use crate::pcm::level::Level;
use crate::pcm::synth::speech_like;
use crate::trace::model::{ClipRow, SpeechMethod};
use crate::trace::stream::Bundle;
use crate::units::SampleRate;

/// How many clips of a library may stand in for one.
const CANDIDATES: usize = 16;

/// Where stand-ins come from.
pub(super) struct StandIns<'a> {
    /// A library and its clips with speech, the shortest first; synthetic audio without one.
    library: Option<(&'a Bundle, Vec<&'a ClipRow>)>,
}

impl<'a> StandIns<'a> {
    pub(super) fn of(library: Option<&'a Bundle>) -> StandIns<'a> {
        let library = library.map(|bundle| {
            let clips = bundle.clips.iter();
            let spoken = clips.filter(|clip| clip.file.is_some() && speech_samples(clip) > 0);
            let mut spoken: Vec<_> = spoken.collect();
            spoken.sort_by_key(|clip| speech_samples(clip));
            (bundle, spoken)
        });
        StandIns { library }
    }

    /// A clip in place of `clip`, and its samples. It tells nothing of the original but its length,
    /// its rate and the extent of its speech.
    ///
    /// # Errors
    /// A library without speech at the clip's rate, or whose files cannot be read.
    pub(super) fn for_clip(&self, clip: &ClipRow) -> Result<(ClipRow, Vec<i16>), EditError> {
        let samples = self.samples(clip)?;
        let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        let level = Level::of(&samples);
        let row = ClipRow {
            clip: 0,
            clip_id: blake3::hash(&bytes).to_hex().to_string(),
            file: None,
            sample_rate_hz: clip.sample_rate_hz,
            samples: clip.samples,
            speech_start_samples: clip.speech_start_samples,
            speech_end_samples: clip.speech_end_samples,
            speech_method: match speech_samples(clip) {
                0 => SpeechMethod::None,
                _ => SpeechMethod::Label,
            },
            peak_dbfs: level.peak_dbfs(),
            rms_dbfs: level.rms_dbfs(),
            source_path: None,
            transcript: None,
        };
        Ok((row, samples))
    }

    fn samples(&self, clip: &ClipRow) -> Result<Vec<i16>, EditError> {
        let needed = speech_samples(clip);
        let extent = clip.speech_start_samples..clip.speech_start_samples + needed;
        let Some((library, spoken)) = self.library.as_ref().filter(|_| needed > 0) else {
            // No seed of synthetic clips of a library, so that the voice is another one.
            let seed = !u64::from(clip.clip);
            let rate = SampleRate(clip.sample_rate_hz);
            return Ok(speech_like(clip.samples, extent, rate, seed));
        };
        let chosen = choose(spoken, clip).ok_or_else(|| EditError::NoStandIn {
            library: library.dir.display().to_string(),
            rate_hz: clip.sample_rate_hz,
        })?;
        let voice = library
            .clip_samples(chosen, 0..chosen.samples)?
            .unwrap_or_default();
        let spoken = chosen.speech_start_samples as usize..chosen.speech_end_samples as usize;
        let voice = voice.get(spoken).unwrap_or_default();
        let mut samples = vec![0; clip.samples as usize];
        let place = &mut samples[extent.start as usize..extent.end as usize];
        for (sample, spoken) in place.iter_mut().zip(voice.iter().cycle()) {
            *sample = *spoken;
        }
        Ok(samples)
    }
}

/// One of the clips whose speech is long enough and not much longer; the longest, which is then
/// repeated, where none is.
fn choose<'a>(spoken: &[&'a ClipRow], clip: &ClipRow) -> Option<&'a ClipRow> {
    let at_rate = |other: &&&ClipRow| other.sample_rate_hz == clip.sample_rate_hz;
    let long_enough = |other: &&&ClipRow| speech_samples(other) >= speech_samples(clip);
    let fitting = spoken.iter().filter(at_rate).filter(long_enough);
    let fitting: Vec<_> = fitting.take(CANDIDATES).collect();
    match fitting.len() {
        0 => spoken.iter().rfind(at_rate).copied(),
        count => fitting
            .get(clip.clip as usize % count)
            .map(|chosen| **chosen),
    }
}

/// How long a clip's speech is; 0 for one without.
fn speech_samples(clip: &ClipRow) -> u64 {
    match clip.speech_method {
        SpeechMethod::None => 0,
        _ => clip.speech_end_samples - clip.speech_start_samples,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::sample;

    /// A clip of so many samples of speech.
    fn clip(number: u32, speech: usize, rate: u32) -> ClipRow {
        ClipRow {
            clip: number,
            sample_rate_hz: rate,
            ..sample::clip(&vec![1; speech], "a")
        }
    }

    #[test]
    fn a_stand_in_speaks_as_long_at_the_same_rate_or_is_repeated() {
        let library: Vec<_> = [100, 200, 300, 400].map(|n| clip(0, n, 16_000)).into();
        let mut spoken: Vec<_> = library.iter().collect();
        let low = clip(0, 900, 8_000);
        spoken.push(&low);
        let chosen = |number, speech, rate| {
            choose(&spoken, &clip(number, speech, rate)).map(|chosen| chosen.samples)
        };
        assert_eq!(chosen(0, 150, 16_000), Some(200));
        assert_eq!(chosen(1, 150, 16_000), Some(300), "others take others");
        assert_eq!(chosen(0, 500, 16_000), Some(400), "the longest, repeated");
        assert_eq!(chosen(0, 500, 8_000), Some(900));
        assert_eq!(chosen(0, 1, 48_000), None);
    }
}
