//! From another system's log and a library of audio to a trace: calls at the log's instants, with clips
//! that fit its rows.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::library::{AudioError, Pool, Progress, convert};
use super::spec::ConvertSpec;
use crate::table::Row;
use crate::trace::TraceError;
use crate::trace::extent::Extent;
use crate::trace::import::clip_assignment::{ClipAssignmentSpec, Fit, assign_clips};
use crate::trace::import::library::Library;
use crate::trace::import::shape::{Shape, Timetable};
use crate::trace::import::{ImportError as LogError, Log, LogFormat, LogSpec};
use crate::trace::manifest::{Provenance, TraceManifest};
use crate::trace::model::{ClipRow, Microphone, SourceRow, TraceSource};
use crate::trace::stream::Bundle;
use crate::trace::tables::read_table;
use crate::trace::writer::{BundleWriter, ClipAudio};

/// What is made of which log.
#[derive(Debug, Clone)]
pub struct ImportSpec {
    /// The log.
    pub file: PathBuf,
    /// The library: a trace bundle, or a file or folder that is converted.
    pub audio: PathBuf,
    /// How the log is read.
    pub log: LogSpec,
    /// What becomes of its arrivals.
    pub shape: Shape,
    /// How calls are made of them.
    pub assignment: ClipAssignmentSpec,
    /// What every random choice derives from.
    pub seed: u64,
}

/// Why no trace was made.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The log, or the library for it.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The bundle that is the library cannot be read.
    #[error(transparent)]
    Library(TraceError),
    /// The library could not be converted.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// The trace cannot be written.
    #[error(transparent)]
    Trace(#[from] TraceError),
}

/// A trace of which the clips are there.
pub struct Import<'a> {
    spec: &'a ImportSpec,
    name: String,
    log: Log,
    writer: BundleWriter,
    /// Where the audio comes from, as the trace's history says it.
    described: Value,
    /// The library's own limit of how long it may be kept.
    delete_after: Option<String>,
    /// What became of the files that were converted; `None` of a bundle.
    pub pool: Option<Pool>,
}

/// A trace that was made.
#[derive(Debug)]
pub struct Imported {
    /// When calls start.
    pub timetable: Timetable,
    /// How well the clips fit.
    pub fit: Fit,
    /// How many clips it has.
    pub clips: usize,
    /// How large it is.
    pub extent: Extent,
}

impl<'a> Import<'a> {
    /// Reads the log, and takes the library's clips into the trace that is to be at `output`.
    ///
    /// # Errors
    /// A log or a library that cannot be read, and a place that is taken or refused.
    pub fn begin(
        spec: &'a ImportSpec,
        output: &Path,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Import<'a>, ImportError> {
        let log = Log::read(&spec.file, &spec.log)?;
        let name = output.file_stem().unwrap_or_default().to_string_lossy();
        let mut import = Import {
            spec,
            name: name.into_owned(),
            log,
            writer: BundleWriter::create(output)?,
            described: Value::Null,
            delete_after: None,
            pool: None,
        };
        match spec.audio.join("trace.json").is_file() {
            true => import.take_bundle()?,
            false => import.take_files(progress)?,
        }
        Ok(import)
    }

    fn take_bundle(&mut self) -> Result<(), ImportError> {
        let library = Bundle::open(&self.spec.audio).map_err(ImportError::Library)?;
        for clip in library.clips.iter() {
            let path = clip.file.as_ref().map(|file| library.dir.join(file));
            let audio = path.as_deref().map_or(ClipAudio::Unknown, ClipAudio::File);
            self.writer.clip(clip.clone(), audio)?;
        }
        let content = &library.manifest.content_blake3;
        let name = file_name(&self.spec.audio);
        self.described = json!({ "trace": name, "content_blake3": content });
        self.delete_after = library.manifest.delete_after;
        Ok(())
    }

    fn take_files(&mut self, progress: &(dyn Fn(Progress) + Sync)) -> Result<(), ImportError> {
        let spec = ConvertSpec {
            inputs: vec![self.spec.audio.clone()],
            ..ConvertSpec::default()
        };
        let folder = self.writer.dir().to_owned();
        self.pool = Some(convert(&spec, &folder, None, progress)?);
        for clip in read_table::<ClipRow>(&folder)? {
            self.writer.clip(clip, ClipAudio::InPlace)?;
        }
        // Nothing is taken over from a trace that follows a log.
        let sources = folder.join(format!("{}.parquet", SourceRow::TABLE));
        std::fs::remove_file(&sources).map_err(AudioError::io(&sources))?;
        self.described = json!({ "files": file_name(&self.spec.audio) });
        Ok(())
    }

    /// Makes the calls. `tool` does it at the instant `at`, RFC 3339; `read` is told beforehand how
    /// the log was read, and of how many clips some are chosen from.
    ///
    /// # Errors
    /// Rows that give no call, and a place that is refused.
    pub fn finish(
        mut self,
        (tool, at): (&str, &str),
        read: impl FnOnce(&Log, &Library<'_>, usize),
    ) -> Result<Imported, ImportError> {
        let (spec, log) = (self.spec, &mut self.log);
        let clips = self.writer.clips().to_vec();
        let mut library = Library::new(&clips, spec.seed)?;
        log.keep_known_clips(&spec.file, |name| library.named(name).is_some())?;
        read(log, &library, clips.len());
        let assignment = &spec.assignment;
        let timetable = Timetable::of(&log.rows, &spec.shape, assignment.call.chunk_ns, spec.seed)?;
        let mut fit = Fit::default();
        for (number, call) in (0..).zip(&timetable.calls) {
            let rows = assign_clips(number, call, &log.rows, &mut library, assignment, &mut fit);
            self.writer.session(rows?)?;
        }
        let step = Provenance {
            step: "import".to_owned(),
            tool: tool.to_owned(),
            at: at.to_owned(),
            settings: settings(spec, log, &self.described),
        };
        let manifest = TraceManifest {
            contains: contains(&clips),
            origin_at: origin_at(log, &timetable),
            seed: Some(spec.seed),
            delete_after: self.delete_after,
            ..TraceManifest::begin(self.name, TraceSource::Imported, step)
        };
        let bundle = self.writer.finish(&manifest)?;
        Ok(Imported {
            timetable,
            fit,
            clips: clips.len(),
            extent: bundle.extent()?,
        })
    }
}

/// The wall clock of the start of the trace, where the log tells it.
fn origin_at(log: &Log, timetable: &Timetable) -> Option<String> {
    let origin = Timestamp::from_nanosecond(timetable.origin_ns.into()).ok();
    origin.filter(|_| log.since_1970).map(|at| at.to_string())
}

/// What callers' clips hold.
fn contains(clips: &[ClipRow]) -> Vec<String> {
    let heard = clips.iter().any(|clip| clip.file.is_some());
    let read = clips.iter().any(|clip| clip.transcript.is_some());
    let contains = [(heard, "audio"), (read, "text")].into_iter();
    let contains = contains.filter(|(there, _)| *there);
    contains.map(|(_, what)| what.to_owned()).collect()
}

/// The settings as resolved, for the trace's history: of paths only the last part, as a trace is
/// passed on to others.
fn settings(spec: &ImportSpec, log: &Log, audio: &Value) -> Value {
    let (read, shape, assignment) = (&spec.log, &spec.shape, &spec.assignment);
    let call = &assignment.call;
    let window = shape.window.as_ref();
    json!({
        "file": file_name(&spec.file),
        "blake3": log.blake3,
        "format": read.format.name(),
        "timestamps": log.timestamps,
        "map": (read.format == LogFormat::Map).then(|| read.map.to_string()),
        "path": read.path,
        "status": read.status,
        "disposition": read.disposition,
        "strict": read.strict,
        "audio": audio,
        "words_per_second": assignment.words_per_second,
        "window_ns": window.map(|window| [window.start, window.end]),
        "max_idle_ns": shape.max_idle_ns,
        "speed": shape.speed,
        "spread_ns": shape.spread_ns,
        "limit": shape.limit,
        "session_gap_ns": shape.session_gap_ns,
        "microphone": call.microphone.map(Microphone::name),
        "answer_time_ns": call.answer_time_ns,
        "hang_ns": call.hang_ns,
        "chunk_ns": call.chunk_ns,
        "language": call.language_code,
        "seed": spec.seed,
    })
}

fn file_name(path: &Path) -> Option<String> {
    let name = path.file_name();
    name.map(|name| name.to_string_lossy().into_owned())
}
