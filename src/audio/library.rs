//! A library of audio files becomes clips: every file is converted once, in parallel, and what has
//! not changed since the last time is taken over from there.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::files::Files;
use super::gathering::Gathering;
use super::labels::Labels;
pub use super::library_error::AudioError;
use super::ordered;
pub use super::pool::{Pool, Remark, Remarks};
pub use super::reuse::Earlier;
use super::spec::ConvertSpec;
use super::transcripts::Transcripts;
pub use super::untried::Untried;
use super::walk;

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
