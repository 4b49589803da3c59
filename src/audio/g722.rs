//! Headerless ITU-T G.722 at 64 kbit/s: one byte is two samples at 16 kHz.
//!
//! The names of the steps are those of the recommendation. Written here because the packaged
//! decoder starts from another state than the recommendation's (its first tenth of a second is
//! wrong); the result equals that of ffmpeg bit for bit.

use std::io::Read;

use super::error::DecodeError;
use super::pcm_stream::fill;

/// Bytes that are read at a time.
const BLOCK_BYTES: usize = 4_096;

/// A G.722 file that is decoded block by block.
pub(super) struct G722Stream {
    reader: Box<dyn Read + Send>,
    decoder: Decoder,
    bytes: Vec<u8>,
}

impl G722Stream {
    /// Decodes until the reader ends.
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Self {
        Self {
            reader,
            decoder: Decoder::new(),
            bytes: vec![0; BLOCK_BYTES],
        }
    }

    /// Fills `out` with one block of its one channel; false at the end.
    pub(super) fn next_block(&mut self, out: &mut Vec<Vec<f32>>) -> Result<bool, DecodeError> {
        let filled = fill(&mut self.reader, &mut self.bytes)?;
        out.resize_with(1, Vec::new);
        out[0].clear();
        for &code in &self.bytes[..filled] {
            out[0].extend(
                self.decoder
                    .decode(code)
                    .map(|sample| f32::from(sample) / 32_768.0),
            );
        }
        Ok(filled > 0)
    }
}

/// Multipliers of the inverse quantisers: 6 bits and 4 bits of the low band, 2 of the high band.
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192,
    -10_232, -9_360, -8_576, -7_856, -7_192, -6_576, -6_000, -5_456, -4_944, -4_464, -4_008,
    -3_576, -3_168, -2_776, -2_400, -2_032, -1_688, -1_360, -1_040, -728, 24_808, 21_904, 19_008,
    16_704, 14_984, 13_512, 12_280, 11_192, 10_232, 9_360, 8_576, 7_856, 7_192, 6_576, 6_000,
    5_456, 4_944, 4_464, 4_008, 3_576, 3_168, 2_776, 2_400, 2_032, 1_688, 1_360, 1_040, 728, 432,
    136, -432, -136,
];
const QM4: [i32; 16] = [
    0, -20_456, -12_896, -8_968, -6_288, -4_240, -2_584, -1_200, 20_456, 12_896, 8_968, 6_288,
    4_240, 2_584, 1_200, 0,
];
const QM2: [i32; 4] = [-7_408, -1_616, 7_408, 1_616];
/// Steps of the logarithmic scale factors, by code.
const LOW_STEPS: [i32; 16] = [
    -60, 3_042, 1_198, 538, 334, 172, 58, -30, 3_042, 1_198, 538, 334, 172, 58, -30, -60,
];
const HIGH_STEPS: [i32; 4] = [798, -214, 798, -214];
/// Antilogarithms of the scale factors.
const ILB: [i32; 32] = [
    2_048, 2_093, 2_139, 2_186, 2_233, 2_282, 2_332, 2_383, 2_435, 2_489, 2_543, 2_599, 2_656,
    2_714, 2_774, 2_834, 2_896, 2_960, 3_025, 3_091, 3_158, 3_228, 3_298, 3_371, 3_444, 3_520,
    3_597, 3_676, 3_756, 3_838, 3_922, 4_008,
];
/// Half of the symmetric filter that joins the bands.
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11];

struct Decoder {
    low: Band,
    high: Band,
    /// Sums and differences of the bands, newest last.
    history: [i32; 24],
}

impl Decoder {
    fn new() -> Self {
        Self {
            low: Band::new(32),
            high: Band::new(8),
            history: [0; 24],
        }
    }

    fn decode(&mut self, code: u8) -> [i16; 2] {
        let low_code = usize::from(code & 0x3f);
        let high_code = usize::from(code >> 6);

        let low = (self.low.prediction + self.low.difference(QM6[low_code])).clamp(-16_384, 16_383);
        // The predictor runs on the four upper bits: the others may be taken for data on the way.
        let difference = self.low.difference(QM4[low_code >> 2]);
        self.low.adapt_scale(LOW_STEPS[low_code >> 2], 18_432, 8);
        self.low.predict(difference);

        let difference = self.high.difference(QM2[high_code]);
        let high = (self.high.prediction + difference).clamp(-16_384, 16_383);
        self.high.adapt_scale(HIGH_STEPS[high_code], 22_528, 10);
        self.high.predict(difference);

        self.history.copy_within(2.., 0);
        self.history[22] = low + high;
        self.history[23] = low - high;
        let (mut first, mut second) = (0, 0);
        for (pair, tap) in self.history.chunks_exact(2).zip(0..) {
            second += pair[0] * QMF[tap];
            first += pair[1] * QMF[11 - tap];
        }
        [first, second].map(|sum| saturated(sum >> 11) as i16)
    }
}

/// The adaptive state of one band.
struct Band {
    log_scale: i32,
    scale: i32,
    poles: [i32; 2],
    zeros: [i32; 6],
    /// Quantised differences, newest first.
    differences: [i32; 6],
    /// Reconstructed samples, newest first.
    samples: [i32; 2],
    /// Samples as reconstructed by the zeros alone, newest first.
    partial: [i32; 2],
    zero_prediction: i32,
    prediction: i32,
}

impl Band {
    fn new(scale: i32) -> Self {
        Self {
            log_scale: 0,
            scale,
            poles: [0; 2],
            zeros: [0; 6],
            differences: [0; 6],
            samples: [0; 2],
            partial: [0; 2],
            zero_prediction: 0,
            prediction: 0,
        }
    }

    /// INVQAL, INVQBL, INVQAH.
    fn difference(&self, multiplier: i32) -> i32 {
        (self.scale * multiplier) >> 15
    }

    /// LOGSCL and SCALEL, LOGSCH and SCALEH.
    fn adapt_scale(&mut self, step: i32, most: i32, shift: i32) {
        self.log_scale = (((self.log_scale * 127) >> 7) + step).clamp(0, most);
        let mantissa = ILB[(self.log_scale >> 6 & 31) as usize];
        let right = shift - (self.log_scale >> 11);
        self.scale = if right < 0 {
            mantissa << -right
        } else {
            mantissa >> right
        } << 2;
    }

    /// Block 4: takes in the difference of this sample, and predicts the next.
    fn predict(&mut self, difference: i32) {
        let sample = saturated(self.prediction + difference);
        let partial = saturated(self.zero_prediction + difference);
        self.adapt_poles(partial);
        self.adapt_zeros(difference);

        self.samples = [sample, self.samples[0]];
        self.partial = [partial, self.partial[0]];
        self.differences.rotate_right(1);
        self.differences[0] = difference;

        let weigh = |weights: &[i32], values: &[i32]| {
            weights
                .iter()
                .zip(values)
                .map(|(w, v)| (w * saturated(2 * v)) >> 15)
                .sum::<i32>()
        };
        let pole_prediction = saturated(weigh(&self.poles, &self.samples));
        self.zero_prediction = saturated(weigh(&self.zeros, &self.differences));
        self.prediction = saturated(pole_prediction + self.zero_prediction);
    }

    /// UPPOL2 and UPPOL1.
    fn adapt_poles(&mut self, partial: i32) {
        let alike = self.partial.map(|before| (before < 0) == (partial < 0));
        let signed = |alike: bool, value: i32| if alike { value } else { -value };

        let first = saturated(self.poles[0] * 4);
        let second = (signed(!alike[0], first).min(32_767) >> 7)
            + signed(alike[1], 128)
            + ((self.poles[1] * 32_512) >> 15);
        let second = second.clamp(-12_288, 12_288);

        let limit = saturated(15_360 - second);
        let first = saturated(signed(alike[0], 192) + ((self.poles[0] * 32_640) >> 15));
        self.poles = [first.clamp(-limit, limit), second];
    }

    /// UPZERO.
    fn adapt_zeros(&mut self, difference: i32) {
        let step = if difference == 0 { 0 } else { 128 };
        for (zero, before) in self.zeros.iter_mut().zip(self.differences) {
            let signed = if (before < 0) == (difference < 0) {
                step
            } else {
                -step
            };
            *zero = saturated(signed + ((*zero * 32_640) >> 15));
        }
    }
}

fn saturated(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What ffmpeg 5.1 decodes these codes to.
    #[test]
    fn a_stream_decodes_as_by_ffmpeg() {
        let codes = [
            56, 118, 220, 126, 92, 122, 185, 180, 183, 92, 250, 120, 146, 54, 255, 53, 233, 231,
            254, 139, 50, 206, 126, 239,
        ];
        let samples = [
            0, 0, -1, -1, -1, 0, 0, -1, -1, 0, 1, -3, 7, 1, 3, -3, -6, -8, -4, -11, -7, -8, -5,
            -10, -5, -6, -1, -4, -12, -20, -4, -22, 0, -20, -8, -22, -9, -20, 13, -17, -9, -28, 16,
            3, 16, 9, 30, 3,
        ];
        let mut decoder = Decoder::new();
        let decoded: Vec<i16> = codes
            .iter()
            .flat_map(|&code| decoder.decode(code))
            .collect();
        assert_eq!(decoded, samples);
    }

    #[test]
    fn any_codes_stay_in_range() {
        let mut decoder = Decoder::new();
        for n in 0..100_000_u32 {
            decoder.decode((n.wrapping_mul(2_654_435_761) >> 24) as u8);
        }
        assert!(decoder.low.scale > 0 && decoder.high.scale > 0);
    }
}
