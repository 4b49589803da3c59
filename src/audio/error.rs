//! Why a file cannot be decoded, in sentences that a user understands.

use std::io;

use super::layout::MAX_CHANNELS;
use crate::pcm::resample::{MAX_RATE_HZ, MIN_RATE_HZ};

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
    /// No content that is known here; ffmpeg may know it.
    #[error("not audio: {0}")]
    Unrecognized(String),
    /// Nothing here decodes this, and there is no `ffmpeg` to ask.
    #[error("no decoder for {codec}: install ffmpeg, so that it is found on PATH, and try again")]
    NoDecoder {
        /// The codec or container, by the name that ffmpeg gives it where it has one.
        codec: String,
    },
    /// The content is encrypted.
    #[error("protected: the audio is encrypted (DRM); use a copy without protection")]
    Protected,
    /// Whatever decodes it would make noise of it.
    #[error("cannot be decoded: {0}")]
    Refused(String),
    /// There is no `ffmpeg`.
    #[error("there is no ffmpeg on PATH: install it, or leave out --decoder ffmpeg")]
    NoFfmpeg,
    /// It is not decoded here, and there is no `ffmpeg` to ask.
    #[error("{ours}; with an ffmpeg on PATH that would be asked too")]
    Alone {
        /// Why it is not decoded here.
        ours: String,
    },
    /// Nothing here decodes it, and neither does ffmpeg.
    #[error("{ours}; {theirs}")]
    Neither {
        /// Why it is not decoded here.
        ours: String,
        /// What came of asking ffmpeg.
        theirs: String,
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
    /// Whether ffmpeg may decode what is not decoded here for this reason.
    pub(super) fn may_be_foreign(&self) -> bool {
        match self {
            Self::Unrecognized(_)
            | Self::NoDecoder { .. }
            | Self::Damaged(_)
            | Self::OutOfRange { .. } => true,
            Self::Io(_)
            | Self::NoSamples
            | Self::Empty
            | Self::NotAudio(_)
            | Self::Protected
            | Self::Refused(_)
            | Self::NoFfmpeg
            | Self::Alone { .. }
            | Self::Neither { .. } => false,
        }
    }

    /// This reason, where ffmpeg is not to be asked.
    pub(super) fn without_ffmpeg(self) -> Self {
        match self {
            Self::NoDecoder { codec } => {
                Self::Refused(format!("{codec} is for ffmpeg; leave out --decoder native"))
            }
            other => other,
        }
    }

    /// This reason for not decoding a file here, and that of ffmpeg.
    pub(super) fn and_by_ffmpeg(self, theirs: Self) -> Self {
        let (ours, theirs) = match (self, theirs) {
            (ours @ Self::NoDecoder { .. }, Self::NoFfmpeg) => return ours,
            (ours, theirs) if ours.to_string() == theirs.to_string() => return ours,
            (ours, Self::NoFfmpeg) => {
                return Self::Alone {
                    ours: ours.to_string(),
                };
            }
            (Self::NoDecoder { .. }, theirs @ Self::Unrecognized(_)) => return theirs,
            (Self::NoDecoder { codec }, theirs) => {
                let theirs = format!("{theirs}; convert it to WAV with another program");
                (format!("{codec} is not decoded here"), theirs)
            }
            (ours, theirs) => (ours.to_string(), theirs.to_string()),
        };
        Self::Neither { ours, theirs }
    }

    /// A [`DecodeError::Damaged`] with this reason.
    pub(super) fn damaged(reason: impl Into<String>) -> Self {
        Self::Damaged(reason.into())
    }
}

/// Refuses what would take unreasonable memory, or what a resampler cannot convert.
pub(super) fn check_range(channels: u64, rate_hz: u32) -> Result<(), DecodeError> {
    let usable = (1..=u64::from(MAX_CHANNELS)).contains(&channels)
        && (MIN_RATE_HZ..=MAX_RATE_HZ).contains(&rate_hz);
    if usable {
        Ok(())
    } else {
        Err(DecodeError::OutOfRange { channels, rate_hz })
    }
}
