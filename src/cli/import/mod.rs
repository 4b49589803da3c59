//! `voicelt import`: from another system's log to a trace.

mod args;
mod summary_text;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use jiff::Timestamp;
use serde_json::{Value, json};

pub use args::Args;
use args::Specs;

use super::prepare::{bad, convert_all, name_of, of_trace};
use super::stderr::say;
use super::{stamp, summary_text as common};
use crate::audio::spec::ConvertSpec;
use crate::table::Row;
use crate::trace::import::clip_assignment::{Fit, assign_clips};
use crate::trace::import::library::Library;
use crate::trace::import::shape::Timetable;
use crate::trace::import::{Log, MapSpec};
use crate::trace::manifest::TraceManifest;
use crate::trace::model::{ClipRow, Microphone, SourceRow, TraceSource};
use crate::trace::stream::Bundle;
use crate::trace::tables::read_table;
use crate::trace::writer::{BundleWriter, ClipAudio};

/// Makes the trace.
///
/// # Errors
/// [`super::exit::BadInput`] for flags that make no sense together, a log that cannot be read, a
/// library without audio, and a place that is taken; otherwise the system's.
pub fn run(args: &Args, quiet: bool) -> anyhow::Result<ExitCode> {
    let specs = args.specs()?;
    let name = name_of(&args.output)?;
    let note = |text: &str| {
        if !quiet {
            say(text);
        }
    };
    let mut log = Log::read(&args.file, &specs.log).map_err(bad)?;
    let mut writer = BundleWriter::create(&args.output).map_err(of_trace)?;
    let source = take_clips(&args.audio, &mut writer, quiet)?;
    let clips = writer.clips().to_vec();
    let mut library = Library::new(&clips, args.calls.seed).map_err(bad)?;
    let known = |name: &str| library.named(name).is_some();
    log.keep_known_clips(&args.file, known).map_err(bad)?;
    note(&summary_text::log(&log, specs.log.format));
    note(&summary_text::library(&library, clips.len()));

    let chunk_ns = specs.assignment.call.chunk_ns;
    let timetable =
        Timetable::of(&log.rows, &specs.shape, chunk_ns, args.calls.seed).map_err(bad)?;
    let mut fit = Fit::default();
    for (number, call) in (0..).zip(&timetable.calls) {
        let spec = &specs.assignment;
        let rows = assign_clips(number, call, &log.rows, &mut library, spec, &mut fit);
        writer.session(rows.map_err(bad)?).map_err(of_trace)?;
    }
    let step = stamp::step("import", settings(args, &specs, &log, &source));
    let manifest = TraceManifest {
        contains: contains(&clips),
        origin_at: origin_at(&log, &timetable),
        seed: Some(args.calls.seed),
        delete_after: source.delete_after,
        ..TraceManifest::begin(name, TraceSource::Imported, step)
    };
    let bundle = writer.finish(&manifest).map_err(of_trace)?;
    note(&summary_text::calls(&timetable, &specs.shape));
    note(&summary_text::fit(&fit, &specs.assignment));
    let extent = bundle.extent().map_err(of_trace)?;
    note(&common::trace(&extent, clips.len()));
    let shown = args.output.display();
    note(&format!(
        "next      voicelt replay {shown} --target embedded\n"
    ));
    Ok(ExitCode::SUCCESS)
}

/// Where the audio comes from, as the trace's history says it.
struct Source {
    described: Value,
    /// The library's own limit of how long it may be kept.
    delete_after: Option<String>,
}

/// Takes the clips of the library `audio` into the bundle: those of a bundle, or converted files.
fn take_clips(audio: &Path, writer: &mut BundleWriter, quiet: bool) -> anyhow::Result<Source> {
    let name = file_name(audio);
    if audio.join("trace.json").is_file() {
        let library = Bundle::open(audio).map_err(bad)?;
        for clip in &library.clips {
            let path = clip.file.as_ref().map(|file| library.dir.join(file));
            let audio = path.as_deref().map_or(ClipAudio::Unknown, ClipAudio::File);
            writer.clip(clip.clone(), audio).map_err(of_trace)?;
        }
        return Ok(Source {
            described: json!({ "trace": name, "content_blake3": library.manifest.content_blake3 }),
            delete_after: library.manifest.delete_after,
        });
    }
    let convert = ConvertSpec {
        inputs: vec![audio.to_owned()],
        ..ConvertSpec::default()
    };
    let pool = convert_all(&convert, writer.dir(), quiet)?;
    if !quiet {
        say(&common::files(&pool));
    }
    let clips: Vec<ClipRow> = read_table(writer.dir()).map_err(of_trace)?;
    for clip in clips {
        writer.clip(clip, ClipAudio::InPlace).map_err(of_trace)?;
    }
    // Nothing is taken over from a trace that follows a log.
    let sources = writer.dir().join(format!("{}.parquet", SourceRow::TABLE));
    std::fs::remove_file(&sources).with_context(|| sources.display().to_string())?;
    Ok(Source {
        described: json!({ "files": name }),
        delete_after: None,
    })
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
    let contains = contains.filter_map(|(there, what)| there.then(|| what.to_owned()));
    contains.collect()
}

/// The settings as resolved, for the trace's history: of paths only the last part, as a trace is
/// passed on to others.
fn settings(args: &Args, specs: &Specs, log: &Log, source: &Source) -> Value {
    let Specs {
        log: read,
        shape,
        assignment,
    } = specs;
    let call = &assignment.call;
    let window = shape.window.as_ref();
    json!({
            "file": file_name(&args.file),
            "blake3": log.blake3,
            "format": read.format.name(),
            "timestamps": log.timestamps,
            "map": args.log.map.as_ref().map(MapSpec::to_string),
            "path": read.path,
            "status": read.status,
            "disposition": args.log.disposition,
            "strict": read.strict,
            "audio": source.described,
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
            "seed": args.calls.seed,
    })
}

fn file_name(path: &Path) -> Option<String> {
    let name = path.file_name();
    name.map(|name| name.to_string_lossy().into_owned())
}
