//! Vorbis streams that `symphonia` gets wrong, decoded by `lewton`: most of those of more than two
//! channels.
//!
//! `symphonia` decouples channels from the first step to the last instead of backwards, and lets the
//! last partitions of one channel overwrite the first classes of the next.

use lewton::audio::{PreviousWindowRight, read_audio_packet_generic};
use lewton::header::{IdentHeader, SetupHeader, read_header_ident, read_header_setup};

use super::error::DecodeError;
use super::framing::vorbis::{IDENTIFICATION, SETUP, VorbisHeaders, find};

/// For each number of channels, where the channels of Xiph's codecs (Vorbis I specification section
/// 4.3.9) are in the order of WAV files.
const PLACES: [&[usize]; 8] = [
    &[0],
    &[0, 1],
    &[0, 2, 1],
    &[0, 1, 2, 3],
    &[0, 2, 1, 3, 4],
    &[0, 2, 1, 5, 3, 4],
    &[0, 2, 1, 6, 5, 3, 4],
    &[0, 2, 1, 7, 5, 6, 3, 4],
];

/// Which channel of a stream of Xiph's codecs is at `place` in the order of WAV files.
pub(super) fn channel_at(place: usize, channels: usize) -> usize {
    let places = channels.checked_sub(1).and_then(|at| PLACES.get(at));
    places.map_or(place, |places| places[place])
}

/// Decodes the packets of one stream.
pub(super) struct Surround {
    identification: IdentHeader,
    setup: SetupHeader,
    window: PreviousWindowRight,
}

impl Surround {
    /// A decoder for the stream with these headers, if it is one of those; none for the others.
    ///
    /// # Errors
    /// [`DecodeError::NoDecoder`] for headers that cannot be read.
    pub(super) fn of(headers: &[u8]) -> Result<Option<Self>, DecodeError> {
        let refused = || DecodeError::NoDecoder {
            codec: "vorbis".to_owned(),
        };
        let read = VorbisHeaders::read(headers).ok_or_else(refused)?;
        if !read.are_intricate() {
            return Ok(None);
        }
        let from = |mark| find(headers, mark).map(|at| &headers[at..]);
        let identification = from(IDENTIFICATION)
            .and_then(|packet| read_header_ident(packet.get(..30)?).ok())
            .ok_or_else(refused)?;
        let blocks = (identification.blocksize_0, identification.blocksize_1);
        let setup = from(SETUP)
            .and_then(|packet| read_header_setup(packet, read.channels, blocks).ok())
            .ok_or_else(refused)?;
        Ok(Some(Self {
            identification,
            setup,
            window: PreviousWindowRight::new(),
        }))
    }

    /// Samples a second of one channel.
    pub(super) fn rate_hz(&self) -> u32 {
        self.identification.audio_sample_rate
    }

    /// Fills `out` with the samples of `packet`, one vector a channel.
    ///
    /// # Errors
    /// Why it cannot be decoded.
    pub(super) fn decode(&mut self, packet: &[u8], out: &mut Vec<Vec<f32>>) -> Result<(), String> {
        let mut decoded: Vec<Vec<f32>> =
            read_audio_packet_generic(&self.identification, &self.setup, packet, &mut self.window)
                .map_err(|e| e.to_string())?;
        let channels = decoded.len();
        out.clear();
        out.extend(
            (0..channels).map(|place| std::mem::take(&mut decoded[channel_at(place, channels)])),
        );
        Ok(())
    }
}
