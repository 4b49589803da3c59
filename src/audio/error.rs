//! Why a file cannot be decoded, in sentences that a user understands.

use std::io;

use super::decode::MAX_CHANNELS;
use super::resample::{MAX_RATE_HZ, MIN_RATE_HZ};

/// Why a file cannot be decoded. The caller knows and names the file.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The file cannot be opened or read.
    #[error("cannot be read: {0}")]
    Io(io::Error),
    /// The file has no bytes.
    #[error("empty: the file has no bytes")]
    Empty,
    /// The content is something else.
    #[error("not audio: {0}")]
    NotAudio(String),
    /// Nothing here decodes this, and there is no `ffmpeg` to ask.
    #[error("no decoder for {codec}: install ffmpeg, so that it is found on PATH, and try again")]
    NoDecoder {
        /// The codec or container, by the name that ffmpeg gives it where it has one.
        codec: String,
    },
    /// The content is encrypted.
    #[error("protected: the audio is encrypted (DRM); use a copy without protection")]
    Protected,
    /// There is less audio than the header promises.
    #[error("cut short: the header promises {promised} samples a channel, the file has {found}")]
    Truncated {
        /// Samples a channel by the header.
        promised: u64,
        /// Samples a channel in the file.
        found: u64,
    },
    /// The content contradicts its format, or the decoder failed on it.
    #[error("damaged: {0}")]
    Damaged(String),
    /// The format is known, but the audio is outside of what is converted.
    #[error(
        "{channels} channels at {rate_hz} Hz cannot be converted: at most {MAX_CHANNELS} channels \
         at {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz"
    )]
    OutOfRange {
        /// Channels of the file.
        channels: u64,
        /// Rate of the file in Hz.
        rate_hz: u32,
    },
    /// The file decodes to nothing.
    #[error("no samples: the file holds no audio")]
    NoSamples,
}

impl From<io::Error> for DecodeError {
    /// A reader that knows better what is wrong says so inside its error.
    fn from(error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(Self::Io)
    }
}

impl DecodeError {
    /// A [`DecodeError::Damaged`] with this reason.
    pub(super) fn damaged(reason: impl Into<String>) -> Self {
        Self::Damaged(reason.into())
    }
}
