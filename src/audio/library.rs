//! A library of audio files becomes clips: every file is converted once, in parallel, and what has
//! not changed since the last time is taken over from there.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::convert::{self, Job};
use super::decode::SourceInfo;
use super::file_state::FileState;
use super::labels::{Label, Labels};
use super::made_up;
use super::raw::RawFormat;
use super::reuse::Earlier;
use super::spec::{Channel, ConvertSpec};
use super::transcripts::{Matched, Transcripts};
use super::walk::{self, Entry};
use crate::pcm::PcmError;
use crate::trace::model::{ClipRow, SourceRow};
use crate::units::{SampleRate, Samples};

/// Reasons that are listed when no file could be converted.
const REASONS: usize = 3;

/// The bundle that an earlier conversion made.
#[derive(Debug, Clone, Copy)]
pub struct Previous<'a> {
    /// Its folder.
    pub folder: &'a Path,
    /// Its clips.
    pub clips: &'a [ClipRow],
    /// Its sources.
    pub sources: &'a [SourceRow],
}

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

/// A file that gave no clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file, as in its [`SourceRow`].
    pub path: String,
    /// Why.
    pub reason: String,
}

/// A file that gave clips, but was odd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// The file, as in its [`SourceRow`].
    pub path: String,
    /// What was odd about it, and how it was taken.
    pub note: String,
}

/// What a conversion made.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pool {
    /// Clips in the order of their sources, then made-up ones, numbered from 0.
    pub clips: Vec<ClipRow>,
    /// A row for each file, or two where its channels were split.
    pub sources: Vec<SourceRow>,
    /// Files converted.
    pub converted: u64,
    /// Files taken over from the previous bundle.
    pub reused: u64,
    /// Files that gave no clip.
    pub skipped: Vec<Skipped>,
    /// Files that gave clips, but were odd.
    pub noted: Vec<Noted>,
    /// Files in folders that do not look like audio and were not tried.
    pub ignored: u64,
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
        untried(*.ignored)
    )]
    NoAudio {
        /// The inputs.
        inputs: String,
        /// Files in folders that do not look like audio.
        ignored: u64,
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
    /// Threads could not be started.
    #[error("cannot start {0} threads for the conversion; try --jobs 1")]
    Threads(usize),
}

/// What is said of `ignored` files that do not look like audio.
fn untried(ignored: u64) -> String {
    match ignored {
        0 => String::new(),
        1 => " (1 other file there was not tried)".to_owned(),
        n => format!(" ({n} other files there were not tried)"),
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
/// stored once. Files that have not changed since `previous` are taken over from there.
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
    previous: Option<Previous<'_>>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Pool, AudioError> {
    let found = walk::find(&spec.inputs, spec.raw.is_some());
    if found.entries.is_empty() && spec.synth.is_empty() {
        return Err(no_audio(spec, found.ignored));
    }
    let labels = match &spec.speech_labels {
        Some(path) => Labels::read(path)?,
        None => Labels::default(),
    };
    let transcripts = spec.transcripts.as_deref().map(Transcripts::read);
    let transcripts = transcripts.transpose()?;
    let files: Vec<LibraryFile<'_>> = found
        .entries
        .iter()
        .enumerate()
        .map(|(number, entry)| LibraryFile::new(number, entry, spec, &labels))
        .collect();
    let unused_labels = labels.unused(|path| {
        let is = |file: &LibraryFile<'_>| {
            file.entry.name == path || file.entry.path.to_str() == Some(path)
        };
        files.iter().any(is)
    });

    let earlier = previous.map(Earlier::new);
    let state = Mutex::new(Progress {
        files: files.len() as u64,
        bytes: files.iter().map(|file| file.row.bytes).sum(),
        ..Progress::default()
    });
    let report = |change: &dyn Fn(&mut Progress)| {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        progress(*state);
    };
    let made = on_threads(spec.jobs, || {
        files
            .par_iter()
            .with_max_len(1)
            .map(|file| {
                let made = file.make(spec, folder, earlier.as_ref(), &|ns| {
                    report(&|state| state.audio_ns += ns);
                })?;
                report(&|state| {
                    state.files_done += 1;
                    state.bytes_done += file.row.bytes;
                });
                match made.skipped() {
                    Some(skipped) if spec.strict => Err(AudioError::Strict {
                        path: skipped.path,
                        reason: skipped.reason,
                    }),
                    _ => Ok(made),
                }
            })
            .collect::<Result<Vec<Made>, AudioError>>()
    })??;

    let mut pool = Pool {
        ignored: found.ignored,
        unused_labels,
        ..Pool::default()
    };
    let mut numbers = HashMap::new();
    for made in made {
        pool.skipped.extend(made.skipped());
        pool.noted.extend(made.noted());
        pool.reused += u64::from(made.reused);
        pool.converted += u64::from(!made.reused && made.skipped().is_none());
        for (source, clip) in made.rows {
            let clip = clip.map(|clip| pool.add(&mut numbers, clip));
            pool.sources.push(SourceRow { clip, ..source });
        }
    }
    if pool.clips.is_empty() && spec.synth.is_empty() {
        return Err(none_converted(&pool));
    }
    for (number, &synth) in spec.synth.iter().enumerate() {
        let clip = made_up::clip(synth, number, folder)?;
        pool.add(&mut numbers, clip);
    }
    pool.transcribe(transcripts.as_ref(), spec);
    Ok(pool)
}

impl Pool {
    /// Adds a clip, unless an equal one is there, and returns its number.
    fn add(&mut self, numbers: &mut HashMap<String, u32>, mut clip: ClipRow) -> u32 {
        let next = self.clips.len() as u32;
        let number = *numbers.entry(clip.clip_id.clone()).or_insert(next);
        if number == next {
            clip.clip = number;
            self.clips.push(clip);
        }
        number
    }

    /// Gives clips the transcripts of this table, and none where there is no table: what is said of
    /// a clip follows from the settings and not from what was taken over.
    fn transcribe(&mut self, transcripts: Option<&Transcripts>, spec: &ConvertSpec) {
        let Some(transcripts) = transcripts else {
            self.clips
                .iter_mut()
                .for_each(|clip| clip.transcript = None);
            return;
        };
        let longest = spec.max_clip_ns;
        let longest = longest.map(|ns| Samples::in_ns(ns, SampleRate::PREPARED));
        let is_cut = |samples| longest.is_some_and(|longest| samples >= longest.0);
        self.transcripts = Some(transcripts.give(self, is_cut));
    }
}

/// A file of the library, looked at but not opened.
struct LibraryFile<'a> {
    number: usize,
    entry: &'a Entry,
    raw: Option<RawFormat>,
    label: Option<Label>,
    /// Its row, as far as known without opening it.
    row: SourceRow,
}

/// What became of a file: its rows without clip numbers.
struct Made {
    rows: Vec<(SourceRow, Option<ClipRow>)>,
    reused: bool,
}

impl Made {
    fn skipped(&self) -> Option<Skipped> {
        let row = self.rows.iter().find(|(row, _)| row.skipped.is_some());
        row.map(|(row, _)| Skipped {
            path: row.path.clone(),
            reason: row.skipped.clone().unwrap_or_default(),
        })
    }

    fn noted(&self) -> Option<Noted> {
        let (row, _) = self.rows.iter().find(|(row, _)| row.skipped.is_none())?;
        let note = row.note.clone()?;
        let path = row.path.clone();
        Some(Noted { path, note })
    }
}

impl<'a> LibraryFile<'a> {
    fn new(
        number: usize,
        entry: &'a Entry,
        spec: &ConvertSpec,
        labels: &Labels,
    ) -> LibraryFile<'a> {
        let raw = spec.raw.filter(|_| walk::is_headerless(entry));
        let label = labels.of(&entry.name, &entry.path);
        let FileState { bytes, mtime_ns } =
            FileState::of(std::fs::metadata(&entry.path).ok().as_ref());
        let row = SourceRow {
            path: entry.name.clone(),
            bytes,
            mtime_ns,
            channel: Channel::Mix.name().to_owned(),
            codec: String::new(),
            rate_hz: 0,
            channels: 0,
            settings_hash: spec.hash(raw, label),
            clip: None,
            skipped: None,
            decoder: None,
            trim: None,
            note: None,
        };
        LibraryFile {
            number,
            entry,
            raw,
            label,
            row,
        }
    }

    fn make(
        &self,
        spec: &ConvertSpec,
        folder: &Path,
        earlier: Option<&Earlier<'_>>,
        heard: &dyn Fn(i64),
    ) -> Result<Made, AudioError> {
        if let Some(problem) = &self.entry.problem {
            return Ok(self.skip(None, problem.clone()));
        }
        if let Some(taken) = earlier
            .map(|e| e.take_over(&self.row, folder))
            .transpose()?
            .flatten()
            // What is odd may be too odd for `strict`, which only its conversion tells.
            .filter(|taken| !spec.strict || taken.iter().all(|(row, _)| row.note.is_none()))
        {
            let rows = taken.into_iter().map(|(row, clip)| (row, Some(clip)));
            return Ok(Made {
                rows: rows.collect(),
                reused: true,
            });
        }
        let job = Job {
            path: &self.entry.path,
            name: &self.entry.name,
            state: FileState {
                bytes: self.row.bytes,
                mtime_ns: self.row.mtime_ns,
            },
            number: self.number,
            raw: self.raw,
            label: self.label,
        };
        let outcome = convert::convert(&job, spec, folder, heard)?;
        let clips = match outcome.clips {
            Ok(clips) => clips,
            Err(reason) => return Ok(self.skip(outcome.info.as_ref(), reason)),
        };
        let rows = clips.into_iter().map(|(channel, clip)| {
            let row = SourceRow {
                channel: channel.name().to_owned(),
                note: outcome.note.clone(),
                ..self.described(outcome.info.as_ref())
            };
            (row, Some(clip))
        });
        Ok(Made {
            rows: rows.collect(),
            reused: false,
        })
    }

    fn skip(&self, info: Option<&SourceInfo>, reason: String) -> Made {
        let row = SourceRow {
            skipped: Some(reason),
            ..self.described(info)
        };
        Made {
            rows: vec![(row, None)],
            reused: false,
        }
    }

    fn described(&self, info: Option<&SourceInfo>) -> SourceRow {
        let row = self.row.clone();
        match info {
            Some(info) => SourceRow {
                codec: info.codec.clone(),
                rate_hz: info.rate_hz,
                channels: u32::from(info.channels),
                decoder: Some(info.decoder.name().to_owned()),
                trim: info.trim.clone(),
                ..row
            },
            None => row,
        }
    }
}

/// Runs `work` on a pool of `jobs` threads, or of as many as there are cores.
pub(super) fn on_threads<T: Send>(
    jobs: Option<usize>,
    work: impl FnOnce() -> T + Send,
) -> Result<T, AudioError> {
    let jobs = jobs.unwrap_or(0);
    let threads = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
    let threads = threads.map_err(|_| AudioError::Threads(jobs))?;
    Ok(threads.install(work))
}

pub(super) fn no_audio(spec: &ConvertSpec, ignored: u64) -> AudioError {
    let inputs = spec.inputs.iter().map(|input| input.display().to_string());
    AudioError::NoAudio {
        inputs: inputs.collect::<Vec<_>>().join(", "),
        ignored,
    }
}

fn none_converted(pool: &Pool) -> AudioError {
    let first = pool.skipped.iter().take(REASONS);
    let mut reasons: Vec<String> = first.map(|s| format!("{}: {}", s.path, s.reason)).collect();
    if pool.skipped.len() > REASONS {
        reasons.push(format!("and {} more", pool.skipped.len() - REASONS));
    }
    AudioError::NoneConverted {
        files: pool.skipped.len(),
        reasons: reasons.join("; "),
    }
}
