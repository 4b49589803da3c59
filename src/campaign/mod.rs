//! Makes runs: one, and what is made of several.
//!
//! `spec` says what a run is to be, `feasibility` whether this machine can make it, `run` makes it, at
//! its `place`, while whoever wants to observes it. How far repeated runs lie apart (`repeat`), and the
//! highest load that a requirement still holds at (`search`, `capacity`, `curve`), is pure: whoever
//! calls makes the runs.

pub mod capacity;
pub mod curve;
mod error;
pub mod feasibility;
mod place;
pub mod repeat;
pub mod run;
pub mod search;
pub mod spec;

pub use error::RunError;
pub use run::{Observer, Report};
pub use spec::{Callers, RunSpec};
