//! Where the loudspeakers of a file's channels stand, and how channels are mixed to one.
//!
//! The weights of a mix are those of ITU-R BS.775 for one loudspeaker: 1 for the centre, √½ for left
//! and right, ½ for either surround channel, and nothing for the low frequency effects. They are
//! divided by their sum, so that a mix cannot clip where its channels do not. Of two channels that is
//! the mean.

use std::f32::consts::FRAC_1_SQRT_2;

/// The most channels that are decoded.
pub(super) const MAX_CHANNELS: u16 = 64;

/// Positions that a WAV header can name, by their bits from the lowest on: what each weighs.
const WEIGHTS: [f32; 18] = [
    FRAC_1_SQRT_2, // front left
    FRAC_1_SQRT_2, // front right
    1.0,           // front centre
    0.0,           // low frequency effects
    0.5,           // back left
    0.5,           // back right
    FRAC_1_SQRT_2, // front left of centre
    FRAC_1_SQRT_2, // front right of centre
    FRAC_1_SQRT_2, // back centre: surround of its own
    0.5,           // side left
    0.5,           // side right
    0.5,           // top centre
    FRAC_1_SQRT_2, // top front left
    1.0,           // top front centre
    FRAC_1_SQRT_2, // top front right
    0.5,           // top back left
    FRAC_1_SQRT_2, // top back centre
    0.5,           // top back right
];

/// The positions of one to eight channels that come without a layout, as ffmpeg takes them: mono,
/// stereo, 2.1, 4.0, 5.0, 5.1, 6.1 and 7.1.
const BY_COUNT: [u32; 8] = [0x4, 0x3, 0xb, 0x107, 0x37, 0x3f, 0x70f, 0x63f];

/// How many channels there are, and where each stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    channels: u16,
    /// Positions in the order of the channels, as the bits of a WAV header; 0 when unknown.
    mask: u32,
}

impl Layout {
    /// `channels` at the positions of `mask`, or at the usual ones where it names fewer or more.
    #[must_use]
    pub(super) fn new(channels: u16, mask: u32) -> Layout {
        let known = mask & ((1 << WEIGHTS.len()) - 1);
        let fits = known == mask && mask.count_ones() == u32::from(channels);
        let usual = usize::from(channels).checked_sub(1);
        let usual = usual.and_then(|at| BY_COUNT.get(at)).copied();
        Layout {
            channels,
            mask: if fits { mask } else { usual.unwrap_or(0) },
        }
    }

    /// How many channels there are.
    #[must_use]
    pub fn channels(self) -> u16 {
        self.channels
    }

    /// The share of each channel in a mix to one; they add up to 1.
    pub(super) fn weights(self) -> Vec<f32> {
        let named = (0..WEIGHTS.len()).filter(|bit| self.mask >> bit & 1 == 1);
        let mut weights: Vec<f32> = named.map(|bit| WEIGHTS[bit]).collect();
        if weights.iter().sum::<f32>() == 0.0 {
            weights = vec![1.0; usize::from(self.channels)];
        }
        let sum: f32 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_channels_and_effects_weigh_what_bs_775_says() {
        let weights = Layout::new(6, 0).weights();
        let sum = 2.0 * FRAC_1_SQRT_2 + 1.0 + 0.5 + 0.5;
        let expected = [FRAC_1_SQRT_2, FRAC_1_SQRT_2, 1.0, 0.0, 0.5, 0.5];
        for (weight, expected) in weights.iter().zip(expected) {
            assert!((weight - expected / sum).abs() < 1e-6, "{weights:?}");
        }
        // Surround at the sides weighs as much as behind.
        assert_eq!(weights, Layout::new(6, 0x60f).weights());
    }

    #[test]
    fn no_mix_is_louder_than_its_channels() {
        for channels in 1..=64 {
            for mask in [0, 0x3ffff, 0x8, u32::MAX] {
                let weights = Layout::new(channels, mask).weights();
                assert_eq!(weights.len(), usize::from(channels));
                let sum: f32 = weights.iter().sum();
                assert!((sum - 1.0).abs() < 1e-5, "{channels} {mask:#x}: {sum}");
            }
        }
    }

    #[test]
    fn two_channels_are_averaged_and_so_are_those_without_positions() {
        assert_eq!(Layout::new(1, 0).weights(), [1.0]);
        assert_eq!(Layout::new(2, 0).weights(), [0.5, 0.5]);
        assert_eq!(Layout::new(10, 0).weights(), [0.1; 10]);
        assert_eq!(Layout::new(1, 0x8).weights(), [1.0]);
    }

    #[test]
    fn positions_that_do_not_fit_the_channels_are_not_believed() {
        assert_eq!(Layout::new(2, 0x3f), Layout::new(2, 0x3));
        assert_eq!(
            Layout::new(4, 0x33).weights(),
            [FRAC_1_SQRT_2, FRAC_1_SQRT_2, 0.5, 0.5].map(|w| w / (1.0 + 2.0 * FRAC_1_SQRT_2))
        );
    }
}
