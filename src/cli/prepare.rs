//! `voicelt prepare`: from a library of audio to a trace.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow};

use super::exit::BadInput;
use super::outputs::Format;
use super::progress::ConversionBar;
use super::settings::Settings;
use super::stderr::say;
use super::{listing, stamp, stdout, summary_text};
use crate::audio::library::AudioError;
use crate::audio::list::list;
use crate::audio::prepare::{Observer, PrepareError, Prepared, prepare};
use crate::audio::spec::ConvertSpec;
use crate::pcm::PcmError;
use crate::table::TableError;
use crate::trace::TraceError;
use crate::trace::compile::CompileSpec;

/// Make a trace of audio files: clips at 16 kHz, and when which caller says which of them.
///
/// Durations are written as 250ms or 1m30s; a bare number is seconds.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Audio files, and folders of them
    #[arg(value_name = "AUDIO")]
    audio: Vec<PathBuf>,
    /// Trace bundle to make; an older one there is replaced, and what has not changed is reused
    #[arg(short, long, value_name = "OUT.vtrace")]
    output: Option<PathBuf>,
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
    #[command(flatten)]
    settings: Settings,
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
    let (convert, compile) = args.settings.specs(args.audio);
    if args.list {
        return show_list(&convert, args.format);
    }
    if convert.inputs.is_empty() && convert.synth.is_empty() {
        return Err(bad(anyhow!(
            "nothing to prepare: name audio files or folders, or make some up with --synth \
             speech-like:3s"
        )));
    }
    let output = args.output.ok_or_else(|| {
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
    name_of(output)?;
    let bar = ConversionBar::new(quiet);
    let observer = Observer {
        progress: &|progress| bar.show(progress),
        not_reused: &|error| {
            if !quiet {
                say(&format!(
                    "note: the old trace cannot be reused ({error}); all is converted anew\n"
                ));
            }
        },
    };
    let made_by = (stamp::TOOL, &*stamp::now().to_string());
    let prepared = prepare(convert, compile_spec, output, made_by, &observer);
    bar.finish();
    let Prepared {
        pool,
        clips,
        extent,
    } = prepared.map_err(|error| match error {
        PrepareError::Audio(error) => of_audio(error),
        PrepareError::Compile(error) => bad(error),
        PrepareError::Trace(error) => of_trace(error),
    })?;
    let mut said = summary_text::files(&pool) + &summary_text::trace(&extent, clips);
    said.extend(summary_text::fewer(compile_spec, extent.sessions));
    Ok(said)
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
        TraceError::Storage(ref of_store) if !of_store.is_bad_input() => error.into(),
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
}
