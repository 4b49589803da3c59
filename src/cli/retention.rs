//! The day from which a recorded trace must not be kept any more.

use jiff::Timestamp;

use crate::trace::manifest::TraceManifest;

/// A warning to show, where that day has come.
pub(crate) fn warning(manifest: &TraceManifest, now: Timestamp) -> Option<String> {
    let day = manifest.delete_after.as_deref()?;
    let passed = day.parse::<Timestamp>().ok()? <= now;
    passed.then(|| {
        format!(
            "warning: trace {} was to be deleted by {day}; delete it, and what was cut from it\n",
            manifest.name
        )
    })
}
