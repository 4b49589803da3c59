//! What can be heard of audio: windows of 10 ms whose power is over a threshold.

use crate::units::{NS_PER_MS, SampleRate, Samples};

const WINDOW_NS: i64 = 10 * NS_PER_MS;

/// The power above which a window is audible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// Of its root mean square, in dB relative to full scale, a square wave of which has 0.
    pub dbfs: f64,
}

impl Threshold {
    /// The mean square of such a window, full scale being 1.
    fn mean_square(self) -> f64 {
        10_f64.powf(self.dbfs / 10.0)
    }
}

impl Default for Threshold {
    /// -50 dBFS.
    fn default() -> Threshold {
        Threshold { dbfs: -50.0 }
    }
}

/// How loud a window is.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Level {
    /// Full scale being 1.
    mean_square: f64,
}

impl Level {
    /// Of its root mean square, in dB relative to full scale.
    #[must_use]
    pub fn dbfs(self) -> f64 {
        10.0 * self.mean_square.log10()
    }

    /// The lower of two.
    #[must_use]
    pub fn min(self, other: Level) -> Level {
        Level {
            mean_square: self.mean_square.min(other.mean_square),
        }
    }
}

/// Finds audible windows in audio that comes in pieces of any size.
#[derive(Debug, Clone)]
pub(super) struct Windows {
    threshold: Threshold,
    least_mean_square: f64,
    rate: SampleRate,
    window_samples: u64,
    /// The window that is not full yet.
    start_ns: i64,
    samples: u64,
    squares: f64,
}

impl Windows {
    pub(super) fn new(rate: SampleRate, threshold: Threshold) -> Windows {
        Windows {
            threshold,
            least_mean_square: threshold.mean_square(),
            rate,
            window_samples: Samples::in_ns(WINDOW_NS, rate).0.max(1),
            start_ns: 0,
            samples: 0,
            squares: 0.0,
        }
    }

    /// The same with nothing heard.
    pub(super) fn anew(&self) -> Windows {
        Windows::new(self.rate, self.threshold)
    }

    /// Takes in samples that are played from `start_ns` on; hands the start of each audible window and its level to
    /// `each` until that wants no more.
    pub(super) fn push(
        &mut self,
        start_ns: i64,
        samples: impl Iterator<Item = i16>,
        mut each: impl FnMut(i64, Level) -> bool,
    ) {
        for (k, sample) in (0..).zip(samples) {
            if self.samples == 0 {
                self.start_ns = start_ns + Samples(k).duration_ns(self.rate);
            }
            self.samples += 1;
            self.squares += (f64::from(sample) / 32_768.0).powi(2);
            if self.samples == self.window_samples {
                let mean_square = self.squares / self.window_samples as f64;
                (self.samples, self.squares) = (0, 0.0);
                let is_audible = mean_square > self.least_mean_square;
                if is_audible && !each(self.start_ns, Level { mean_square }) {
                    return;
                }
            }
        }
    }

    /// Length of a window.
    pub(super) fn length_ns(&self) -> i64 {
        Samples(self.window_samples).duration_ns(self.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(dbfs: f64, level: i16) -> Vec<i64> {
        let mut windows = Windows::new(SampleRate(8_000), Threshold { dbfs });
        let mut found = Vec::new();
        let audio = [vec![0; 100], vec![level; 160], vec![0; 140]].concat();
        for (k, piece) in audio.chunks(37).enumerate() {
            let start_ns = Samples(37 * k as u64).duration_ns(SampleRate(8_000));
            windows.push(start_ns, piece.iter().copied(), |at_ns, level| {
                assert!(level.dbfs() > dbfs);
                found.push(at_ns / NS_PER_MS);
                true
            });
        }
        found
    }

    #[test]
    fn windows_over_the_threshold_are_found_however_the_audio_is_cut() {
        assert_eq!(found(-50.0, 1_000), [10, 20, 30]);
        // 1,000 of 32,768 is -30.3 dBFS.
        assert_eq!(found(-31.0, 1_000), [20]);
        assert_eq!(found(-30.0, 1_000), [] as [i64; 0]);
        assert_eq!(found(-50.0, 100), [] as [i64; 0], "-50.3 dBFS");
        assert_eq!(found(-51.0, 100), [20]);
    }
}
