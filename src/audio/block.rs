//! What a decoded block of packets is, besides its samples.

use symphonia::core::audio::Channels;

use super::guard::BlockFormat;
use super::layout::Layout;

/// What a decoded block was before it became `f32`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    pub(super) rate_hz: u32,
    /// Positions of its channels, as the bits of a WAV header; 0 when unknown.
    pub(super) mask: u32,
    pub(super) is_integer: bool,
    pub(super) is_16_bit: bool,
}

impl Block {
    /// What the samples of this block are, which has so many channels.
    pub(super) fn format(self, channels: usize) -> BlockFormat {
        let channels = u16::try_from(channels).unwrap_or(u16::MAX);
        BlockFormat {
            rate_hz: self.rate_hz,
            layout: Layout::new(channels, self.mask),
        }
    }
}

/// The positions of channels, as the bits of a WAV header; 0 when they have none there.
pub(super) fn mask(channels: &Channels) -> u32 {
    match channels {
        Channels::Positioned(positions) => u32::try_from(positions.bits()).unwrap_or(0),
        _ => 0,
    }
}
