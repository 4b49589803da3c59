//! Pure functions on samples: WAV files, codecs, resampling, levels, quantising, speech extent,
//! synthetic signals.
//!
//! Samples are mono PCM16 (`i16`), or `f32` with ±1.0 as full scale before they are quantised. This
//! room reads no clock and knows no trace and no gateway.

pub mod codec;
pub mod dither;
pub mod g711;
pub mod level;
pub mod resample;
pub mod speech;
pub mod synth;
pub mod wav;

use std::path::Path;

/// What can be wrong with samples or the WAV file they are in.
#[derive(Debug, thiserror::Error)]
pub enum PcmError {
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is not WAV.
    #[error("{path}: not a readable WAV file ({reason})")]
    NotWav {
        /// The file.
        path: String,
        /// The WAV library's reason.
        reason: String,
    },
    /// The file is WAV, but not what clips are.
    #[error(
        "{path}: holds {found}, but clips are mono 16-bit PCM; convert it with `voicelt prepare`"
    )]
    NotMonoPcm16 {
        /// The file.
        path: String,
        /// Its format.
        found: String,
    },
    /// The file ends before its header says so.
    #[error("{path}: cut off: its header promises {promised} samples, it holds {found}")]
    Truncated {
        /// The file.
        path: String,
        /// Samples that the header promises.
        promised: u64,
        /// Samples that are there.
        found: u64,
    },
    /// More samples than a WAV file, or the memory of one read, can hold.
    #[error("{path}: more than {limit} samples; split the audio or cut it with `--max-clip`")]
    TooLong {
        /// The file.
        path: String,
        /// The most samples allowed.
        limit: u64,
    },
    /// Loudness is not defined at this sample rate.
    #[error("loudness cannot be measured at {rate_hz} Hz")]
    LoudnessRate {
        /// The rate.
        rate_hz: u32,
    },
}

impl PcmError {
    fn io(path: &Path, source: std::io::Error) -> PcmError {
        PcmError::Io {
            path: path.display().to_string(),
            source,
        }
    }
}
