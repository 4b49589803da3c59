//! Edits: a new bundle made of one or several others. Sessions are whole: nothing is cut inside one.
//!
//! Sessions are read one after the other and written as they come, so that memory does not grow
//! with a trace beyond a few numbers a session. Only clips that a session uses go into the new
//! bundle. No step that is kept in the provenance names a session, since one may be forgotten later.

pub mod anonymize;
mod carry;
pub mod cut;
pub mod diff;
pub mod export;
pub mod filter;
pub mod forget;
mod left;
pub mod merge;
mod names;
pub mod scale;
pub mod shuffle;
mod stand_in;
#[cfg(test)]
mod testing;

use std::path::PathBuf;

use super::TraceError;
use super::manifest::{Provenance, TraceManifest};

pub use left::Left;

/// What can keep a trace from being edited.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// A bundle cannot be read or written.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// Sessions that were named are not there.
    #[error(
        "{trace} holds no session {ids}; its sessions are named in sessions.parquet, column session_id"
    )]
    NoSession {
        /// The bundle.
        trace: String,
        /// The names that were not found.
        ids: String,
    },
    /// Nothing would be left.
    #[error("no session of {trace} fits; nothing was written")]
    Nothing {
        /// The bundle.
        trace: String,
    },
    /// What was exported cannot be written.
    #[error("could not write the events: {0}")]
    Export(std::io::Error),
    /// The library cannot stand in for a clip.
    #[error(
        "{library} holds no speech at {rate_hz} Hz to stand in for clips of that rate; leave --audio out for synthetic audio"
    )]
    NoStandIn {
        /// The library's bundle.
        library: String,
        /// The rate of the clip.
        rate_hz: u32,
    },
    /// The library is as private as what it is to replace.
    #[error(
        "{library} was recorded from live calls, so its audio makes nothing anonymous; name a prepared trace, or leave --audio out for synthetic audio"
    )]
    PrivateLibrary {
        /// The library's bundle.
        library: String,
    },
}

/// Where an edit puts its bundle, and what the bundle says of its making.
#[derive(Debug, Clone)]
pub struct Output {
    /// Where it will be.
    pub place: PathBuf,
    /// Name of the trace.
    pub name: String,
    /// `voicelt` and its version.
    pub tool: String,
    /// The present instant, RFC 3339, UTC.
    pub at: String,
}

impl Output {
    /// A step of the history.
    fn step(&self, step: &str, settings: serde_json::Value) -> Provenance {
        Provenance {
            step: step.to_owned(),
            tool: self.tool.clone(),
            at: self.at.clone(),
            settings,
        }
    }

    /// The manifest of what was made of the bundle `of` in `step`.
    fn manifest(&self, of: &TraceManifest, step: Provenance) -> TraceManifest {
        let mut manifest = of.clone();
        manifest.name.clone_from(&self.name);
        manifest.created_at.clone_from(&self.at);
        manifest.tool.clone_from(&self.tool);
        manifest.provenance.push(step);
        manifest
    }
}
