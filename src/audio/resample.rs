//! Sample rate conversion of one channel, by filtering and re-gridding in the frequency domain.
//!
//! A block of input is transformed, multiplied by a linear-phase low-pass filter, cut or extended
//! to the bins of the output rate, and transformed back. Blocks overlap by the length of the
//! filter (overlap-save), so the result is that of one filter run over the whole clip. The filter
//! is centred on the sample that it makes: the output has no delay.
//!
//! Flat to 7.8 kHz at 16 kHz out (0.975 of the lower of the two Nyquist frequencies); everything
//! above that Nyquist frequency is down by more than 130 dB.

use std::f64::consts::PI;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// The lowest rate that is converted, in Hz. The two limits bound the memory of a resampler.
pub const MIN_RATE_HZ: u32 = 1_000;
/// The highest rate that is converted, in Hz.
pub const MAX_RATE_HZ: u32 = 768_000;

/// Stop-band attenuation that the filter is designed for, in dB.
const STOP_BAND_DB: f64 = 140.0;
/// End of the pass band, as a part of the lower Nyquist frequency. The stop band starts at that
/// Nyquist frequency.
const PASS_BAND: f64 = 0.975;

/// Why a resampler cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResampleError {
    /// One of the rates is outside [`MIN_RATE_HZ`] to [`MAX_RATE_HZ`].
    #[error(
        "cannot convert {from_hz} Hz to {to_hz} Hz: both rates must be between {MIN_RATE_HZ} and {MAX_RATE_HZ} Hz"
    )]
    Rate {
        /// Rate of the input.
        from_hz: u32,
        /// Rate of the output.
        to_hz: u32,
    },
}

/// Converts one channel from one rate to another, block by block.
///
/// The whole output of a clip of `n` samples is `round(n * to / from)` samples, and output sample
/// `k` stands for the instant `k / to` of the input. What lies before and after the clip is taken
/// to be silence. Equal rates pass through untouched.
pub struct Resampler {
    stages: Option<Stages>,
    from_hz: u64,
    to_hz: u64,
    taken: u64,
    given: u64,
}

impl Resampler {
    /// A resampler from `from_hz` to `to_hz`.
    ///
    /// # Errors
    /// [`ResampleError::Rate`] when a rate is outside [`MIN_RATE_HZ`] to [`MAX_RATE_HZ`].
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, ResampleError> {
        let usable = MIN_RATE_HZ..=MAX_RATE_HZ;
        if !usable.contains(&from_hz) || !usable.contains(&to_hz) {
            return Err(ResampleError::Rate { from_hz, to_hz });
        }
        Ok(Self {
            stages: (from_hz != to_hz).then(|| Stages::new(from_hz, to_hz)),
            from_hz: u64::from(from_hz),
            to_hz: u64::from(to_hz),
            taken: 0,
            given: 0,
        })
    }

    /// Takes `input` and appends to `out` what is ready.
    pub fn push(&mut self, input: &[f32], out: &mut Vec<f32>) {
        self.taken += input.len() as u64;
        let before = out.len();
        match &mut self.stages {
            None => out.extend_from_slice(input),
            Some(stages) => stages.push(input, out),
        }
        self.given += (out.len() - before) as u64;
    }

    /// Appends the rest of the clip to `out`. The resampler is then ready for another clip.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        if let Some(stages) = &mut self.stages {
            let total = rounded_length(self.taken, self.from_hz, self.to_hz);
            let end = out.len() + total.saturating_sub(self.given) as usize;
            while out.len() < end {
                stages.push_silence(out);
            }
            // Silence after the clip may have completed a block past its end.
            out.truncate(end);
            stages.reset();
        }
        self.taken = 0;
        self.given = 0;
    }
}

/// `round(samples * to / from)`.
fn rounded_length(samples: u64, from_hz: u64, to_hz: u64) -> u64 {
    let (from, to) = (u128::from(from_hz), u128::from(to_hz));
    ((u128::from(samples) * to * 2 + from) / (from * 2)) as u64
}

/// The transforms of a rate pair and the block that is being filled.
struct Stages {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    /// The filter at the bins that both rates have; includes the scale of the transforms.
    gains: Vec<f32>,
    /// Input not yet used up, beginning with the overlap.
    input: Vec<f32>,
    sizes: Sizes,
    block: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    cut: Vec<Complex<f32>>,
    output: Vec<f32>,
    scratch: Vec<Complex<f32>>,
}

/// Lengths in samples. Each input length is a whole number of periods of the rate pair, so that
/// block edges fall on output samples.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    block_in: usize,
    block_out: usize,
    /// Input samples at either edge of a block whose output is spoiled by the neighbouring block.
    edge_in: usize,
    edge_out: usize,
    /// Filter taps on either side of the middle one; not more than `edge_in`.
    half_taps: usize,
}

impl Sizes {
    fn new(from_hz: u32, to_hz: u32) -> Self {
        let divisor = gcd(from_hz, to_hz);
        let (period_in, period_out) = ((from_hz / divisor) as usize, (to_hz / divisor) as usize);
        // Kaiser's formula for the length of a filter.
        let transition =
            PI * (1.0 - PASS_BAND) * f64::from(from_hz.min(to_hz)) / f64::from(from_hz);
        let half_taps = ((STOP_BAND_DB - 7.95) / (2.0 * 2.285 * transition)).ceil() as usize;
        let edge = half_taps.div_ceil(period_in);
        // Long blocks waste less on their edges, until they outgrow the cache.
        let wanted = (12 * edge)
            .min(65_536 / period_in)
            .max(8_192 / period_in)
            .max(4 * edge);
        let periods = smooth_at_least(wanted);
        Self {
            block_in: periods * period_in,
            block_out: periods * period_out,
            edge_in: edge * period_in,
            edge_out: edge * period_out,
            half_taps,
        }
    }

    /// New input that each block takes.
    fn hop_in(&self) -> usize {
        self.block_in - 2 * self.edge_in
    }
}

impl Stages {
    fn new(from_hz: u32, to_hz: u32) -> Self {
        let sizes = Sizes::new(from_hz, to_hz);
        let mut planner = RealFftPlanner::<f32>::new();
        let forward = planner.plan_fft_forward(sizes.block_in);
        let inverse = planner.plan_fft_inverse(sizes.block_out);
        let cutoff = (1.0 + PASS_BAND) / 4.0 * f64::from(from_hz.min(to_hz)) / f64::from(from_hz);

        let mut block = forward.make_input_vec();
        let mut spectrum = forward.make_output_vec();
        place_filter(&mut block, cutoff, sizes.half_taps);
        let mut scratch =
            vec![Complex::default(); forward.get_scratch_len().max(inverse.get_scratch_len())];
        transform(&*forward, &mut block, &mut spectrum, &mut scratch);
        // The bin of the lower Nyquist frequency and all above it belong to the stop band.
        let bins = sizes.block_in.min(sizes.block_out).div_ceil(2);
        // A filter that is symmetric about its first sample has a real spectrum.
        let gains = spectrum[..bins].iter().map(|bin| bin.re).collect();

        let mut stages = Self {
            gains,
            input: Vec::with_capacity(sizes.block_in + sizes.hop_in()),
            sizes,
            block,
            spectrum,
            cut: inverse.make_input_vec(),
            output: inverse.make_output_vec(),
            scratch,
            forward,
            inverse,
        };
        stages.reset();
        stages
    }

    fn reset(&mut self) {
        self.input.clear();
        self.input.resize(self.sizes.edge_in, 0.0);
    }

    fn push(&mut self, mut input: &[f32], out: &mut Vec<f32>) {
        while !input.is_empty() {
            let room = self.sizes.block_in - self.input.len();
            let (now, later) = input.split_at(room.min(input.len()));
            self.input.extend_from_slice(now);
            self.process_full_block(out);
            input = later;
        }
    }

    fn push_silence(&mut self, out: &mut Vec<f32>) {
        self.input.resize(self.sizes.block_in, 0.0);
        self.process_full_block(out);
    }

    fn process_full_block(&mut self, out: &mut Vec<f32>) {
        if self.input.len() < self.sizes.block_in {
            return;
        }
        self.block.copy_from_slice(&self.input);
        self.input.drain(..self.sizes.hop_in());

        transform(
            &*self.forward,
            &mut self.block,
            &mut self.spectrum,
            &mut self.scratch,
        );
        for ((to, from), gain) in self.cut.iter_mut().zip(&self.spectrum).zip(&self.gains) {
            *to = from * gain;
        }
        self.cut[self.gains.len()..].fill(Complex::default());
        self.inverse
            .process_with_scratch(&mut self.cut, &mut self.output, &mut self.scratch)
            .expect("the buffers were made for this transform");
        let edge = self.sizes.edge_out;
        out.extend_from_slice(&self.output[edge..self.sizes.block_out - edge]);
    }
}

fn transform(
    fft: &dyn RealToComplex<f32>,
    block: &mut [f32],
    spectrum: &mut [Complex<f32>],
    scratch: &mut [Complex<f32>],
) {
    fft.process_with_scratch(block, spectrum, scratch)
        .expect("the buffers were made for this transform");
}

/// Writes a low-pass filter into `block`, symmetric about its first sample (the negative half at
/// the end), with a gain of `1 / block.len()` at 0 Hz. `cutoff` is a part of the sample rate.
fn place_filter(block: &mut [f32], cutoff: f64, half_taps: usize) {
    let beta = 0.1102 * (STOP_BAND_DB - 8.7);
    let taps: Vec<f64> = (0..=half_taps)
        .map(|n| {
            let x = n as f64 / (half_taps + 1) as f64;
            let angle = 2.0 * PI * cutoff * n as f64;
            let sinc = if n == 0 { 1.0 } else { angle.sin() / angle };
            sinc * bessel_i0(beta * (1.0 - x * x).sqrt())
        })
        .collect();
    let sum = taps[0] + 2.0 * taps[1..].iter().sum::<f64>();
    let scale = 1.0 / (sum * block.len() as f64);
    let len = block.len();
    block.fill(0.0);
    for (n, tap) in taps.iter().enumerate() {
        block[n] = (tap * scale) as f32;
        block[(len - n) % len] = (tap * scale) as f32;
    }
}

/// The modified Bessel function of the first kind and order 0, of the Kaiser window, by its power
/// series.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..200 {
        term *= quarter / f64::from(k * k);
        sum += term;
        if term < sum * 1e-18 {
            break;
        }
    }
    sum
}

/// The least number from `wanted` on that is 1, 3 or 5 times a power of two, and so transforms fast.
fn smooth_at_least(wanted: usize) -> usize {
    [1, 3, 5]
        .map(|odd| odd * wanted.div_ceil(odd).next_power_of_two())
        .into_iter()
        .min()
        .unwrap_or(wanted)
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: u32 = 16_000;
    const RATES: [u32; 7] = [8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000];
    /// Rates no one plans for: GSM and old sound cards, video clocks, primes.
    const ODD_RATES: [u32; 5] = [12_000, 24_000, 37_800, 44_056, 8_011];

    fn convert(from_hz: u32, input: &[f32]) -> Vec<f32> {
        let mut resampler = Resampler::new(from_hz, TO).unwrap();
        let mut out = Vec::new();
        // Uneven pieces: block edges must not show.
        for piece in input.chunks(1_152) {
            resampler.push(piece, &mut out);
        }
        resampler.finish(&mut out);
        out
    }

    fn tone(hz: f64, rate: u32, seconds: f64) -> Vec<f32> {
        let samples = (seconds * f64::from(rate)) as usize;
        (0..samples)
            .map(|n| (0.5 * (2.0 * PI * hz * n as f64 / f64::from(rate)).sin()) as f32)
            .collect()
    }

    fn db(ratio: f64) -> f64 {
        20.0 * ratio.log10()
    }

    /// Gain of the tone in dB and the level of everything else, relative to the tone put in.
    fn measure(hz: f64, rate: u32) -> (f64, f64) {
        let out = convert(rate, &tone(hz, rate, 3.0));
        // The middle two seconds, away from the clip's own edges: whole periods of whole hertz.
        let middle = &out[8_000..40_000];
        let (mut sin, mut cos) = (0.0, 0.0);
        for (n, &sample) in middle.iter().enumerate() {
            let angle = 2.0 * PI * hz * (n + 8_000) as f64 / f64::from(TO);
            sin += f64::from(sample) * angle.sin() * 2.0 / middle.len() as f64;
            cos += f64::from(sample) * angle.cos() * 2.0 / middle.len() as f64;
        }
        let rest: f64 = middle
            .iter()
            .enumerate()
            .map(|(n, &sample)| {
                let angle = 2.0 * PI * hz * (n + 8_000) as f64 / f64::from(TO);
                (f64::from(sample) - sin * angle.sin() - cos * angle.cos()).powi(2)
            })
            .sum::<f64>()
            / middle.len() as f64;
        (db(sin.hypot(cos) / 0.5), db((2.0 * rest).sqrt() / 0.5))
    }

    #[test]
    fn tones_of_the_pass_band_come_through_alone_and_at_their_level() {
        for rate in RATES.into_iter().chain(ODD_RATES) {
            let top = (0.975 * f64::from(rate) / 2.0).min(7_800.0).floor();
            for hz in [50.0, 440.0, 1_000.0, 3_000.0_f64.min(top), 0.9 * top, top] {
                let (gain, rest) = measure(hz.floor(), rate);
                assert!(gain.abs() < 0.05, "{hz} Hz at {rate}: {gain:.4} dB");
                assert!(rest < -120.0, "{hz} Hz at {rate}: noise {rest:.1} dB");
            }
        }
    }

    #[test]
    fn nothing_above_8_1_khz_is_left() {
        for rate in RATES
            .into_iter()
            .chain(ODD_RATES)
            .filter(|&rate| rate > 16_200)
        {
            let nyquist = f64::from(rate) / 2.0;
            for hz in [
                8_100.0,
                8_500.0,
                9_000.0,
                12_345.0,
                15_999.0,
                0.99 * nyquist,
            ] {
                if hz < nyquist {
                    let out = convert(rate, &tone(hz, rate, 3.0));
                    let middle = &out[8_000..40_000];
                    let power = middle.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>();
                    let level = db((2.0 * power / middle.len() as f64).sqrt() / 0.5);
                    assert!(level < -120.0, "{hz} Hz at {rate}: {level:.1} dB");
                }
            }
        }
    }

    #[test]
    fn the_length_is_rounded_for_clips_of_any_length() {
        for rate in RATES.into_iter().chain(ODD_RATES) {
            for samples in [0_u64, 1, 2, 3, 100, 4_409, 4_410, 44_100, 100_003] {
                let out = convert(rate, &vec![0.1; samples as usize]);
                let exact = samples as f64 * f64::from(TO) / f64::from(rate);
                assert_eq!(
                    out.len() as f64,
                    (exact + 0.5).floor(),
                    "{samples} at {rate}"
                );
            }
        }
    }

    #[test]
    fn an_impulse_lands_where_it_should() {
        for rate in RATES.into_iter().chain(ODD_RATES) {
            for at in [0, 50, 4_410, 30_000] {
                let mut input = vec![0.0; 40_000];
                input[at] = 1.0;
                let out = convert(rate, &input);
                let peak = (0..out.len()).max_by(|&a, &b| out[a].abs().total_cmp(&out[b].abs()));
                let due = at as f64 * f64::from(TO) / f64::from(rate);
                let found = peak.unwrap() as f64;
                assert!(
                    (found - due).abs() <= 1.0,
                    "{at} at {rate}: {found}, due {due}"
                );
            }
        }
    }

    #[test]
    fn a_clip_shorter_than_a_block_keeps_its_level() {
        // 20 ms at 48 kHz.
        let out = convert(48_000, &tone(1_000.0, 48_000, 0.020));
        let rms =
            (out.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / out.len() as f64).sqrt();
        assert_eq!(out.len(), 320);
        assert!(db(rms * 2.0_f64.sqrt() / 0.5).abs() < 0.3, "{rms}");
    }

    #[test]
    fn a_finished_resampler_starts_afresh() {
        let first = tone(700.0, 44_100, 0.5);
        let mut resampler = Resampler::new(44_100, TO).unwrap();
        let mut runs = [Vec::new(), Vec::new()];
        for run in &mut runs {
            resampler.push(&first, run);
            resampler.finish(run);
        }
        assert_eq!(runs[0], runs[1]);
        assert_eq!(runs[0], convert(44_100, &first));
    }

    #[test]
    fn equal_rates_pass_through_untouched() {
        let input = tone(123.4, TO, 0.1);
        assert_eq!(convert(TO, &input), input);
    }

    #[test]
    fn impossible_rates_are_refused_and_awkward_ones_stay_small() {
        for (from_hz, to_hz) in [(0, TO), (TO, 999), (MAX_RATE_HZ + 1, TO)] {
            let refused = Resampler::new(from_hz, to_hz).err();
            assert_eq!(refused, Some(ResampleError::Rate { from_hz, to_hz }));
        }
        for rate in [MIN_RATE_HZ, 1_001, 767_999, 44_057] {
            let sizes = Sizes::new(rate, TO);
            assert!(
                sizes.block_in <= 1 << 22 && sizes.block_out <= 1 << 22,
                "{rate}: {sizes:?}"
            );
            assert!(sizes.half_taps <= sizes.edge_in);
        }
    }
}
