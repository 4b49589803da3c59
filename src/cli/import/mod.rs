//! `voicelt import`: from another system's log to a trace.

mod args;
mod summary_text;

use std::process::ExitCode;

pub use args::Args;

use super::prepare::{bad, name_of, of_audio, of_trace};
use super::progress::ConversionBar;
use super::stderr::say;
use super::{stamp, summary_text as common};
use crate::audio::import::{Import, ImportError};

/// Makes the trace.
///
/// # Errors
/// [`super::exit::BadInput`] for flags that make no sense together, a log that cannot be read, a
/// library without audio, and a place that is taken; otherwise the system's.
pub fn run(args: &Args, quiet: bool) -> anyhow::Result<ExitCode> {
    let spec = args.spec()?;
    name_of(&args.output)?;
    let note = |text: &str| {
        if !quiet {
            say(text);
        }
    };
    let bar = ConversionBar::new(quiet);
    let import = Import::begin(&spec, &args.output, &|progress| bar.show(progress));
    bar.finish();
    let import = import.map_err(failed)?;
    if let Some(pool) = &import.pool {
        note(&common::files(pool));
    }
    let made_by = (stamp::TOOL, &*stamp::now().to_string());
    let imported = import.finish(made_by, |log, library, clips| {
        note(&summary_text::log(log, spec.log.format));
        note(&summary_text::library(library, clips));
    });
    let imported = imported.map_err(failed)?;
    note(&summary_text::calls(&imported.timetable, &spec.shape));
    note(&summary_text::fit(&imported.fit, &spec.assignment));
    note(&common::trace(&imported.extent, imported.clips));
    let shown = args.output.display();
    note(&format!(
        "next      voicelt replay {shown} --target embedded\n"
    ));
    Ok(ExitCode::SUCCESS)
}

fn failed(error: ImportError) -> anyhow::Error {
    match error {
        ImportError::Log(error) => bad(error),
        ImportError::Library(error) => bad(error),
        ImportError::Audio(error) => of_audio(error),
        ImportError::Trace(error) => of_trace(error),
    }
}
