//! A voice that babbles: endless speech-like audio, filled in as it is needed.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::units::SampleRate;

/// RMS of every synthetic signal: −20 dBFS.
pub(super) const RMS: f64 = 3_276.8;

/// Length of a syllable in seconds (4 a second, the modulation that marks speech).
const SYLLABLE_S: f32 = 0.25;

/// Part of a syllable in which it swells and in which it fades.
const SWELL: f32 = 0.02;
const FADE: f32 = 0.4;

/// Length of the pause between phrases in seconds.
const PAUSE_S: f32 = 0.2;

/// Formant frequencies in Hz of vowels (Peterson and Barney 1952, men): i, e, æ, a, o, u, ʌ.
const VOWELS: [[f32; 3]; 7] = [
    [270.0, 2290.0, 3010.0],
    [530.0, 1840.0, 2480.0],
    [660.0, 1720.0, 2410.0],
    [730.0, 1090.0, 2440.0],
    [570.0, 840.0, 2410.0],
    [300.0, 870.0, 2240.0],
    [640.0, 1190.0, 2390.0],
];

/// Bandwidths of the three formants in Hz, and their share of the amplitude: a voice falls by about
/// 12 dB from one formant to the next, and neighbours of opposite sign leave no hole between them.
const BANDWIDTHS: [f32; 3] = [80.0, 100.0, 140.0];
const SHARES: [f32; 3] = [0.96, -0.27, 0.09];

/// An endless speech-like signal of about −20 dBFS RMS while it speaks, audible from its first
/// milliseconds.
#[derive(Debug, Clone)]
pub struct Voice {
    rate: f32,
    random: ChaCha8Rng,
    /// The voice's own pitch in Hz, 110 to 200.
    pitch: f32,
    resonators: [Resonator; 3],
    /// Samples of the present syllable or pause, and how many of them are over.
    length: u32,
    at: u32,
    silent: bool,
    pauses: bool,
    /// Syllables left before the next pause, and in the phrase from its start.
    left: u32,
    phrase: u32,
    /// Pitch at the present syllable's start, and its change a sample, in cycles a sample.
    frequency: f32,
    glide: f32,
    /// Amplitude of the present syllable.
    stress: f32,
    /// Place in the present pitch period, 0 to 1.
    phase: f32,
}

/// A two-pole filter: one formant.
#[derive(Debug, Clone, Copy, Default)]
struct Resonator {
    gain: f32,
    b: f32,
    c: f32,
    y1: f32,
    y2: f32,
}

impl Resonator {
    /// Tunes the filter so that one unit pulse into it carries the energy `share`².
    fn tune(&mut self, hz: f32, bandwidth: f32, share: f32, rate: f32) {
        let r = (-std::f32::consts::PI * bandwidth / rate).exp();
        // At low rates the upper formants come to lie below half the rate.
        let angle = std::f32::consts::TAU * hz.min(0.45 * rate) / rate;
        let r2 = r * r;
        self.b = 2.0 * r * angle.cos();
        self.c = -r2;
        // The sum of h² of 1 / (1 - b/z + r²/z²), in closed form.
        let energy = (1.0 + r2) / ((1.0 - r2) * (1.0 - 2.0 * r2 * (2.0 * angle).cos() + r2 * r2));
        self.gain = share / energy.sqrt();
    }

    fn next(&mut self, x: f32) -> f32 {
        let y = self.gain * x + self.b * self.y1 + self.c * self.y2;
        self.y2 = self.y1;
        self.y1 = y;
        y
    }
}

impl Voice {
    /// The voice `seed` at `rate`.
    #[must_use]
    pub fn new(rate: SampleRate, seed: u64) -> Voice {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let pitch = random.random_range(110.0..200.0);
        let mut voice = Voice {
            rate: rate.0.max(1) as f32,
            random,
            pitch,
            resonators: [Resonator::default(); 3],
            length: 0,
            at: 0,
            silent: true,
            pauses: true,
            left: 0,
            phrase: 1,
            frequency: 0.0,
            glide: 0.0,
            stress: 0.0,
            // The first pulse comes at once.
            phase: 1.0,
        };
        voice.next_phrase();
        voice
    }

    /// The same voice, which goes from phrase to phrase without a pause.
    #[must_use]
    pub fn without_pauses(rate: SampleRate, seed: u64) -> Voice {
        Voice {
            pauses: false,
            ..Voice::new(rate, seed)
        }
    }

    /// Fills `out` with the next samples.
    pub fn fill(&mut self, out: &mut [i16]) {
        let mut rest = out;
        while !rest.is_empty() {
            if self.at == self.length {
                self.next_part();
            }
            let count = rest.len().min((self.length - self.at) as usize);
            let (now, later) = rest.split_at_mut(count);
            if self.silent {
                now.fill(0);
                self.at += count as u32;
            } else {
                now.iter_mut().for_each(|sample| *sample = self.spoken());
            }
            rest = later;
        }
    }

    fn spoken(&mut self) -> i16 {
        let frequency = self.frequency + self.glide * self.at as f32;
        self.phase += frequency;
        // A pulse a period, as strong as makes the power independent of the pitch.
        let pulse = if self.phase >= 1.0 {
            self.phase -= 1.0;
            frequency.sqrt().recip()
        } else {
            0.0
        };
        let place = self.at as f32 / self.length as f32;
        let envelope = (place / SWELL).min((1.0 - place) / FADE).min(1.0);
        self.at += 1;
        let sound: f32 = self.resonators.iter_mut().map(|f| f.next(pulse)).sum();
        (sound * envelope * self.stress) as i16
    }

    fn next_part(&mut self) {
        self.at = 0;
        if self.left > 0 && !self.silent {
            self.next_syllable();
        } else if self.silent || !self.pauses {
            self.next_phrase();
        } else {
            self.silent = true;
            self.length = self.samples(PAUSE_S);
        }
    }

    fn next_phrase(&mut self) {
        self.silent = false;
        self.phrase = self.random.random_range(4..9);
        self.left = self.phrase;
        self.next_syllable();
    }

    fn next_syllable(&mut self) {
        // Pitch falls by a fifth over a phrase and wanders from syllable to syllable.
        let fall = 1.1 - 0.2 * (1.0 - self.left as f32 / self.phrase as f32);
        let start = self.pitch * fall * self.random.random_range(0.95..1.05);
        let end = start * self.random.random_range(0.9..1.05);
        let stretch = self.random.random_range(0.8..1.2);
        self.length = self.samples(SYLLABLE_S * stretch);
        self.frequency = start / self.rate;
        self.glide = (end - start) / self.rate / self.length as f32;
        // 1.35 gives back what the envelope takes from the power.
        self.stress = 1.35 * RMS as f32 * self.random.random_range(0.6..1.35);
        self.left -= 1;
        let vowel = VOWELS[self.random.random_range(0..VOWELS.len())];
        for (i, resonator) in self.resonators.iter_mut().enumerate() {
            resonator.tune(vowel[i], BANDWIDTHS[i], SHARES[i], self.rate);
        }
    }

    fn samples(&self, seconds: f32) -> u32 {
        ((seconds * self.rate) as u32).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pcm::level::Level;

    const RATES: [u32; 6] = [8_000, 11_025, 16_000, 24_000, 44_100, 48_000];

    fn spoken(rate: u32, seed: u64, seconds: usize) -> Vec<i16> {
        let mut out = vec![0; rate as usize * seconds];
        Voice::new(SampleRate(rate), seed).fill(&mut out);
        out
    }

    #[test]
    fn a_voice_lies_at_minus_20_dbfs_at_every_rate() {
        for rate in RATES {
            for seed in 0..8 {
                let audio = spoken(rate, seed, 10);
                let voiced: Vec<i16> = audio
                    .chunks(rate as usize / 50)
                    .filter(|window| window.iter().any(|&s| s != 0))
                    .flatten()
                    .copied()
                    .collect();
                let level = Level::of(&voiced);
                assert!(
                    (level.rms_dbfs() + 20.0).abs() < 2.0,
                    "{rate} {seed}: {level:?} {}",
                    level.rms_dbfs()
                );
                assert!(
                    level.peak_dbfs() < -1.0,
                    "{rate} {seed} clips: {}",
                    level.peak_dbfs()
                );
            }
        }
    }

    #[test]
    fn a_voice_is_audible_from_its_first_10_ms() {
        for rate in RATES {
            for seed in 0..20 {
                let first = Level::of(&spoken(rate, seed, 1)[..rate as usize / 100]);
                assert!(
                    first.rms_dbfs() > -40.0,
                    "{rate} {seed}: {}",
                    first.rms_dbfs()
                );
            }
        }
    }

    #[test]
    fn a_voice_pauses_between_phrases_and_each_seed_has_its_own() {
        let audio = spoken(16_000, 7, 20);
        let pauses = audio
            .chunks(320)
            .filter(|w| w.iter().all(|&s| s == 0))
            .count();
        assert!(
            (40..250).contains(&pauses),
            "{pauses} silent chunks of 1000"
        );
        assert_eq!(audio, spoken(16_000, 7, 20));
        assert_ne!(audio, spoken(16_000, 8, 20));
    }

    #[test]
    fn blocks_of_any_size_make_the_same_voice() {
        let whole = spoken(16_000, 3, 4);
        let mut voice = Voice::new(SampleRate(16_000), 3);
        let mut blocks = vec![0; whole.len()];
        blocks.chunks_mut(333).for_each(|block| voice.fill(block));
        assert_eq!(blocks, whole);
    }

    #[test]
    fn absurd_rates_end_without_a_panic() {
        for rate in [0, 1, 7, 1_000, 768_000] {
            Voice::new(SampleRate(rate), 1).fill(&mut [0; 5_000]);
        }
    }
}
