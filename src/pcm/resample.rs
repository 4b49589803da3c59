//! Sample rate conversion of one channel, by `rubato`'s FFT resampler.
//!
//! The engine filters and re-grids a block at a time in the frequency domain, with a filter as
//! long as the block: the block length decides how steep the filter is. This module chooses that
//! length, takes input in blocks of any size, and gives output of exact length and without delay.
//!
//! Flat to 7.8 kHz at 16 kHz out (0.975 of the lower of the two Nyquist frequencies); everything
//! above 8.1 kHz is down by more than 120 dB.
//!
//! A block of output depends on the block of input at its place and on the one before it, and on nothing else. So a
//! piece of a clip that is resampled from the block before it on is bit for bit a piece of the resampled clip.

use std::ops::Range;

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
    from_hz: u32,
    to_hz: u32,
    taken: u64,
    given: u64,
    /// How much output is wanted of a piece; `None` for a whole clip.
    wanted: Option<u64>,
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
            from_hz,
            to_hz,
            taken: 0,
            given: 0,
            wanted: None,
        })
    }

    /// Begins a piece of a clip of `clip_samples`: its output samples `wanted`, as far as there are so many. Returns
    /// the samples of the clip that are to be pushed for it, one after the other, before [`Resampler::finish`]: those
    /// at its place and their neighbours on both sides, at most three blocks of the filter more than the piece. What
    /// was begun before is dropped.
    pub fn begin_piece(&mut self, wanted: Range<u64>, clip_samples: u64) -> Range<u64> {
        let total = resampled(clip_samples, self.from_hz, self.to_hz);
        let wanted = wanted.start.min(total)..wanted.end.min(total);
        (self.taken, self.given) = (0, 0);
        self.wanted = Some(wanted.end.saturating_sub(wanted.start));
        let input = match &mut self.engine {
            _ if wanted.is_empty() => 0..0,
            None => wanted,
            Some(engine) => engine.begin_piece(&wanted),
        };
        input.start.min(clip_samples)..input.end.min(clip_samples)
    }

    /// Takes `input` and appends to `out` what is ready.
    pub fn push(&mut self, input: &[f32], out: &mut Vec<f32>) {
        self.taken += input.len() as u64;
        let before = out.len();
        match &mut self.engine {
            None => out.extend_from_slice(input),
            Some(engine) => engine.push(input, out),
        }
        if let Some(wanted) = self.wanted {
            // The last block may reach beyond the piece.
            out.truncate(before + (wanted - self.given) as usize);
        }
        self.given += (out.len() - before) as u64;
    }

    /// Appends the rest of the clip or piece to `out`. The resampler is then ready for another one.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        let whole = resampled(self.taken, self.from_hz, self.to_hz);
        if let Some(engine) = &mut self.engine {
            let total = self.wanted.unwrap_or(whole);
            let end = out.len() + total.saturating_sub(self.given) as usize;
            while out.len() < end {
                engine.push_silence(out);
            }
            // Silence after the clip may have completed a block past its end.
            out.truncate(end);
            engine.begin_clip();
        }
        (self.taken, self.given, self.wanted) = (0, 0, None);
    }
}

/// How many samples `samples` samples become: `round(samples * to / from)`, halves up.
#[must_use]
pub fn resampled(samples: u64, from_hz: u32, to_hz: u32) -> u64 {
    let (from, to) = (u128::from(from_hz.max(1)), u128::from(to_hz));
    let rounded = (u128::from(samples) * to * 2 + from) / (from * 2);
    u64::try_from(rounded).unwrap_or(u64::MAX)
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
    /// Output that is still to be dropped: that, or what lies before a piece.
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
        let mut engine = Self {
            fft,
            input: Vec::with_capacity(block_in),
            silence,
            delay,
            lead: 0,
        };
        engine.begin_clip();
        Ok(engine)
    }

    fn begin_clip(&mut self) {
        self.fft.reset();
        self.input.clear();
        self.input.resize(self.silence, 0.0);
        self.lead = self.delay;
    }

    /// Begins with the block before the one in which output sample `wanted.start` lies. Returns the samples of input
    /// from there to the end of the block in which the last one lies.
    fn begin_piece(&mut self, wanted: &Range<u64>) -> Range<u64> {
        self.begin_clip();
        let block_in = self.fft.input_frames_next() as u64;
        let block_out = self.fft.output_frames_next() as u64;
        let made = |sample: u64| sample.saturating_add(self.delay as u64);
        let first = (made(wanted.start) / block_out).saturating_sub(1);
        let blocks_end = made(wanted.end).div_ceil(block_out);
        let silence = self.silence as u64;
        let input = |block: u64| block.saturating_mul(block_in).saturating_sub(silence);
        let range = input(first)..input(blocks_end);
        self.lead = (made(wanted.start) - first * block_out) as usize;
        if first > 0 {
            self.input.clear();
        }
        range
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
        // Half a block, a block that is one period, or up to two where a piece begins.
        let dropped = self.lead.min(made);
        out.drain(start..start + dropped);
        self.lead -= dropped;
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
mod tests;
