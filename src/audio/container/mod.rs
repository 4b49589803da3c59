//! Containers that are taken apart here: MP4 and QuickTime, Matroska and WebM, CAF.
//!
//! Each is a demuxer of its first audio track, which knows what of the track is to be played. Memory
//! stays small whatever a file says, and what is there of a file that was cut off is played.

mod caf;
mod codec;
mod demuxed;
mod descriptor;
mod matroska;
mod media;
mod mp4;
mod play;
mod scale;
#[cfg(test)]
mod tests;

pub(super) use self::demuxed::{Demuxed, Packets};
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
