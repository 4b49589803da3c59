//! How many bytes a sample of a WAV file takes, where its header contradicts itself.

use super::error::DecodeError;

/// What a header says, in three ways, about the bytes that samples take.
pub(super) struct Room {
    pub(super) channels: u16,
    /// Bits of a sample.
    pub(super) bits: u16,
    /// Bytes of a frame (block align).
    pub(super) frame: u16,
    /// Bytes of a second.
    pub(super) second: u32,
    pub(super) rate_hz: u32,
    pub(super) is_extensible: bool,
}

impl Room {
    /// The bytes of one sample, where two of the three agree, or the others say nothing.
    pub(super) fn of_a_sample(&self) -> Option<u16> {
        let by_bits = self.bits.div_ceil(8);
        let frame_by_bits = u32::from(by_bits) * u32::from(self.channels);
        let frame_by_rate = match self.second.is_multiple_of(self.rate_hz) {
            true => self.second / self.rate_hz,
            false => 0,
        };
        let frame = u32::from(self.frame);
        if by_bits > 0 && (frame == 0 || [frame, frame_by_rate].contains(&frame_by_bits)) {
            return Some(by_bits);
        }
        // A sample may have more room than bits: 20 bits are stored left-justified in 24, 24 in 32.
        let agrees = frame_by_rate == frame || self.is_extensible;
        let room = self.frame / self.channels;
        let is_usual = self.is_extensible || by_bits != 2;
        let fits = self.frame.is_multiple_of(self.channels) && room > by_bits;
        (agrees && is_usual && fits).then_some(room)
    }

    /// That they do not.
    pub(super) fn contradiction(&self) -> DecodeError {
        DecodeError::Refused(format!(
            "its header contradicts itself: {} channels of {} bits, and {} bytes for all of them; \
             correct the header, or use --raw",
            self.channels, self.bits, self.frame
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_of_three_figures_say_of_a_sample_is_taken() {
        let room = |channels, bits, frame: u16, by_rate: u16, is_extensible| Room {
            channels,
            bits,
            frame,
            second: u32::from(by_rate) * 8_000,
            rate_hz: 8_000,
            is_extensible,
        };
        for (room, expected) in [
            (room(2, 16, 4, 4, false), Some(2)),
            (room(2, 16, 2, 4, false), Some(2)),
            (room(2, 16, 4, 9, false), Some(2)),
            (room(2, 16, 0, 0, false), Some(2)),
            (room(1, 12, 2, 2, false), Some(2)),
            (room(2, 24, 8, 8, false), Some(4)),
            (room(2, 0, 4, 4, false), Some(2)),
            (room(1, 16, 4, 4, true), Some(4)),
            // Mono of 16 bits, or stereo of 8.
            (room(2, 16, 2, 2, false), None),
            // Called mono, and perhaps stereo.
            (room(1, 16, 4, 4, false), None),
            (room(2, 16, 8, 2, false), None),
        ] {
            let said = room.contradiction().to_string();
            assert_eq!(room.of_a_sample(), expected, "{said}");
        }
    }
}
