//! A library of audio files becomes clips: every file is converted once, in parallel, and what has
//! not changed since the last time is taken over from there.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::files::Files;
use super::gathering::Gathering;
use super::labels::Labels;
use super::ordered;
pub use super::reuse::Earlier;
use super::spec::ConvertSpec;
use super::transcripts::{Matched, Transcripts};
pub use super::untried::Untried;
use super::walk;
use crate::pcm::PcmError;
use crate::trace::TraceError;

/// Files of each kind that are named.
const REMARKS: usize = 10;
/// Most threads for each core: more have nothing to do, and each takes memory.
const MAX_JOBS_A_CORE: usize = 4;

/// How far a conversion is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Files to look at.
    pub files: u64,
    /// Files that are done, one way or another.
    pub files_done: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Bytes of those that are done.
    pub bytes_done: u64,
    /// Audio converted so far.
    pub audio_ns: i64,
}

/// What is said of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The file, as in its [`SourceRow`](crate::trace::model::SourceRow).
    pub path: String,
    /// What.
    pub text: String,
}

/// Files of which something is said: how many, and what of the first. The table of sources has all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remarks {
    /// How many there are.
    pub files: u64,
    /// The first of them.
    pub first: Vec<Remark>,
}

impl Remarks {
    /// Takes in the next file.
    pub(super) fn push(&mut self, path: &str, text: &str) {
        self.files += 1;
        if self.first.len() < REMARKS {
            self.first.push(Remark {
                path: path.to_owned(),
                text: text.to_owned(),
            });
        }
    }
}

/// What a conversion made: the tables of clips and of sources in the bundle's folder, and this.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pool {
    /// Clips.
    pub clips: u64,
    /// Files that were looked at.
    pub files: u64,
    /// Files converted.
    pub converted: u64,
    /// Files taken over from the previous bundle.
    pub reused: u64,
    /// Files that gave no clip, and why.
    pub skipped: Remarks,
    /// Files that gave clips, but were odd: in what, and how it was taken.
    pub noted: Remarks,
    /// Files in folders that do not look like audio and were not tried.
    pub untried: Untried,
    /// Paths in the labels file that are no file of these.
    pub unused_labels: Vec<String>,
    /// How the table of transcripts fits the clips, where one was given.
    pub transcripts: Option<Matched>,
}

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

/// Converts what `spec` asks for into mono PCM16 clips at 16 kHz below `folder`, a bundle that is
/// being made: each at `clips/ab/ID.wav`, ID being the BLAKE3 of its PCM, so that equal audio is
/// stored once. Files that have not changed since `earlier` are taken over from there. The tables of
/// clips, in the order of their sources and numbered from 0, and of sources are written as they come.
///
/// The result is the same whatever the number of threads. A file that cannot be converted is skipped
/// and named in the result.
///
/// # Errors
/// What keeps the whole from being made: nothing to convert, nothing convertible, a folder that
/// cannot be written, wrong labels or transcripts, and with `strict` a file that fails.
pub fn convert(
    spec: &ConvertSpec,
    folder: &Path,
    earlier: Option<&Earlier>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Pool, AudioError> {
    let found = walk::find(&spec.inputs, spec.raw.is_some());
    if found.entries.is_empty() && spec.synth.is_empty() {
        return Err(no_audio(spec, found.untried));
    }
    let labels = match &spec.speech_labels {
        Some(path) => Labels::read(path)?,
        None => Labels::default(),
    };
    let said = match &spec.transcripts {
        Some(path) => Some(Transcripts::read(path)?.fit(&found)),
        None => None,
    };
    let files = Files::new(&found, spec, &labels);
    let state = Mutex::new(Progress {
        files: found.entries.len() as u64,
        bytes: files.bytes(),
        ..Progress::default()
    });
    let report = |change: &dyn Fn(&mut Progress)| {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        progress(*state);
    };
    let mut gathering = Gathering::begin(folder, &files, said)?;
    let work = |number| {
        let made = files.make(number, folder, earlier, &|ns| {
            report(&|state| state.audio_ns += ns);
        })?;
        report(&|state| {
            state.files_done += 1;
            state.bytes_done += made.bytes();
        });
        Ok(made)
    };
    on_threads(spec.jobs, || {
        ordered::each(found.entries.len(), work, |made| gathering.take(made))
    })??;
    let pool = gathering.finish(folder)?;
    Ok(Pool {
        unused_labels: labels.unused(&found),
        untried: found.untried,
        ..pool
    })
}

/// Runs `work` on a pool of `jobs` threads, but at most [`MAX_JOBS_A_CORE`] for each core; on one for each where it is not
/// said.
pub(super) fn on_threads<T: Send>(
    jobs: Option<usize>,
    work: impl FnOnce() -> T + Send,
) -> Result<T, AudioError> {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let jobs = jobs.map_or(cores, |jobs| jobs.clamp(1, MAX_JOBS_A_CORE * cores));
    let threads = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
    let threads = threads.map_err(|_| AudioError::Threads(jobs))?;
    Ok(threads.install(work))
}

pub(super) fn no_audio(spec: &ConvertSpec, untried: Untried) -> AudioError {
    let inputs = spec.inputs.iter().map(|input| input.display().to_string());
    AudioError::NoAudio {
        inputs: inputs.collect::<Vec<_>>().join(", "),
        untried,
    }
}
