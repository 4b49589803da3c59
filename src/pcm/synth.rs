//! Synthetic signals, for tests without any audio and for the embedded gateway's answers.
//!
//! All of them lie at about −20 dBFS RMS, and equal arguments give equal samples. [`Voice`] sounds
//! like babbling speech: a pulse train of a voice's pitch through three formants, in syllables (4 a
//! second) and phrases with pauses, as formant synthesisers do it (Klatt 1980, parallel branch).

use std::ops::Range;
use std::str::FromStr;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::units::SampleRate;
use voice::RMS;

/// Frequency of [`Signal::Tone`]; a quarter of the rate where that is lower.
const TONE_HZ: f64 = 1_000.0;

/// Silence before and after the speech of [`Signal::SpeechLike`].
const EDGE_MS: u64 = 200;

/// A kind of synthetic signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Digital silence.
    Silence,
    /// A steady 1 kHz sine.
    Tone,
    /// White Gaussian noise.
    Noise,
    /// A [`Voice`] between two silences of 200 ms.
    SpeechLike,
}

impl Signal {
    /// The name it is asked for by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Signal::Silence => "silence",
            Signal::Tone => "tone",
            Signal::Noise => "noise",
            Signal::SpeechLike => "speech-like",
        }
    }
}

impl FromStr for Signal {
    type Err = String;

    fn from_str(text: &str) -> Result<Signal, String> {
        let all = [
            Signal::Silence,
            Signal::Tone,
            Signal::Noise,
            Signal::SpeechLike,
        ];
        all.into_iter()
            .find(|signal| signal.name() == text)
            .ok_or_else(|| {
                format!("unknown signal `{text}`; known are silence, tone, noise, speech-like")
            })
    }
}

/// `samples` samples of `signal` at `rate`.
#[must_use]
pub fn render(signal: Signal, samples: u64, rate: SampleRate, seed: u64) -> Vec<i16> {
    let count = usize::try_from(samples).unwrap_or(usize::MAX);
    match signal {
        Signal::Silence => vec![0; count],
        Signal::Tone => {
            let hz = TONE_HZ.min(f64::from(rate.0) / 4.0);
            let step = std::f64::consts::TAU * hz / f64::from(rate.0.max(1));
            let peak = RMS * std::f64::consts::SQRT_2;
            let sample = |i| (peak * (i as f64 * step).sin()).round() as i16;
            (0..count).map(sample).collect()
        }
        Signal::Noise => {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let mut sample = || {
                let unit: f64 = StandardNormal.sample(&mut random);
                (RMS * unit).round() as i16
            };
            (0..count).map(|_| sample()).collect()
        }
        Signal::SpeechLike => speech_like(samples, speech_like_extent(samples, rate), rate, seed),
    }
}

/// Where the speech of a [`Signal::SpeechLike`] clip of this length is: 200 ms from both ends, or
/// the middle half of a clip shorter than 800 ms.
#[must_use]
pub fn speech_like_extent(samples: u64, rate: SampleRate) -> Range<u64> {
    let edge = (u64::from(rate.0) * EDGE_MS / 1000).min(samples / 4);
    edge..samples - edge
}

/// `samples` samples that are silent but for a [`Voice`] in `speech`, which it fills from edge to edge:
/// a stand-in for a clip of which only length and speech extent are known.
#[must_use]
pub fn speech_like(samples: u64, speech: Range<u64>, rate: SampleRate, seed: u64) -> Vec<i16> {
    let index = |at: u64| usize::try_from(at.min(samples)).unwrap_or(usize::MAX);
    let mut clip = vec![0; index(samples)];
    let (start, end) = (index(speech.start), index(speech.end));
    if start < end {
        let spoken = &mut clip[start..end];
        Voice::without_pauses(rate, seed).fill(spoken);
        fade_out(spoken, rate);
    }
    clip
}

/// Ends the last 5 ms softly, so that a voice that is cut off does not click.
fn fade_out(spoken: &mut [i16], rate: SampleRate) {
    let count = (rate.0 as usize / 200).min(spoken.len());
    let from = spoken.len() - count;
    for (i, sample) in spoken[from..].iter_mut().enumerate() {
        let gain = (count - i) as f32 / count as f32;
        *sample = (f32::from(*sample) * gain) as i16;
    }
}

pub use voice::Voice;

mod voice;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pcm::level::Level;

    const RATE: SampleRate = SampleRate(16_000);

    #[test]
    fn tone_and_noise_lie_at_minus_20_dbfs_and_silence_is_digital() {
        for signal in [Signal::Tone, Signal::Noise] {
            let level = Level::of(&render(signal, 160_000, RATE, 1)).rms_dbfs();
            assert!((level + 20.0).abs() < 0.1, "{signal:?}: {level}");
        }
        assert_eq!(render(Signal::Silence, 3, RATE, 1), [0; 3]);
        let low = render(Signal::Tone, 4_000, SampleRate(400), 1);
        assert!((Level::of(&low).rms_dbfs() + 20.0).abs() < 0.1);
    }

    #[test]
    fn speech_like_clips_are_silent_outside_their_extent() {
        let clip = render(Signal::SpeechLike, 48_000, RATE, 5);
        assert_eq!(speech_like_extent(48_000, RATE), 3_200..44_800);
        let is_silent = |range: Range<usize>| clip[range].iter().all(|&s| s == 0);
        assert!(is_silent(0..3_200) && is_silent(44_800..48_000));
        assert!(!is_silent(3_200..3_360));
        assert_eq!(speech_like_extent(1_000, RATE), 250..750);
        assert_eq!(render(Signal::SpeechLike, 0, RATE, 5), [0; 0]);
    }

    #[test]
    fn every_length_comes_out_as_asked_and_names_are_read_back() {
        for name in ["silence", "tone", "noise", "speech-like"] {
            let signal: Signal = name.parse().unwrap();
            assert_eq!(signal.name(), name);
            for samples in [0, 1, 2, 79, 80, 16_001] {
                let clip = render(signal, samples, RATE, 1);
                assert_eq!(clip.len() as u64, samples, "{name}");
                assert_eq!(clip, render(signal, samples, RATE, 1), "{name}");
            }
        }
        let error = "music".parse::<Signal>().unwrap_err();
        assert!(error.contains("speech-like"), "{error}");
    }

    #[test]
    fn an_extent_beyond_the_clip_is_cut_to_it() {
        assert_eq!(speech_like(100, 50..500, RATE, 1).len(), 100);
        assert_eq!(speech_like(10, 20..30, RATE, 1), [0; 10]);
    }
}
