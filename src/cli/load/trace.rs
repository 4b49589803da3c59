//! The trace that a load is made of.

use std::path::Path;
use std::sync::Arc;

use super::failure::unreadable;
use crate::cli::stamp;
use crate::cli::stderr::say;
use crate::trace::retention::overdue;
use crate::trace::stream::Bundle;

/// Opens the trace, whose clips must be there; warns unless `quiet` of one that should not be any more.
///
/// # Errors
/// A trace that cannot be read, or lacks clips.
pub(crate) fn open_trace(path: &Path, quiet: bool) -> anyhow::Result<Arc<Bundle>> {
    let bundle = Bundle::open(path).map_err(unreadable)?;
    if let Some(warning) = overdue(&bundle, stamp::now()).filter(|_| !quiet) {
        say(&format!("warning: {warning}\n"));
    }
    bundle.find_clips().map_err(unreadable)?;
    Ok(Arc::new(bundle))
}
