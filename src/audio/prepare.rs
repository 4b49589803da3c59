//! From a library of audio to a trace: its clips, and when which caller says which of them.

use std::path::Path;

use serde_json::{Value, json};

use super::library::{AudioError, Earlier, Pool, Progress, convert};
use super::spec::ConvertSpec;
use crate::trace::TraceError;
use crate::trace::arrivals::Arrivals;
use crate::trace::compile::{CompileError, CompileSpec, calls};
use crate::trace::extent::Extent;
use crate::trace::manifest::{Provenance, TraceManifest};
use crate::trace::model::{ClipRow, Microphone, TraceSource};
use crate::trace::staging::Staging;
use crate::trace::tables::open_table;
use crate::trace::writer::BundleWriter;

/// Why no trace was made.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The audio could not be converted.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// No calls can be made of it.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The trace cannot be written.
    #[error(transparent)]
    Trace(#[from] TraceError),
}

/// What is said while a trace is made.
pub struct Observer<'a> {
    /// How far the conversion is.
    pub progress: &'a (dyn Fn(Progress) + Sync),
    /// That what was there before cannot be reused, and why.
    pub not_reused: &'a dyn Fn(&TraceError),
}

/// A trace that was made.
#[derive(Debug)]
pub struct Prepared {
    /// What became of the files.
    pub pool: Pool,
    /// How many clips it has.
    pub clips: usize,
    /// How large it is.
    pub extent: Extent,
}

/// Makes the trace `output`, in place of an older one there, of which what has not changed is reused.
/// `tool` makes it at the instant `at`, RFC 3339.
///
/// # Errors
/// Files that give nothing, calls that are not possible, and a place that is taken or refused.
pub fn prepare(
    audio: &ConvertSpec,
    calls_of: &CompileSpec,
    output: &Path,
    (tool, at): (&str, &str),
    observer: &Observer<'_>,
) -> Result<Prepared, PrepareError> {
    let staging = Staging::begin(output)?;
    let earlier = match output.exists() {
        true => Earlier::open(output)
            .map_err(|error| (observer.not_reused)(&error))
            .ok(),
        false => None,
    };
    let pool = convert(audio, staging.dir(), earlier.as_ref(), observer.progress)?;
    // What is not needed any more makes room for the clips.
    drop(earlier);
    let name = output.file_stem().unwrap_or_default().to_string_lossy();
    let step = Provenance {
        step: "prepare".to_owned(),
        tool: tool.to_owned(),
        at: at.to_owned(),
        settings: settings(audio, calls_of),
    };
    let mut manifest = TraceManifest {
        contains: vec!["audio".to_owned()],
        seed: Some(calls_of.seed),
        ..TraceManifest::begin(name.into_owned(), TraceSource::Prepared, step)
    };
    let matched = pool.transcripts.as_ref();
    if matched.is_some_and(|matched| matched.transcribed > 0) {
        manifest.contains.push("text".to_owned());
    }
    let clips = lengths(staging.dir())?;
    let mut writer = BundleWriter::with_clips(staging)?;
    for call in calls(&clips, calls_of)? {
        writer.session(call)?;
    }
    drop(clips);
    let bundle = writer.finish(&manifest)?;
    Ok(Prepared {
        pool,
        clips: bundle.clips.len(),
        extent: bundle.extent()?,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

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
