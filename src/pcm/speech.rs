//! Where in a clip the speech is: response times are measured from its end.
//!
//! A voice activity detector tells speech from other sounds, but it lags, hangs over in noise, and
//! gives no edge to better than 100 ms. Levels give edges to one frame, but cannot tell speech from
//! a beep. So levels propose where there is sound (`islands`), the detector says which of it is
//! speech, and the edges are then found as far out as any band still differs from the noise
//! (`edges`): the last consonant is often 20 dB weaker than the vowel before it.

use std::convert::Infallible;
use std::ops::Range;

use frames::{FRAME, RATE_HZ, analyse};

use crate::units::SampleRate;

mod edges;
mod frames;
mod islands;

/// Length of the pieces in which a long clip is searched from both of its ends.
const PIECE_S: u64 = 20;

/// Overlap of the pieces, so that speech on a border is not missed.
const OVERLAP_S: u64 = 2;

/// First sample and end of the speech in `samples`; `None` for a clip without speech (silence, tones,
/// steady noise, clicks).
#[must_use]
pub fn detect(samples: &[i16], rate: SampleRate) -> Option<Range<u64>> {
    let read = |range: Range<u64>| {
        let range = range.start as usize..range.end as usize;
        Ok::<_, Infallible>(samples[range].to_vec())
    };
    match detect_in(samples.len() as u64, rate, read) {
        Ok(found) => found,
        Err(never) => match never {},
    }
}

/// As [`detect`], for a clip of `samples` samples that is not in memory: `read` returns the samples
/// of a range. A clip longer than 40 s is read in pieces of 20 s, from both ends inwards and no further
/// than until speech is found.
///
/// # Errors
/// Those of `read`.
pub fn detect_in<E>(
    samples: u64,
    rate: SampleRate,
    mut read: impl FnMut(Range<u64>) -> Result<Vec<i16>, E>,
) -> Result<Option<Range<u64>>, E> {
    let mut search = |piece: Range<u64>| {
        let found = find(&read(piece.clone())?, rate);
        Ok(found.map(|r| piece.start + r.start..piece.start + r.end))
    };
    let piece = PIECE_S * u64::from(rate.0);
    if samples <= 2 * piece {
        return search(0..samples);
    }
    let step = (PIECE_S - OVERLAP_S) * u64::from(rate.0).max(1);
    for start in (0..samples).step_by(step as usize) {
        let Some(first) = search(start..samples.min(start + piece))? else {
            continue;
        };
        // From the end back to where speech is known to be.
        let mut end = samples;
        while end > first.end {
            if let Some(last) = search(end.saturating_sub(piece)..end)? {
                return Ok(Some(first.start..last.end.max(first.end)));
            }
            end -= step.min(end);
        }
        return Ok(Some(first));
    }
    Ok(None)
}

/// Each stretch of speech in `samples`, told from the next by a pause of over 200 ms; their edges
/// are less exact than those of [`detect`].
#[must_use]
pub fn stretches(samples: &[i16], rate: SampleRate) -> Vec<Range<u64>> {
    let islands = islands::each(&analyse(samples, rate));
    let stretch = |island| in_samples(island, samples, rate);
    islands.iter().map(stretch).collect()
}

fn find(samples: &[i16], rate: SampleRate) -> Option<Range<u64>> {
    let frames = analyse(samples, rate);
    let (core, floor) = islands::speech(&frames)?;
    let edges = edges::refine(&frames, core, floor);
    Some(in_samples(&edges, samples, rate))
}

/// The samples, of those at `rate`, that a range of frames stands for.
fn in_samples(frames: &Range<usize>, samples: &[i16], rate: SampleRate) -> Range<u64> {
    let at = |frame: usize| {
        let at = frame as u64 * FRAME as u64 * u64::from(rate.0) / u64::from(RATE_HZ);
        at.min(samples.len() as u64)
    };
    at(frames.start)..at(frames.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pcm::synth::{Signal, render, speech_like};

    const RATE: SampleRate = SampleRate(16_000);

    /// `clip` with `noise` dB of white noise relative to −20 dBFS added.
    fn noisy(clip: &[i16], noise_db: f64) -> Vec<i16> {
        let gain = 10f64.powf(noise_db / 20.0);
        let noise = render(Signal::Noise, clip.len() as u64, RATE, 99);
        let sum = clip.iter().zip(noise);
        sum.map(|(&s, n)| (f64::from(s) + gain * f64::from(n)) as i16)
            .collect()
    }

    fn assert_near(found: Option<Range<u64>>, truth: &Range<u64>, within: u64, what: &str) {
        let found = found.unwrap_or_else(|| panic!("{what}: no speech found"));
        let off = found
            .start
            .abs_diff(truth.start)
            .max(found.end.abs_diff(truth.end));
        assert!(off <= within, "{what}: {found:?} is {off} off {truth:?}");
    }

    #[test]
    fn a_voice_is_found_to_20_ms_in_silence_and_50_ms_in_noise() {
        for seed in 0..12 {
            let truth = 8_000 + seed * 397..40_000 + seed * 1_013;
            let clip = speech_like(64_000, truth.clone(), RATE, seed);
            assert_near(detect(&clip, RATE), &truth, 320, &format!("{seed} clean"));
            let clip = noisy(&clip, -15.0);
            assert_near(detect(&clip, RATE), &truth, 800, &format!("{seed} noisy"));
        }
    }

    #[test]
    fn other_rates_give_the_same_place() {
        for rate in [8_000, 11_025, 24_000, 48_000] {
            let second = u64::from(rate);
            let truth = second / 2..second * 5 / 2;
            let clip = speech_like(second * 3, truth.clone(), SampleRate(rate), 4);
            let found = detect(&clip, SampleRate(rate));
            assert_near(found, &truth, second / 50, &format!("{rate} Hz"));
        }
    }

    #[test]
    fn speech_to_the_very_edges_is_the_whole_clip() {
        let clip = speech_like(32_000, 0..32_000, RATE, 2);
        assert_near(detect(&clip, RATE), &(0..32_000), 320, "no silence");
    }

    #[test]
    fn silence_tones_noise_and_clicks_are_no_speech() {
        let sine = |hz: f64, on: Range<usize>| -> Vec<i16> {
            (0..48_000)
                .map(|i| match on.contains(&i) {
                    true => (8e3 * (i as f64 * hz * std::f64::consts::TAU / 16e3).sin()) as i16,
                    false => 0,
                })
                .collect()
        };
        let mut clips = vec![
            ("silence", render(Signal::Silence, 48_000, RATE, 1)),
            ("tone", render(Signal::Tone, 48_000, RATE, 1)),
            ("noise", render(Signal::Noise, 48_000, RATE, 1)),
            ("faint noise", noisy(&[0; 48_000], -50.0)),
            ("long silence", vec![0; 16_000 * 90]),
            ("nothing", vec![]),
            ("one sample", vec![900]),
        ];
        for hz in [100.0, 220.0, 440.0, 1_000.0, 2_000.0] {
            clips.push(("steady sine", sine(hz, 0..48_000)));
            clips.push(("long beep", sine(hz, 16_000..32_000)));
            clips.push(("short beep", sine(hz, 16_000..19_200)));
        }
        let click = |i: usize| if i % 8_000 < 40 { 20_000 } else { 0 };
        clips.push(("clicks", (0..48_000).map(click).collect()));
        for (name, clip) in clips {
            assert_eq!(detect(&clip, RATE), None, "{name}");
        }
    }

    #[test]
    fn a_click_and_a_beep_beside_speech_are_left_out() {
        let truth = 24_000..60_000;
        let mut clip = speech_like(96_000, truth.clone(), RATE, 6);
        clip[4_000..4_040].fill(20_000);
        let beep = render(Signal::Tone, 6_400, RATE, 0);
        clip[80_000..86_400].copy_from_slice(&beep);
        assert_near(detect(&clip, RATE), &truth, 320, "click and beep");
    }

    #[test]
    fn stretches_are_told_apart_by_their_pauses() {
        let mut clip = speech_like(80_000, 8_000..24_000, RATE, 3);
        let second = speech_like(80_000, 56_000..72_000, RATE, 5);
        for (sample, other) in clip.iter_mut().zip(second) {
            *sample = sample.saturating_add(other);
        }
        let found = stretches(&noisy(&clip, -30.0), RATE);
        let (before, behind): (Vec<_>, Vec<_>) = found.iter().partition(|r| r.end < 40_000);
        let whole = |found: &[&Range<u64>]| Some(found.first()?.start..found.last()?.end);
        assert_near(whole(&before), &(8_000..24_000), 1_600, "the first");
        assert_near(whole(&behind), &(56_000..72_000), 1_600, "the second");
        assert_eq!(stretches(&render(Signal::Noise, 48_000, RATE, 1), RATE), []);
    }

    #[test]
    fn a_long_clip_is_read_at_its_ends_alone() {
        let truth = 16_000 * 21..16_000 * 570;
        let clip = speech_like(16_000 * 600, truth.clone(), RATE, 3);
        let mut samples_read = 0;
        let found = detect_in(clip.len() as u64, RATE, |range| {
            samples_read += range.end - range.start;
            Ok::<_, Infallible>(clip[range.start as usize..range.end as usize].to_vec())
        });
        assert_near(found.unwrap(), &truth, 320, "long");
        assert!(samples_read < 16_000 * 120, "{samples_read} read");
    }

    #[test]
    fn one_word_in_a_long_silence_is_found_from_both_sides() {
        let truth = 16_000 * 50..16_000 * 51;
        let clip = speech_like(16_000 * 150, truth.clone(), RATE, 3);
        assert_near(detect(&clip, RATE), &truth, 320, "one word");
    }
}
