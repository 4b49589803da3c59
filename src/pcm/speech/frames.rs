//! What is computed of the samples: per frame of 8 ms the energy of seven bands and, where it is
//! asked for, the score of a voice activity detector (which takes four times as long).

use std::ops::Range;

use realfft::RealFftPlanner;
use realfft::num_complex::Complex;

use crate::units::SampleRate;

/// The rate that energies and scores are computed at.
pub(super) const RATE_HZ: u32 = 16_000;

/// Samples from frame to frame at [`RATE_HZ`]: 8 ms.
pub(super) const FRAME: usize = 128;

/// Samples that a frame's spectrum is taken over, with a Hann window centred on the frame.
const WINDOW: usize = 2 * FRAME;

/// Samples that the voice activity detector takes at a time.
const SCORED: usize = FRAMES_SCORED * FRAME;
const FRAMES_SCORED: usize = 2;

/// Frames (512 ms) before a range that are played to the detector first.
const WARM_UP: usize = 64;

/// Bounds of the bands in bins of the spectrum (62.5 Hz): 125 Hz to 8 kHz, narrow enough that a
/// fricative stands out of white noise in one of them.
const BOUNDS: [usize; BANDS + 1] = [2, 7, 15, 29, 48, 72, 96, 128];

/// Frames (240 ms) that stand for the loudest part of a clip, unless 5 % of it are fewer.
const LOUD_FRAMES: usize = 30;

/// Power that the loud part is brought to before it is scored: −20 dBFS …
const HEARD: f32 = 0.01;

/// … unless it takes more than this factor.
const MOST_GAIN: f32 = 100.0;

/// Number of bands.
pub(super) const BANDS: usize = 7;

/// A piece of audio, and what of it costs little to compute.
pub(super) struct Frames {
    /// Power in each band, full scale being about 1.
    pub(super) energy: Vec<[f32; BANDS]>,
    /// Samples at [`RATE_HZ`], whole blocks of [`SCORED`].
    audio: Vec<f32>,
}

impl Frames {
    /// The scores of the voice activity detector, 0 to 1, for the frames of `range`. A score stands
    /// at the end of what it is for: it looks back by about 50 ms and takes that long to follow.
    /// `loud` is the power of the loud part; the detector misses speech that is faint.
    pub(super) fn scores(&self, range: Range<usize>, loud: f32) -> Vec<f32> {
        let gain = (HEARD / loud).sqrt().clamp(1.0, MOST_GAIN);
        // The detector starts with high scores in noise; it is given time to come down.
        let from = range.start.saturating_sub(WARM_UP) / FRAMES_SCORED * FRAMES_SCORED;
        let mut detector = Box::new(earshot::Detector::default());
        let mut block = [0.0; SCORED];
        let scores = self.audio[from * FRAME..]
            .chunks_exact(SCORED)
            .flat_map(|samples| {
                for (x, sample) in block.iter_mut().zip(samples) {
                    *x = (sample * gain).clamp(-1.0, 1.0);
                }
                [detector.predict_f32(&block); FRAMES_SCORED]
            });
        scores.skip(range.start - from).take(range.len()).collect()
    }
}

/// The frames of `samples`.
pub(super) fn analyse(samples: &[i16], rate: SampleRate) -> Frames {
    let mut audio = at_rate(samples, rate);
    let count = audio.len().div_ceil(FRAME);
    audio.resize(count.next_multiple_of(FRAMES_SCORED) * FRAME, 0.0);
    Frames {
        energy: energies(&audio, count),
        audio,
    }
}

/// The power of the loud part, given the powers of all frames in ascending order.
pub(super) fn loud_of(sorted: &[f32]) -> Option<f32> {
    let last = sorted.len().checked_sub(1)?;
    Some(sorted[last - LOUD_FRAMES.min(last / 20)])
}

fn energies(audio: &[f32], count: usize) -> Vec<[f32; BANDS]> {
    let mut padded = vec![0.0; FRAME / 2];
    padded.extend_from_slice(audio);
    padded.resize((count + 1) * FRAME, 0.0);
    let fft = RealFftPlanner::<f32>::new().plan_fft_forward(WINDOW);
    let hann: Vec<f32> = (0..WINDOW)
        .map(|i| 0.5 - 0.5 * (std::f32::consts::TAU * i as f32 / WINDOW as f32).cos())
        .collect();
    let (mut input, mut spectrum) = (fft.make_input_vec(), fft.make_output_vec());
    let mut scratch = fft.make_scratch_vec();
    let mut energy = Vec::with_capacity(count);
    for i in 0..count {
        let window = &padded[i * FRAME..][..WINDOW];
        for ((x, sample), weight) in input.iter_mut().zip(window).zip(&hann) {
            *x = sample * weight;
        }
        // The plan itself made the buffers, so that their lengths, its only error, fit.
        let _ = fft.process_with_scratch(&mut input, &mut spectrum, &mut scratch);
        energy.push(std::array::from_fn(|band| {
            let bins = &spectrum[BOUNDS[band]..BOUNDS[band + 1]];
            bins.iter().map(Complex::norm_sqr).sum::<f32>() / (WINDOW * FRAME) as f32
        }));
    }
    energy
}

/// `samples` at [`RATE_HZ`] as ±1.0, by straight lines between samples, or means of those that fall
/// together: crude, but energies and scores ask for no more. (Prepared clips were resampled; this
/// is for those recorded at another rate.)
fn at_rate(samples: &[i16], rate: SampleRate) -> Vec<f32> {
    let sample = |i: usize| samples.get(i).map_or(0.0, |&s| f32::from(s) / 32_768.0);
    if rate.0 == RATE_HZ {
        return (0..samples.len()).map(sample).collect();
    }
    let step = f64::from(rate.0.max(1)) / f64::from(RATE_HZ);
    let count = (samples.len() as f64 / step) as usize;
    (0..count)
        .map(|i| {
            let from = i as f64 * step;
            let first = from as usize;
            if step > 1.0 {
                let last = ((from + step) as usize).max(first + 1);
                (first..last).map(sample).sum::<f32>() / (last - first) as f32
            } else {
                let part = from.fract() as f32;
                sample(first) * (1.0 - part) + sample(first + 1) * part
            }
        })
        .collect()
}
