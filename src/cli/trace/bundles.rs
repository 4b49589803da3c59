//! The traces that edits read and make: where a new one goes, and who may read that.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::recover::private_files;
use crate::cli::load::bundle_at;
use crate::cli::prepare::{bad, name_of, of_trace};
use crate::cli::stderr::say;
use crate::cli::{stamp, summary_text};
use crate::trace::edit::{EditError, Output};
use crate::trace::model::TraceSource;
use crate::trace::stream::Bundle;

/// The trace that an edit reads, and the one that it makes of that.
#[derive(Debug, clap::Args)]
pub(super) struct EditArgs {
    /// Trace bundle
    #[arg(index = 1)]
    trace: PathBuf,
    #[command(flatten)]
    output: OutputArg,
}

impl EditArgs {
    /// Makes the trace by `edit`, and says what was made unless `quiet`.
    ///
    /// # Errors
    /// Those of [`open`], [`OutputArg::of`] and of the edit.
    pub(super) fn make(
        &self,
        quiet: bool,
        edit: impl FnOnce(&Bundle, &Output) -> Result<Bundle, EditError>,
    ) -> anyhow::Result<()> {
        let from = open(&self.trace)?;
        let output = self.output.of([&from])?;
        say_made(&edit(&from, &output).map_err(of_edit)?, quiet)
    }
}

/// The trace to make.
#[derive(Debug, clap::Args)]
pub(super) struct OutputArg {
    /// Trace bundle to make; an older one there is replaced
    #[arg(short, long, value_name = "OUT.vtrace")]
    output: PathBuf,
}

impl OutputArg {
    /// The output of an edit of these bundles; from now on, files are private if one of them was
    /// recorded.
    ///
    /// # Errors
    /// A place without a name, or that of one of the bundles.
    pub(super) fn of<'a>(
        &self,
        from: impl IntoIterator<Item = &'a Bundle>,
    ) -> anyhow::Result<Output> {
        let name = name_of(&self.output)?;
        for bundle in from {
            let place = self.output.canonicalize();
            if place.is_ok_and(|place| bundle.dir.canonicalize().is_ok_and(|dir| dir == place)) {
                return Err(bad(anyhow!(
                    "-o {}: an edit makes a new trace; choose another place",
                    self.output.display()
                )));
            }
            keep_private(bundle);
        }
        Ok(output(&self.output, name))
    }
}

/// An output in `place`, made now.
pub(super) fn output(place: &Path, name: String) -> Output {
    Output {
        place: place.to_owned(),
        name,
        tool: stamp::TOOL.to_owned(),
        at: stamp::now().to_string(),
    }
}

/// Lets nobody else read what is written from now on, if the bundle holds recorded calls.
pub(super) fn keep_private(bundle: &Bundle) {
    if bundle.manifest.source == TraceSource::Recorded.name() {
        private_files();
    }
}

/// Says what was made.
///
/// # Errors
/// A bundle that cannot be measured.
pub(super) fn say_made(bundle: &Bundle, quiet: bool) -> anyhow::Result<()> {
    if !quiet {
        let extent = bundle.extent().map_err(bad)?;
        say(&summary_text::trace(&extent, bundle.clips.len()));
    }
    Ok(())
}

/// The bundle at `trace`, a folder or a URL, with its clips.
///
/// # Errors
/// One that cannot be read.
pub(super) fn open(trace: impl AsRef<Path>) -> anyhow::Result<Bundle> {
    let bundle = bundle_at(trace.as_ref()).map_err(of_trace)?;
    bundle.fetch_all().map_err(of_trace)?;
    Ok(bundle)
}

/// An edit that failed: our failure where the system refused.
pub(super) fn of_edit(error: EditError) -> anyhow::Error {
    match error {
        EditError::Trace(error) => of_trace(error),
        EditError::Export(_) => error.into(),
        _ => bad(error),
    }
}
