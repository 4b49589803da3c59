//! What the detector sees of the samples: per frame of 8 ms the energy of seven bands and the score
//! of a voice activity detector.

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
const SCORED: usize = 2 * FRAME;

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

/// Features of a piece of audio.
#[derive(Debug, Clone, Default)]
pub(super) struct Frames {
    /// Power in each band, full scale being about 1.
    pub(super) energy: Vec<[f32; BANDS]>,
    /// Score of the voice activity detector at the end of the frame, 0 to 1. It looks back by
    /// about 50 ms and takes that long to follow.
    pub(super) score: Vec<f32>,
}

/// The frames of `samples`.
pub(super) fn analyse(samples: &[i16], rate: SampleRate) -> Frames {
    let mut audio = at_rate(samples, rate);
    let count = audio.len().div_ceil(FRAME);
    audio.resize(count.div_ceil(2) * SCORED, 0.0);
    let energy = energies(&audio, count);
    let gain = gain_to_heard(&energy);
    for sample in &mut audio {
        *sample = (*sample * gain).clamp(-1.0, 1.0);
    }
    Frames {
        energy,
        score: scores(&audio, count),
    }
}

/// The factor that brings the loud part to [`HEARD`]: the detector misses faint speech.
fn gain_to_heard(energy: &[[f32; BANDS]]) -> f32 {
    let mut power: Vec<f32> = energy.iter().map(|bands| bands.iter().sum()).collect();
    power.sort_by(f32::total_cmp);
    let loud = loud_of(&power).unwrap_or(0.0);
    (HEARD / loud).sqrt().clamp(1.0, MOST_GAIN)
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

fn scores(audio: &[f32], count: usize) -> Vec<f32> {
    let mut detector = Box::new(earshot::Detector::default());
    let mut score = Vec::with_capacity(count + 1);
    for block in audio.chunks_exact(SCORED) {
        let of_block = detector.predict_f32(block);
        score.extend([of_block; SCORED / FRAME]);
    }
    score.truncate(count);
    score
}

/// `samples` at [`RATE_HZ`] as ±1.0, by straight lines between samples, or means of those that fall
/// together: crude, but energies and scores ask for no more. (Clips are resampled in `audio`; this
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
