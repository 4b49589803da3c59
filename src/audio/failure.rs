//! Why the conversion of one file ends early.

use super::error::DecodeError;
use super::library_error::AudioError;
use crate::pcm::PcmError;
use crate::pcm::resample::ResampleError;
use crate::units::{Human, SampleRate, Samples};

/// Why a conversion ends early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Its decoder failed.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Something else is wrong with this file; the others go on.
    #[error("{0}")]
    Skip(String),
    /// Nothing can be written any more.
    #[error(transparent)]
    Fatal(#[from] AudioError),
}

impl From<ResampleError> for Failure {
    fn from(error: ResampleError) -> Failure {
        Failure::Skip(error.to_string())
    }
}

impl From<PcmError> for Failure {
    fn from(error: PcmError) -> Failure {
        match error {
            PcmError::TooLong { limit, .. } => {
                let longest = Samples(limit).duration_ns(SampleRate::PREPARED);
                Failure::Skip(format!("longer than {}; use --max-clip", Human(longest)))
            }
            other => Failure::Fatal(other.into()),
        }
    }
}
