//! Whose fault it is that a trace cannot be read or edited.

use crate::cli::exit::BadInput;
use crate::cli::prepare::of_trace;
use crate::trace::TraceError;
use crate::trace::edit::EditError;

/// A trace that cannot be read.
pub(super) fn bad(error: TraceError) -> BadInput {
    BadInput(error.into())
}

/// An edit that failed: our failure where the system refused.
pub(super) fn of_edit(error: EditError) -> anyhow::Error {
    match error {
        EditError::Trace(error) => of_trace(error),
        EditError::Export(_) => error.into(),
        _ => BadInput(error.into()).into(),
    }
}
