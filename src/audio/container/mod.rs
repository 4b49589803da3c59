//! Containers that are taken apart here: MP4 and QuickTime, Matroska and WebM, CAF.
//!
//! Each is a demuxer of its first audio track, which knows what of the track is to be played. Memory
//! stays small whatever a file says, and what is there of a file that was cut off is played.

mod caf;
mod codec;
mod descriptor;
mod matroska;
mod media;
mod mp4;
mod play;
#[cfg(test)]
mod tests;

use symphonia::core::errors::Error;
use symphonia::core::formats::Track;
use symphonia::core::packet::Packet;

pub(super) use self::media::Source;
use super::error::DecodeError;

/// The containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    /// MP4, M4A, 3GP, QuickTime.
    Mp4,
    /// Matroska, WebM.
    Matroska,
    /// The Core Audio Format.
    Caf,
}

/// The packets of one audio track, one after the other.
///
/// Of a packet, `trim_start` and `trim_end` are samples that are cut off what it decodes to, and `dur`
/// is how many are kept at most. A packet without data is a pause of `dur` samples.
pub(super) trait Packets: Send + Sync {
    /// The track under way.
    fn track(&self) -> &Track;

    /// The next packet; none at the end.
    ///
    /// # Errors
    /// [`Error::ResetRequired`] where another track begins, which is told from then on; behind the last
    /// packet [`Error::DecodeError`] where something is missing or damaged; those of reading.
    fn next_packet(&mut self) -> Result<Option<Packet>, Error>;
}

/// A file that was taken apart.
pub(super) struct Demuxed {
    /// Those of its audio.
    pub(super) packets: Box<dyn Packets>,
    /// The name of the container.
    pub(super) name: &'static str,
    /// What of the track is not played, with the source of the figures.
    pub(super) trim: Option<String>,
}

/// Takes a file apart.
///
/// # Errors
/// [`DecodeError::NoDecoder`] with the name of a codec that is not decoded here, and what is wrong
/// with the file.
pub(super) fn open(container: Container, file: Box<dyn Source>) -> Result<Demuxed, DecodeError> {
    match container {
        Container::Mp4 => mp4::open(file),
        Container::Matroska => matroska::open(file),
        Container::Caf => caf::open(file),
    }
}

/// `time` in units of `from` a second, in units of `to`, to the nearest.
fn scaled(time: u64, from: u64, to: u64) -> u64 {
    let from = u128::from(from.max(1));
    let scaled = (u128::from(time) * u128::from(to) + from / 2) / from;
    u64::try_from(scaled).unwrap_or(u64::MAX)
}
