//! Why a conversion fails as a whole.

use std::path::Path;

use super::untried::Untried;
use crate::pcm::PcmError;
use crate::trace::TraceError;

/// Why a conversion failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum AudioError {
    /// The system refused, most often because the disk is full.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A clip could not be written or read back.
    #[error(transparent)]
    Pcm(#[from] PcmError),
    /// The inputs hold no audio.
    #[error(
        "No audio files found in {inputs}{}; give WAV, \
         FLAC, MP3, Opus or other audio files, a folder that holds some, or --raw FORMAT:RATE:CHANNELS \
         for files without header",
        not_tried(.untried)
    )]
    NoAudio {
        /// The inputs.
        inputs: String,
        /// Files in folders that do not look like audio.
        untried: Untried,
    },
    /// There are files, but every one failed.
    #[error("none of {files} files could be converted: {reasons}")]
    NoneConverted {
        /// How many.
        files: usize,
        /// The first few reasons, with their files.
        reasons: String,
    },
    /// A file could not be converted, and that is fatal with `strict`.
    #[error("{path}: {reason}; leave out --strict to skip such files")]
    Strict {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The file of speech labels is wrong.
    #[error("{path} line {line}: {reason}")]
    Labels {
        /// The file.
        path: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The table of transcripts is wrong.
    #[error("{path} line {line}: {reason}")]
    Transcripts {
        /// The file.
        path: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A table could not be written.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// Threads could not be started.
    #[error("cannot start {0} threads for the conversion; try --jobs 1")]
    Threads(usize),
}

/// What is said of files that were not tried.
fn not_tried(untried: &Untried) -> String {
    match untried.files() {
        0 => String::new(),
        1 => format!(" (1 other file there was not tried: {untried})"),
        n => format!(" ({n} other files there were not tried: {untried})"),
    }
}

impl AudioError {
    /// Makes an I/O error on `path` of one of the system's.
    pub(super) fn io(path: &Path) -> impl Fn(std::io::Error) -> AudioError {
        let path = path.display().to_string();
        move |source| AudioError::Io {
            path: path.clone(),
            source,
        }
    }
}
