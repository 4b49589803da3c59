//! Why a load was not made, with the exit code that belongs to it.

use crate::campaign::RunError;
use crate::cli::exit::{BadInput, Unreachable};
use crate::replay::ReplayError;
use crate::replay::plan_extent::SketchError;
use crate::results::ResultsError;
use crate::trace::TraceError;
use crate::transport::channel::ConnectError;

/// A trace that the system or a store does not give is our failure; one that makes no sense is bad input.
pub(crate) fn unreadable(error: TraceError) -> anyhow::Error {
    match error {
        error @ TraceError::Io { .. } => error.into(),
        TraceError::Storage(error) if !error.is_bad_input() => error.into(),
        error => BadInput(error.into()).into(),
    }
}

/// Why a run was not made.
pub(crate) fn not_made(error: RunError) -> anyhow::Error {
    let said = error.to_string();
    match error {
        RunError::Infeasible(_) => BadInput(error.into()).into(),
        RunError::Plan(SketchError::Trace(error)) => unreadable(error),
        RunError::Plan(error) => BadInput(error.into()).into(),
        RunError::Replay(error) => unreached(error),
        RunError::Stopped { source, .. } => unreached(source).context(said),
        RunError::Results(error @ (ResultsError::Taken { .. } | ResultsError::NoPlace { .. })) => {
            BadInput(error.into()).into()
        }
        // By themselves, so that it is seen what the system refused.
        RunError::Results(error) => error.into(),
        RunError::System(error) => error.into(),
        RunError::Document(error) => error.into(),
        RunError::Latest { .. } => error.into(),
    }
}

/// Why a replay was not made.
pub(super) fn unreached(error: ReplayError) -> anyhow::Error {
    match error {
        ReplayError::Unreachable(error @ ConnectError::Pem { .. }) => BadInput(error.into()).into(),
        ReplayError::Unreachable(error) => Unreachable(error.into()).into(),
        ReplayError::Trace(error) => BadInput(error.into()).into(),
        ReplayError::Target(error) => BadInput(error.into()).into(),
        error => error.into(),
    }
}
