//! `voicelt prepare`: from a library of audio to a trace.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use serde_json::{Value, json};

use super::exit::BadInput;
use super::outputs::Format;
use super::progress::ConversionBar;
use super::settings::Settings;
use super::stderr::say;
use super::{listing, stamp, stdout, summary_text};
use crate::audio::library::{self, AudioError, Earlier, Pool};
use crate::audio::list::list;
use crate::audio::spec::ConvertSpec;
use crate::pcm::PcmError;
use crate::table::TableError;
use crate::trace::TraceError;
use crate::trace::arrivals::Arrivals;
use crate::trace::compile::{self, CompileSpec};
use crate::trace::manifest::{Provenance, TRACE_FORMAT, TraceManifest};
use crate::trace::model::{ClipRow, Microphone, TraceSource};
use crate::trace::staging::Staging;
use crate::trace::tables::open_table;
use crate::trace::writer::BundleWriter;

/// Make a trace of audio files: clips at 16 kHz, and when which caller says which of them.
///
/// Durations are written as 250ms or 1m30s; a bare number is seconds.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    settings: Settings,
    /// Take settings from this TOML file, whose keys are the long names here, and `audio`; flags
    /// overrule it
    #[arg(long, value_name = "FILE")]
    _recipe: Option<PathBuf>,
    /// Show what the files hold, and make nothing
    #[arg(long)]
    list: bool,
    /// How --list shows it
    #[arg(long, value_enum, default_value_t = Format::Text, requires = "list")]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  voicelt prepare ~/calls -o calls.vtrace --arrivals poisson:2/s --duration 2m
  voicelt prepare ~/calls -o calls.vtrace --turns 1..4 --think-time 500ms..3s
  voicelt prepare --synth speech-like:3s -o synth.vtrace --sessions 100
  voicelt prepare ~/calls --list";

/// Lists the files, or makes the trace.
///
/// # Errors
/// [`BadInput`] for flags that make no sense together, files that give nothing, and a place that is
/// taken; otherwise the system's.
pub fn run(args: Args, quiet: bool) -> anyhow::Result<ExitCode> {
    let output = args.settings.output.clone();
    let (convert, compile) = args.settings.specs();
    if args.list {
        return show_list(&convert, args.format);
    }
    if convert.inputs.is_empty() && convert.synth.is_empty() {
        return Err(bad(anyhow!(
            "nothing to prepare: name audio files or folders, or make some up with --synth \
             speech-like:3s"
        )));
    }
    let output = output.ok_or_else(|| {
        bad(anyhow!(
            "say where to put the trace with -o OUT.vtrace, or use --list to look first"
        ))
    })?;
    compile.check().map_err(bad)?;
    let said = make(&convert, &compile, &output, quiet)?;
    if !quiet {
        say(&said);
        let shown = output.display();
        say(&format!(
            "next      voicelt replay {shown} --target embedded\n"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn show_list(spec: &ConvertSpec, format: Format) -> anyhow::Result<ExitCode> {
    if spec.inputs.is_empty() {
        return Err(bad(anyhow!("nothing to list: name audio files or folders")));
    }
    let rows = list(spec).map_err(of_audio)?;
    let written = match format {
        Format::Text => stdout::show(&listing::table(&rows)),
        Format::Json => stdout::print(&listing::json(&rows)),
    };
    written.context("could not write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

/// Converts audio and makes a trace of it at `output`; returns what became of the files and how large
/// the trace is, for people.
///
/// # Errors
/// [`BadInput`] for files that give nothing, and a place that is taken; otherwise the system's.
pub(crate) fn make(
    convert: &ConvertSpec,
    compile_spec: &CompileSpec,
    output: &Path,
    quiet: bool,
) -> anyhow::Result<String> {
    let name = name_of(output)?;
    let staging = Staging::begin(output).map_err(of_trace)?;
    let earlier = earlier(output).unwrap_or_else(|error| {
        if !quiet {
            say(&format!(
                "note: the old trace cannot be reused ({error}); all is converted anew\n"
            ));
        }
        None
    });
    let pool = convert_all(convert, staging.dir(), earlier.as_ref(), quiet)?;
    // What is not needed any more makes room for the clips.
    drop(earlier);
    let mut said = summary_text::files(&pool);
    let mut manifest = manifest(name, convert, compile_spec);
    if pool
        .transcripts
        .is_some_and(|matched| matched.transcribed > 0)
    {
        manifest.contains.push("text".to_owned());
    }
    let clips = lengths(staging.dir()).map_err(of_trace)?;
    let mut writer = BundleWriter::with_clips(staging).map_err(of_trace)?;
    for call in compile::calls(&clips, compile_spec).map_err(bad)? {
        writer.session(call).map_err(of_trace)?;
    }
    drop(clips);
    let bundle = writer.finish(&manifest).map_err(of_trace)?;
    let extent = bundle.extent().map_err(of_trace)?;
    said += &summary_text::trace(&extent, bundle.clips.len());
    said.extend(summary_text::fewer(compile_spec, extent.sessions));
    Ok(said)
}

/// The clips of the bundle `folder` without their texts, which make most of them and no difference to when they are
/// spoken.
fn lengths(folder: &Path) -> Result<Vec<ClipRow>, TraceError> {
    let mut clips = Vec::new();
    let mut table = open_table::<ClipRow>(folder)?;
    while let Some(rows) = table.next_rows()? {
        clips.extend(rows.into_iter().map(|row| ClipRow {
            clip_id: String::new(),
            file: None,
            source_path: None,
            transcript: None,
            ..row
        }));
    }
    Ok(clips)
}

/// The name of a trace that is to be at `output`.
pub(crate) fn name_of(output: &Path) -> anyhow::Result<String> {
    let stem = output.file_stem();
    let name = stem.map(|stem| stem.to_string_lossy().into_owned());
    name.ok_or_else(|| {
        bad(anyhow!(
            "-o {}: give the trace a name, such as calls.vtrace",
            output.display()
        ))
    })
}

/// Converts audio into the bundle `folder`, which is being made, and shows how far it is.
pub(crate) fn convert_all(
    spec: &ConvertSpec,
    folder: &Path,
    earlier: Option<&Earlier>,
    quiet: bool,
) -> anyhow::Result<Pool> {
    let bar = ConversionBar::new(quiet);
    let pool = library::convert(spec, folder, earlier, &|progress| {
        bar.show(progress);
    });
    bar.finish();
    pool.map_err(of_audio)
}

/// What can be reused of the bundle that is to be replaced, or `None` if there is none.
fn earlier(output: &Path) -> Result<Option<Earlier>, TraceError> {
    match output.exists() {
        true => Earlier::open(output).map(Some),
        false => Ok(None),
    }
}

/// The manifest; what follows from the tables is filled in when the trace is saved.
fn manifest(name: String, convert: &ConvertSpec, compile: &CompileSpec) -> TraceManifest {
    let now = stamp::now().to_string();
    let step = Provenance {
        step: "prepare".to_owned(),
        tool: stamp::TOOL.to_owned(),
        at: now.clone(),
        settings: settings(convert, compile),
    };
    TraceManifest {
        format: TRACE_FORMAT.to_owned(),
        name,
        created_at: now.clone(),
        tool: stamp::TOOL.to_owned(),
        source: TraceSource::Prepared.name().to_owned(),
        contains: vec!["audio".to_owned()],
        origin_at: None,
        seed: Some(compile.seed),
        sessions: 0,
        events: 0,
        duration_ns: 0,
        content_blake3: String::new(),
        tables: BTreeMap::new(),
        extent: None,
        delete_after: None,
        provenance: vec![step],
    }
}

/// The settings as resolved, for the trace's history: of paths only the last part, as a trace is
/// passed on to others.
fn settings(convert: &ConvertSpec, compile: &CompileSpec) -> Value {
    let last = |path: &Path| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    let inputs: Vec<_> = convert.inputs.iter().map(|input| last(input)).collect();
    let arrivals = compile.arrivals.as_ref().map(|arrivals| match arrivals {
        Arrivals::File(path) => format!("file:{}", last(path).unwrap_or_default()),
        other => other.to_string(),
    });
    let synth = convert.synth.iter();
    let synth = synth.map(|s| json!({ "signal": s.signal.name(), "duration_ns": s.duration_ns }));
    json!({
        "audio": inputs,
        "synth": synth.collect::<Vec<_>>(),
        "decoder": convert.decoder.name(),
        "channel": convert.channel.name(),
        "min_clip_ns": convert.min_clip_ns,
        "max_clip_ns": convert.max_clip_ns,
        "normalize": convert.normalize.to_string(),
        "dither": convert.dither,
        "raw": convert.raw.map(|raw| raw.to_string()),
        "speech_labels": convert.speech_labels.as_deref().and_then(last),
        "transcripts": convert.transcripts.as_deref().and_then(last),
        "arrivals": arrivals,
        "sessions": compile.limits.sessions,
        "duration_ns": compile.limits.duration_ns,
        "turns": [compile.turns.start(), compile.turns.end()],
        "think_ns": [compile.think_ns.start(), compile.think_ns.end()],
        "microphone": compile.call.microphone.map(Microphone::name),
        "answer_time_ns": compile.call.answer_time_ns,
        "hang_ns": compile.call.hang_ns,
        "chunk_ns": compile.call.chunk_ns,
        "pick": compile.pick.name(),
        "language": compile.call.language_code,
        "seed": compile.seed,
    })
}

/// An error of what was asked for.
pub(crate) fn bad(error: impl Into<anyhow::Error>) -> anyhow::Error {
    BadInput(error.into()).into()
}

/// An error of the audio, ours or one of what was asked for.
pub(crate) fn of_audio(error: AudioError) -> anyhow::Error {
    match error {
        AudioError::Io { .. } | AudioError::Pcm(PcmError::Io { .. }) => error.into(),
        AudioError::Trace(error) => of_trace(error),
        _ => bad(error),
    }
}

/// A bundle that cannot be read or written: our failure where the system refused.
pub(crate) fn of_trace(error: TraceError) -> anyhow::Error {
    match error {
        TraceError::Io { .. } | TraceError::Table(TableError::Io { .. }) => error.into(),
        _ => bad(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_our_failure_and_a_taken_place_is_not() {
        let full = || std::io::Error::from_raw_os_error(28);
        let ours = of_trace(TraceError::io(Path::new("a"), full()));
        let theirs = of_trace(TraceError::Taken {
            path: "a".to_owned(),
        });
        assert!(!ours.is::<BadInput>() && theirs.is::<BadInput>());
        let ours = of_audio(AudioError::Io {
            path: "a".to_owned(),
            source: full(),
        });
        assert!(!ours.is::<BadInput>());
    }

    #[test]
    fn the_history_of_a_trace_names_no_folders() {
        let convert = ConvertSpec {
            inputs: vec!["/home/ann/calls".into()],
            speech_labels: Some("/home/ann/labels.csv".into()),
            transcripts: Some("/home/ann/said.tsv".into()),
            ..ConvertSpec::default()
        };
        let compile = CompileSpec {
            arrivals: Some(Arrivals::File("/home/ann/starts.csv".into())),
            ..CompileSpec::default()
        };
        let kept = settings(&convert, &compile);
        assert_eq!(kept["audio"], json!(["calls"]));
        assert_eq!(kept["arrivals"], "file:starts.csv");
        assert!(!kept.to_string().contains("/home"));
    }
}
