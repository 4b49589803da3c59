//! From `f32` to PCM16: rounding, clipping, and dither that keeps rounding errors from being heard.
//!
//! Dither is triangular, within ±1 step (TPDF), so that the error of rounding has neither a mean nor
//! a level that follows the signal. It is seeded from the first samples: equal input gives equal
//! output, bit for bit.

/// One step past the largest `i16`, as `f32`.
const STEPS: f32 = 32_768.0;

/// 1.5 · 2^23. Adding it to a small `f32` leaves the nearest integer in the low bits (the spacing
/// of `f32` there is 1). Unlike `f32::round`, compilers turn it into vector code everywhere.
const NEAREST: f32 = 12_582_912.0;

/// Samples that the seed is taken from.
const SEED_SAMPLES: usize = 4096;

/// Turns `f32` samples (±1.0 is full scale) into PCM16, a block at a time.
#[derive(Debug, Clone)]
pub struct Quantizer {
    dither: Dither,
}

#[derive(Debug, Clone)]
enum Dither {
    Off,
    /// Wanted; the first samples, which the seed comes from, have not been seen yet.
    Unseeded,
    Seeded(SplitMix),
}

impl Quantizer {
    /// Rounds to the nearest step. Samples that lie on a step (`i16 / 32768`) pass bit for bit.
    #[must_use]
    pub fn exact() -> Quantizer {
        Quantizer {
            dither: Dither::Off,
        }
    }

    /// Adds triangular dither of ±1 step before rounding.
    #[must_use]
    pub fn dithered() -> Quantizer {
        Quantizer {
            dither: Dither::Unseeded,
        }
    }

    /// Appends the quantised `input` to `out`; what is beyond full scale is clipped.
    ///
    /// The seed comes from the start of the first block that is not empty, so equal input must come
    /// in an equal first block to give equal output.
    pub fn push(&mut self, input: &[f32], out: &mut Vec<i16>) {
        if matches!(self.dither, Dither::Unseeded) && !input.is_empty() {
            self.dither = Dither::Seeded(SplitMix(seed_of(input)));
        }
        out.reserve(input.len());
        match &mut self.dither {
            Dither::Off | Dither::Unseeded => out.extend(input.iter().map(|&x| nearest(x * STEPS))),
            Dither::Seeded(random) => {
                for pair in input.chunks(2) {
                    // 64 random bits make two differences of two 16-bit numbers.
                    let bits = random.next();
                    out.push(nearest(pair[0] * STEPS + triangular(bits as u32)));
                    if let Some(&second) = pair.get(1) {
                        out.push(nearest(second * STEPS + triangular((bits >> 32) as u32)));
                    }
                }
            }
        }
    }
}

/// The nearest `i16`; NaN, which float files can hold, becomes silence.
fn nearest(steps: f32) -> i16 {
    let number = if steps.is_nan() { 0.0 } else { steps };
    let inside = number.clamp(-STEPS, STEPS - 1.0);
    ((inside + NEAREST).to_bits() as i32).wrapping_sub(NEAREST.to_bits() as i32) as i16
}

/// The difference of two uniform numbers: triangular within ±1, mean exactly 0.
fn triangular(bits: u32) -> f32 {
    let (a, b) = ((bits & 0xffff) as i32, (bits >> 16) as i32);
    (a - b) as f32 / 65_536.0
}

fn seed_of(samples: &[f32]) -> u64 {
    let mut hash = blake3::Hasher::new();
    for sample in samples.iter().take(SEED_SAMPLES) {
        hash.update(&sample.to_le_bytes());
    }
    let mut seed = [0; 8];
    seed.copy_from_slice(&hash.finalize().as_bytes()[..8]);
    u64::from_le_bytes(seed)
}

/// Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators". One of these a pair of
/// samples costs less than the resampler's rounding; a cryptographic generator costs as much as
/// decoding FLAC.
#[derive(Debug, Clone)]
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantise(mut by: Quantizer, input: &[f32]) -> Vec<i16> {
        let mut out = Vec::new();
        by.push(input, &mut out);
        out
    }

    #[test]
    fn every_step_passes_bit_for_bit() {
        let steps: Vec<i16> = (i16::MIN..=i16::MAX).collect();
        let floats: Vec<f32> = steps.iter().map(|&s| f32::from(s) / 32_768.0).collect();
        assert_eq!(quantise(Quantizer::exact(), &floats), steps);
    }

    #[test]
    fn rounding_is_to_the_nearest_and_clips_at_full_scale() {
        let input = [0.4, 0.6, -0.4, -0.6, 1e6, -1e6, 32_767.4, 40_000.0].map(|s| s / 32_768.0);
        assert_eq!(
            quantise(Quantizer::exact(), &input),
            [0, 1, 0, -1, 32_767, -32_768, 32_767, 32_767]
        );
        assert_eq!(
            quantise(
                Quantizer::exact(),
                &[f32::INFINITY, f32::NAN, f32::NEG_INFINITY]
            ),
            [i16::MAX, 0, i16::MIN]
        );
    }

    #[test]
    fn dither_keeps_a_level_below_one_step_in_the_mean_with_constant_noise() {
        for level in [0.0, 0.25, 0.5, 0.8] {
            let out = quantise(Quantizer::dithered(), &vec![level / 32_768.0; 400_000]);
            let n = out.len() as f64;
            let mean = out.iter().map(|&s| f64::from(s)).sum::<f64>() / n;
            let variance = out
                .iter()
                .map(|&s| (f64::from(s) - f64::from(level)).powi(2))
                .sum::<f64>()
                / n;
            // Triangular dither (1/6) and rounding (1/12) make 1/4 at every level.
            assert!((mean - f64::from(level)).abs() < 0.005, "{level}: {mean}");
            assert!((variance - 0.25).abs() < 0.005, "{level}: {variance}");
        }
    }

    #[test]
    fn equal_input_gives_equal_output_and_other_input_other_noise() {
        let a: Vec<f32> = (0..999).map(|i| (i as f32 * 0.01).sin() * 0.3).collect();
        let b: Vec<f32> = a.iter().map(|s| s + 1e-6).collect();
        let once = quantise(Quantizer::dithered(), &a);
        assert_eq!(once, quantise(Quantizer::dithered(), &a));
        assert_ne!(once, quantise(Quantizer::dithered(), &b));
        let off = once
            .iter()
            .zip(&a)
            .map(|(&o, i)| (f32::from(o) - i * 32_768.0).abs());
        assert!(off.fold(0.0, f32::max) <= 1.5);
    }
}
