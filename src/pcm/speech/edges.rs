//! How far speech reaches beyond its loud core. Pure arithmetic on frames.
//!
//! Outside of speech the log power of a band is noise about a constant. Going outwards from the core,
//! frames belong to speech as long as the sum of deviations over some window, in some set of bands,
//! is more than noise makes it; the edge in the last such window is where the sum of what exceeds a
//! share of its mean deviation is largest (the usual estimate of a change of mean).

use std::ops::Range;

use super::frames::{BANDS, Frames};
use super::islands::median;

/// Frames (480 ms) beyond the core in which speech is looked for.
const REACH: usize = 60;

/// Frames (144 ms) that a closure or a weak sound between two others of speech may last.
const CLOSURE: usize = 18;

/// Lengths of the windows, in frames: from one burst of a plosive to a fricative.
const WINDOWS: [usize; 4] = [1, 2, 4, 8];

/// Deviations in standard deviations that noise does not make.
const SIGNIFICANT: f32 = 3.5;

/// The share of a window's mean deviation that a frame must exceed to move the edge outwards.
const SHARE: f32 = 0.7;

/// Least standard deviation of log power: digital silence has none.
const LEAST_SPREAD: f32 = 0.3;

/// Most that one frame counts, in standard deviations.
const MOST: f32 = 8.0;

/// Frames beyond the core left out of the noise, before and after: first while its true edges are
/// not known, then when they are.
const CLEARANCES: [[usize; 2]; 2] = [[12, 24], [CLOSE, CLOSE]];
const CLOSE: usize = 5;

/// Frames (2 s) of noise used on each side.
const NOISE: usize = 250;

/// Least frames of noise to keep the clearance for, and to do without the quietest frames.
const ENOUGH: usize = 20;
const LEAST: usize = 8;

/// The first frame and the end of the speech whose loud core is `core`; power below `floor` counts
/// as silence.
pub(super) fn refine(frames: &Frames, core: Range<usize>, floor: f32) -> Range<usize> {
    let logs: Vec<[f32; BANDS]> = frames
        .energy
        .iter()
        .map(|bands| bands.map(|power| (power + floor / BANDS as f32).ln()))
        .collect();
    let mut edges = core.clone();
    for clearance in CLEARANCES {
        let noise = noise_frames(&logs, &edges, clearance);
        let series = Series::all(&logs, &noise);
        let before: Vec<usize> = (0..core.start).rev().take(REACH).collect();
        let after: Vec<usize> = (core.end..logs.len()).take(REACH).collect();
        edges = core.start - reach(&series, &before)..core.end + reach(&series, &after);
    }
    edges
}

/// Frames that hold no speech, in order.
fn noise_frames(logs: &[[f32; BANDS]], edges: &Range<usize>, clearance: [usize; 2]) -> Vec<usize> {
    let outside = |[before, after]: [usize; 2]| -> Vec<usize> {
        let until = edges.start.saturating_sub(before);
        let from = (edges.end + after).min(logs.len());
        (until.saturating_sub(NOISE)..until)
            .chain((from..logs.len()).take(NOISE))
            .collect()
    };
    let mut noise = outside(clearance);
    if noise.len() < ENOUGH {
        noise = outside([CLOSE, CLOSE]);
    }
    if noise.len() < LEAST {
        // Speech from edge to edge: what is quietest in it must do.
        let sum = |i: &usize| logs[*i].iter().sum::<f32>();
        noise = (0..logs.len()).collect();
        noise.sort_by(|a, b| sum(a).total_cmp(&sum(b)));
        noise.truncate((logs.len() / 10).max(1));
        noise.sort_unstable();
    }
    noise
}

/// How far a set of bands is from the noise, frame by frame.
struct Series {
    /// In standard deviations of a frame of noise.
    deviation: Vec<f32>,
    /// Standard deviation of the sum over each of [`WINDOWS`], in noise.
    spread: [f32; WINDOWS.len()],
}

impl Series {
    /// Every band, every pair of neighbours, and all bands together.
    fn all(logs: &[[f32; BANDS]], noise: &[usize]) -> Vec<Series> {
        let model: [(f32, f32); BANDS] = std::array::from_fn(|band| {
            let mut values: Vec<f32> = noise.iter().map(|&i| logs[i][band]).collect();
            let middle = median(&mut values);
            values.iter_mut().for_each(|v| *v = (*v - middle).abs());
            // 1.4826 times the median deviation is the standard deviation of a normal distribution,
            // and is not moved by a few frames of speech among the noise.
            (middle, (1.4826 * median(&mut values)).max(LEAST_SPREAD))
        });
        let single = (0..BANDS).map(|b| b..b + 1);
        let pairs = (1..BANDS).map(|b| b - 1..b + 1);
        single
            .chain(pairs)
            .chain(std::iter::once(0..BANDS))
            .map(|bands| {
                let norm = (bands.len() as f32).sqrt();
                let deviation = logs.iter().map(|log| {
                    let each = bands.clone().map(|b| {
                        let (middle, spread) = model[b];
                        ((log[b] - middle) / spread).min(MOST)
                    });
                    each.sum::<f32>() / norm
                });
                Series::new(deviation.collect(), noise)
            })
            .collect()
    }

    fn new(deviation: Vec<f32>, noise: &[usize]) -> Series {
        let spread = WINDOWS.map(|width| {
            // Frames of babble follow each other, so that sums spread by more than the root of their
            // width; measured where there is noise enough to measure it.
            let sums: Vec<f32> = noise
                .windows(width)
                .filter(|frames| frames[width - 1] - frames[0] == width - 1)
                .map(|frames| frames.iter().map(|&i| deviation[i]).sum::<f32>())
                .collect();
            let independent = (width as f32).sqrt();
            if sums.len() < width {
                return independent;
            }
            let mean_square = sums.iter().map(|s| s * s).sum::<f32>() / sums.len() as f32;
            mean_square.sqrt().max(independent)
        });
        Series { deviation, spread }
    }
}

/// How many of the frames `outward` from the core belong to the speech.
fn reach(series: &[Series], outward: &[usize]) -> usize {
    let mut reached = 0;
    loop {
        let next = series.iter().flat_map(|s| {
            WINDOWS.iter().zip(s.spread).map(move |(&width, spread)| {
                let starts = reached..outward.len().min(reached + CLOSURE + 1);
                starts
                    .filter_map(|from| {
                        let window = outward.get(from..from + width)?;
                        edge_in(window, &s.deviation, spread).map(|edge| from + edge)
                    })
                    .max()
            })
        });
        match next.flatten().max() {
            Some(further) if further > reached => reached = further,
            _ => return reached,
        }
    }
}

/// How many frames of `window` belong to speech; `None` if it may well be noise.
fn edge_in(window: &[usize], deviation: &[f32], spread: f32) -> Option<usize> {
    let sum: f32 = window.iter().map(|&i| deviation[i]).sum();
    if sum <= SIGNIFICANT * spread {
        return None;
    }
    let share = SHARE * sum / window.len() as f32;
    let (mut best, mut edge, mut over) = (f32::MIN, 0, 0.0);
    for (i, &frame) in window.iter().enumerate() {
        over += deviation[frame] - share;
        if over > best {
            (best, edge) = (over, i + 1);
        }
    }
    Some(edge)
}
