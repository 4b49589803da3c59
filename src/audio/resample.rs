//! Sample rate conversion of one channel, by `rubato`'s FFT resampler.
//!
//! The engine filters and re-grids a block at a time in the frequency domain, with a filter as
//! long as the block: the block length decides how steep the filter is. This module chooses that
//! length, takes input in pieces of any size, and gives output of exact length and without delay.
//!
//! Flat to 7.8 kHz at 16 kHz out (0.975 of the lower of the two Nyquist frequencies); everything
//! above 8.1 kHz is down by more than 120 dB.

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};

/// The lowest rate that is converted, in Hz. The two limits bound the memory of a resampler.
pub const MIN_RATE_HZ: u32 = 1_000;
/// The highest rate that is converted, in Hz.
pub const MAX_RATE_HZ: u32 = 768_000;

/// The shortest block, in samples of the lower of the two rates. With this window the gain at
/// 0.975 of the Nyquist frequency is -0.16 dB at 800 samples and within 0.001 dB from here on;
/// longer blocks only cost time.
const MIN_BLOCK: usize = 1_152;

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
    engine: Option<Engine>,
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
        let refused = ResampleError::Rate { from_hz, to_hz };
        let usable = MIN_RATE_HZ..=MAX_RATE_HZ;
        if !usable.contains(&from_hz) || !usable.contains(&to_hz) {
            return Err(refused);
        }
        let engine = if from_hz == to_hz {
            None
        } else {
            Some(Engine::new(from_hz, to_hz).map_err(|_| refused)?)
        };
        Ok(Self {
            engine,
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
        match &mut self.engine {
            None => out.extend_from_slice(input),
            Some(engine) => engine.push(input, out),
        }
        self.given += (out.len() - before) as u64;
    }

    /// Appends the rest of the clip to `out`. The resampler is then ready for another clip.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        if let Some(engine) = &mut self.engine {
            let total = rounded_length(self.taken, self.from_hz, self.to_hz);
            let end = out.len() + total.saturating_sub(self.given) as usize;
            while out.len() < end {
                engine.push_silence(out);
            }
            // Silence after the clip may have completed a block past its end.
            out.truncate(end);
            engine.reset();
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

/// `rubato`'s resampler and the block that is being filled for it.
struct Engine {
    fft: Fft<f32>,
    /// Input not yet used up: less than a block.
    input: Vec<f32>,
    /// Silence before the clip, in samples of the input: with it the filter's delay is a whole number of samples of
    /// the output.
    silence: usize,
    /// Output that the filter makes before the clip's first sample.
    delay: usize,
    /// What is still to be dropped of it.
    lead: usize,
}

impl Engine {
    fn new(from_hz: u32, to_hz: u32) -> Result<Self, rubato::ResamplerConstructionError> {
        let block_in = block_in(from_hz, to_hz);
        let fft = Fft::new_custom(
            from_hz as usize,
            to_hz as usize,
            block_in,
            1,
            1,
            WindowFunction::BlackmanHarris2,
            FixedSync::Both,
        )?;
        // The filter is symmetric about input sample `block_in / 2`, rounded down, which falls on a sample of the
        // output only where it is a whole number of periods. Silence before the clip makes it one.
        let divisor = gcd(from_hz, to_hz);
        let (period_in, period_out) = (from_hz / divisor, to_hz / divisor);
        let periods = (block_in / 2).div_ceil(period_in as usize);
        let silence = periods * period_in as usize - block_in / 2;
        let delay = periods * period_out as usize;
        let mut input = Vec::with_capacity(block_in);
        input.resize(silence, 0.0);
        Ok(Self {
            fft,
            input,
            silence,
            delay,
            lead: delay,
        })
    }

    fn reset(&mut self) {
        self.fft.reset();
        self.input.clear();
        self.input.resize(self.silence, 0.0);
        self.lead = self.delay;
    }

    fn push(&mut self, mut input: &[f32], out: &mut Vec<f32>) {
        while !input.is_empty() {
            let room = self.fft.input_frames_next() - self.input.len();
            let (now, later) = input.split_at(room.min(input.len()));
            self.input.extend_from_slice(now);
            if now.len() == room {
                self.process_block(out);
            }
            input = later;
        }
    }

    fn push_silence(&mut self, out: &mut Vec<f32>) {
        self.input.resize(self.fft.input_frames_next(), 0.0);
        self.process_block(out);
    }

    /// Turns the full block of input into a block of output.
    fn process_block(&mut self, out: &mut Vec<f32>) {
        let start = out.len();
        let made = self.fft.output_frames_next();
        out.resize(start + made, 0.0);
        let from = SequentialSlice::new(&self.input, 1, self.input.len());
        let to = SequentialSlice::new_mut(&mut out[start..], 1, made);
        let (from, mut to) = from
            .ok()
            .zip(to.ok())
            .expect("one channel of its own length");
        self.fft
            .process_into_buffer(&from, &mut to, None)
            .expect("both blocks are as long as the resampler says");
        self.input.clear();
        // Half a block, or a block that is one period: gone with the first.
        out.drain(start..start + std::mem::take(&mut self.lead));
    }
}

/// Length of a block in input samples: a whole number of periods of the rate pair, so that block
/// edges fall on output samples.
///
/// The number of periods is even, so that the middle of the filter falls on a sample of both rates,
/// and has no factors over 5, so that common rates transform fast. Rates with a small common divisor
/// have one long period, which is taken alone.
fn block_in(from_hz: u32, to_hz: u32) -> usize {
    let divisor = gcd(from_hz, to_hz);
    let lower_period = (from_hz.min(to_hz) / divisor) as usize;
    let periods = if lower_period < MIN_BLOCK {
        2 * smooth_at_least(MIN_BLOCK.div_ceil(2 * lower_period))
    } else {
        1
    };
    periods * (from_hz / divisor) as usize
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
    use std::f64::consts::PI;

    use super::*;

    const TO: u32 = 16_000;
    const RATES: [u32; 7] = [8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000];
    /// Rates no one plans for: GSM and old sound cards, video clocks, primes.
    const ODD_RATES: [u32; 5] = [12_000, 24_000, 37_800, 44_056, 8_011];

    /// The middle second of two.
    const MIDDLE: std::ops::Range<usize> = 8_000..24_000;

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
        let out = convert(rate, &tone(hz, rate, 2.0));
        // The middle second, away from the clip's own edges: whole periods of whole hertz.
        let middle = &out[MIDDLE];
        let (mut sin, mut cos) = (0.0, 0.0);
        for (n, &sample) in middle.iter().enumerate() {
            let angle = 2.0 * PI * hz * (n + MIDDLE.start) as f64 / f64::from(TO);
            sin += f64::from(sample) * angle.sin() * 2.0 / middle.len() as f64;
            cos += f64::from(sample) * angle.cos() * 2.0 / middle.len() as f64;
        }
        let rest: f64 = middle
            .iter()
            .enumerate()
            .map(|(n, &sample)| {
                let angle = 2.0 * PI * hz * (n + MIDDLE.start) as f64 / f64::from(TO);
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
                    let out = convert(rate, &tone(hz, rate, 2.0));
                    let middle = &out[MIDDLE];
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
            for samples in [0_u64, 1, 2, 3, 100, 4_409, 4_410, 50_003] {
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
            for at in [0, 50, 4_410, 12_000] {
                let mut input = vec![0.0; 16_000];
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

    /// How far what stands for instant `due` of the input is from it, in samples of the input, by the phase at `hz`.
    fn shift(out: &[f32], hz: f64, due: f64, rate: u32) -> f64 {
        let (mut re, mut im) = (0.0, 0.0);
        for (k, &sample) in out.iter().enumerate() {
            let angle = 2.0 * PI * hz * (k as f64 / f64::from(TO) - due);
            re += f64::from(sample) * angle.cos();
            im -= f64::from(sample) * angle.sin();
        }
        -im.atan2(re) / (2.0 * PI * hz) * f64::from(rate)
    }

    #[test]
    fn whatever_the_rate_nothing_moves_by_a_twentieth_of_a_source_sample() {
        let awkward = [
            16_001, 15_999, 22_254, 44_056, 35_467, 7_919, 12_345, 47_952, 65_537,
        ];
        for rate in [8_000, 44_100, 48_000].into_iter().chain(awkward) {
            // An impulse in the first block and in a later one.
            for at in [rate / 8, rate / 2 + 7] {
                let mut input = vec![0.0; rate as usize];
                input[at as usize] = 1.0;
                let due = f64::from(at) / f64::from(rate);
                let out = convert(rate, &input);
                for hz in [310.0, 1_900.0, 3_100.0] {
                    let moved = shift(&out, hz, due, rate);
                    assert!(
                        moved.abs() < 0.05,
                        "impulse {at} at {rate}, {hz} Hz: {moved:.3}"
                    );
                }
            }
            // A sine, whose phase is that of a cosine a quarter of a period later.
            let hz = 1_000.0;
            let out = convert(rate, &tone(hz, rate, 2.0));
            let start = MIDDLE.start as f64 / f64::from(TO);
            let due = 0.25 / hz - start;
            let moved = shift(&out[MIDDLE], hz, due, rate);
            assert!(moved.abs() < 0.05, "tone at {rate}: {moved:.3}");
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
            let block_in = block_in(rate, TO);
            let block_out = rounded_length(block_in as u64, rate.into(), TO.into());
            assert!(
                block_in.max(block_out as usize) <= 1 << 20,
                "{rate}: {block_in} to {block_out}"
            );
        }
    }
}
