//! What can keep a run from being made.

use std::io;
use std::path::PathBuf;

use crate::replay::ReplayError;
use crate::replay::plan_extent::SketchError;
use crate::report::machine::document::DocumentError;
use crate::results::ResultsError;
use crate::trace::TraceError;

/// Why there is no run, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// This machine cannot make the load.
    #[error("this machine will not keep the schedule: {0}; or try with --force")]
    Infeasible(String),
    /// There is no plan of it.
    #[error(transparent)]
    Plan(#[from] SketchError),
    /// The system refused.
    #[error(transparent)]
    System(#[from] io::Error),
    /// The run was not begun.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The run ended before its end.
    #[error("the run stopped; what was written is in {}", dir.display())]
    Stopped {
        /// The run directory.
        dir: PathBuf,
        /// Why it did.
        source: ReplayError,
    },
    /// The run directory cannot be written.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The run cannot be reported.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The link to the newest run cannot be made.
    #[error("could not link {}", link.display())]
    Latest {
        /// The link.
        link: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// Why what users did was not written as a trace.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// The run cannot be read.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The trace cannot be written.
    #[error(transparent)]
    Trace(#[from] TraceError),
}
