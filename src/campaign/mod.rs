//! Makes runs: one, and what is made of several.
//!
//! `spec` says what a run is to be, `feasibility` whether this machine can make it, `run` makes it, at
//! its `place`, while whoever wants to observes it; `emit` makes a trace of what its users did. How far
//! repeated runs lie apart (`repeat`), and the highest load that a requirement still holds at (`search`,
//! `capacity`, `curve`), is pure: whoever calls makes the runs. `servers` fetches
//! what the servers measured meanwhile.

pub mod capacity;
pub mod curve;
pub mod emit;
mod error;
pub mod feasibility;
mod place;
pub mod repeat;
pub mod run;
pub mod search;
pub mod servers;
pub mod spec;

pub use error::{EmitError, RunError};
pub use run::{Observer, RunReport};
pub use spec::{Callers, RunSpec};
