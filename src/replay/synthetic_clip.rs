//! Speech-like audio in place of a clip of which a trace knows only the timing.

use std::ops::Range;

use crate::pcm::synth;
use crate::trace::model::ClipRow;
use crate::units::SampleRate;

/// Seconds of synthetic audio that are made at a time.
const SYNTHETIC_S: u64 = 10;

/// The samples `range` of a clip of which only the timing is known. They are synthesised in blocks,
/// each of which depends on nothing before it: a part of a long clip costs no more than itself.
pub(super) fn synthetic(clip: &ClipRow, range: Range<u64>) -> Vec<i16> {
    let rate = SampleRate(clip.sample_rate_hz);
    let block = u64::from(clip.sample_rate_hz.max(1)) * SYNTHETIC_S;
    let mut samples = Vec::new();
    for number in range.start / block..range.end.div_ceil(block) {
        let start = number * block;
        let within = |at: u64| at.clamp(start, start + block) - start;
        let length = within(clip.samples);
        let speech = within(clip.speech_start_samples)..within(clip.speech_end_samples);
        let seed = u64::from(clip.clip) | number << 32;
        let made = synth::speech_like(length, speech, rate, seed);
        samples.extend(&made[within(range.start) as usize..within(range.end) as usize]);
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::sample;

    #[test]
    fn synthetic_speech_keeps_to_its_extent() {
        let clip = ClipRow {
            speech_start_samples: 20_000,
            speech_end_samples: 330_000,
            ..sample::clip(&vec![0; 400_000], "a")
        };
        let made = synthetic(&clip, 0..400_000);
        let voiced = |range: Range<usize>| made[range].iter().any(|sample| *sample != 0);
        assert!(!voiced(0..20_000) && !voiced(330_000..400_000));
        assert!(voiced(20_000..21_000) && voiced(320_000..329_000));
    }

    #[test]
    fn a_part_is_as_it_is_in_the_whole() {
        let clip = sample::clip(&vec![0; 400_000], "a");
        let whole = synthetic(&clip, 0..400_000);
        assert_eq!(synthetic(&clip, 144_000..336_000), whole[144_000..336_000]);
        assert!(synthetic(&clip, 400_000..400_000).is_empty());
    }
}
