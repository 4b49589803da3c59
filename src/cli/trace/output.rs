//! Where an edit puts the trace that it makes, and who may read that.

use std::path::{Path, PathBuf};

use super::recover::private_files;
use anyhow::anyhow;

use super::errors::bad;
use crate::cli::exit::BadInput;
use crate::cli::stderr::say;
use crate::cli::{stamp, summary_text};
use crate::trace::edit::Output;
use crate::trace::model::TraceSource;
use crate::trace::stream::Bundle;

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
        let refused = |what: &str| {
            let place = self.output.display();
            BadInput(anyhow!("-o {place}: {what}"))
        };
        let name = self.output.file_stem();
        let name = name.ok_or_else(|| refused("give the trace a name, such as calls.vtrace"))?;
        for bundle in from {
            let place = self.output.canonicalize();
            if place.is_ok_and(|place| bundle.dir.canonicalize().is_ok_and(|dir| dir == place)) {
                return Err(refused("an edit makes a new trace; choose another place").into());
            }
            keep_private(bundle);
        }
        Ok(output(&self.output, name.to_string_lossy().into_owned()))
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
