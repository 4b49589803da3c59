//! Peak, RMS and loudness of samples, and the gain that brings them to a wanted level.

use super::PcmError;
use crate::units::SampleRate;

/// Full scale of PCM16: the magnitude that is 0 dBFS.
const FULL_SCALE: f64 = 32_768.0;

/// The highest peak that [`gain_to_loudness`] and [`gain_to_peak`] let through, in dBFS.
pub const PEAK_CEILING_DBFS: f64 = -1.0;

/// Peak and RMS of samples that come in blocks. Exact: sums are integers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Level {
    peak: u16,
    squares: u128,
    samples: u64,
}

impl Level {
    /// The level of `samples`.
    #[must_use]
    pub fn of(samples: &[i16]) -> Level {
        let mut level = Level::default();
        level.push(samples);
        level
    }

    /// Takes in more samples.
    pub fn push(&mut self, samples: &[i16]) {
        // 2^30 is the largest square, so a block of 2^16 cannot overflow.
        for block in samples.chunks(1 << 16) {
            let squares = block.iter().map(|&s| i64::from(s) * i64::from(s));
            self.squares += u128::from(squares.sum::<i64>().unsigned_abs());
            let peak = block.iter().map(|s| s.unsigned_abs()).max();
            self.peak = self.peak.max(peak.unwrap_or(0));
        }
        self.samples += samples.len() as u64;
    }

    /// The largest magnitude, in dB of full scale; -inf for digital silence.
    #[must_use]
    pub fn peak_dbfs(&self) -> f64 {
        20.0 * (f64::from(self.peak) / FULL_SCALE).log10()
    }

    /// The root of the mean square, in dB of full scale (a square wave at full scale is 0 dBFS, a
    /// sine −3.01); -inf for digital silence and for no samples.
    #[must_use]
    pub fn rms_dbfs(&self) -> f64 {
        let mean = self.squares as f64 / self.samples.max(1) as f64;
        10.0 * (mean / (FULL_SCALE * FULL_SCALE)).log10()
    }
}

/// Integrated loudness (EBU R 128, ITU-R BS.1770-4) and peak of one channel that comes in blocks.
pub struct Loudness {
    meter: ebur128::EbuR128,
    rate: SampleRate,
    peak: f32,
}

impl Loudness {
    /// A meter for samples at `rate`.
    ///
    /// # Errors
    /// A rate that the filters of the standard cannot be made for.
    pub fn new(rate: SampleRate) -> Result<Loudness, PcmError> {
        let meter = ebur128::EbuR128::new(1, rate.0, ebur128::Mode::I)
            .map_err(|_| PcmError::LoudnessRate { rate_hz: rate.0 })?;
        Ok(Loudness {
            meter,
            rate,
            peak: 0.0,
        })
    }

    /// Takes in more samples, ±1.0 being full scale.
    ///
    /// # Errors
    /// None in practice: the meter refuses only more channels than it was made for.
    pub fn push(&mut self, samples: &[f32]) -> Result<(), PcmError> {
        self.peak = samples
            .iter()
            .fold(self.peak, |peak, sample| peak.max(sample.abs()));
        self.meter
            .add_frames_f32(samples)
            .map_err(|_| PcmError::LoudnessRate {
                rate_hz: self.rate.0,
            })
    }

    /// Loudness in LUFS; -inf for silence and for less than one block (400 ms) of sound.
    #[must_use]
    pub fn lufs(&self) -> f64 {
        self.meter.loudness_global().unwrap_or(f64::NEG_INFINITY)
    }

    /// The largest magnitude, 1.0 being full scale.
    #[must_use]
    pub fn peak(&self) -> f32 {
        self.peak
    }
}

/// The factor that brings loudness `lufs` to `target` LUFS, lowered where the peak would pass
/// [`PEAK_CEILING_DBFS`]; 1 for silence.
#[must_use]
pub fn gain_to_loudness(lufs: f64, peak: f32, target: f64) -> f32 {
    if !lufs.is_finite() {
        return 1.0;
    }
    let wanted = 10f64.powf((target - lufs) / 20.0) as f32;
    wanted.min(gain_to_peak(peak))
}

/// The factor that brings `peak` (1.0 is full scale) to [`PEAK_CEILING_DBFS`]; 1 for silence.
#[must_use]
pub fn gain_to_peak(peak: f32) -> f32 {
    if peak > 0.0 {
        10f32.powf(PEAK_CEILING_DBFS as f32 / 20.0) / peak
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_scale_square_is_0_dbfs_and_silence_has_no_level() {
        let square = Level::of(&[i16::MIN; 1000]);
        assert_eq!((square.peak_dbfs(), square.rms_dbfs()), (0.0, 0.0));
        for silent in [Level::of(&[0; 10]), Level::default()] {
            assert_eq!(silent.peak_dbfs(), f64::NEG_INFINITY);
            assert_eq!(silent.rms_dbfs(), f64::NEG_INFINITY);
        }
    }

    #[test]
    fn a_sine_has_3_db_between_peak_and_rms_in_whatever_blocks_it_comes() {
        let sine: Vec<i16> = (0..160_000)
            .map(|i| (16_384.0 * (f64::from(i) * std::f64::consts::TAU / 16.0).sin()).round())
            .map(|v| v as i16)
            .collect();
        let whole = Level::of(&sine);
        assert!((whole.peak_dbfs() + 6.02).abs() < 0.01);
        assert!((whole.rms_dbfs() + 9.03).abs() < 0.01);
        let mut blocks = Level::default();
        sine.chunks(777).for_each(|block| blocks.push(block));
        assert_eq!(blocks, whole);
    }

    #[test]
    fn a_997_hz_sine_at_minus_20_dbfs_has_the_loudness_of_the_standard() {
        // BS.1770: a 0 dBFS 997 Hz sine in one channel reads -3.01 LKFS.
        let rate = SampleRate(48_000);
        let mut meter = Loudness::new(rate).unwrap();
        let step = 997.0 * std::f64::consts::TAU / 48_000.0;
        let sine: Vec<f32> = (0..48_000 * 5)
            .map(|i| (0.1 * (f64::from(i) * step).sin()) as f32)
            .collect();
        sine.chunks(1000).for_each(|b| meter.push(b).unwrap());
        assert!((meter.lufs() + 23.01).abs() < 0.05, "{}", meter.lufs());
        assert!((meter.peak() - 0.1).abs() < 1e-4);
        let gain = gain_to_loudness(meter.lufs(), meter.peak(), -16.0);
        assert!((20.0 * gain.log10() - 7.01).abs() < 0.05, "{gain}");
    }

    #[test]
    fn no_gain_lifts_a_peak_over_the_ceiling_or_silence_at_all() {
        let ceiling = 10f32.powf(-0.05);
        assert!((gain_to_peak(0.5) * 0.5 - ceiling).abs() < 1e-6);
        assert!((gain_to_loudness(-40.0, 0.5, -10.0) * 0.5 - ceiling).abs() < 1e-6);
        assert_eq!(gain_to_peak(0.0), 1.0);
        assert_eq!(gain_to_loudness(f64::NEG_INFINITY, 0.0, -23.0), 1.0);
        assert!(matches!(
            Loudness::new(SampleRate(1)),
            Err(PcmError::LoudnessRate { rate_hz: 1 })
        ));
    }
}
