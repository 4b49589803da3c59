//! The trace that a load is made of.

use std::path::Path;
use std::sync::Arc;

use super::failure::unreadable;
use crate::cli::stderr::say;
use crate::cli::trace::recover::private_files;
use crate::cli::{cache, stamp};
use crate::storage::Location;
use crate::trace::TraceError;
use crate::trace::model::TraceSource;
use crate::trace::retention::overdue;
use crate::trace::stored::Stored;
use crate::trace::stream::Bundle;

/// Opens the trace, whose clips must be there; warns unless `quiet` of one that should not be any more.
///
/// # Errors
/// A trace that cannot be read, or lacks clips.
pub(crate) fn open_trace(path: &Path, quiet: bool) -> anyhow::Result<Arc<Bundle>> {
    let bundle = bundle_at(path).map_err(unreadable)?;
    if let Some(warning) = overdue(&bundle, stamp::now()).filter(|_| !quiet) {
        say(&format!("warning: {warning}\n"));
    }
    if !bundle.is_remote() {
        bundle.find_clips().map_err(unreadable)?;
    }
    Ok(Arc::new(bundle))
}

/// The bundle at `path`, a folder or a URL. One at a URL is read from a copy on this machine, and its
/// clips come there when they are needed.
///
/// # Errors
/// A trace that cannot be read.
pub(crate) fn bundle_at(path: &Path) -> Result<Bundle, TraceError> {
    let location = match Location::of_path(path)? {
        Location::Folder(folder) => return Bundle::open(&folder),
        location => location,
    };
    let stored = Stored::find(&location)?;
    if stored.manifest().source == TraceSource::Recorded.name() {
        private_files();
    }
    let folder = cache::folder("traces").join(stored.key());
    stored.open(&folder)
}
