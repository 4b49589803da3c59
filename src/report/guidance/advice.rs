//! A rule of thumb, and how a run stands to it.

use serde::{Deserialize, Serialize};

/// What a piece of advice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// `e2e` p95 below 3 s.
    E2e,
    /// Errors below 1 %.
    Errors,
    /// Responses take no longer while more callers are there.
    Flat,
    /// GPU utilisation below 90 %.
    Gpu,
    /// Clips in which nothing is said.
    SilentClips,
    /// Clips of which only the timing is known.
    SyntheticClips,
    /// A run of one user to compare with.
    Baseline,
    /// How much runs differ by themselves.
    Repeats,
    /// Rest after a run that wears the gateway out.
    CoolDown,
}

/// Whether a rule of thumb is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is.
    Good,
    /// It is not.
    Warning,
    /// The run does not tell.
    NotJudged,
}

/// A rule of thumb, and how a run stands to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// The rule.
    pub rule: Rule,
    /// Whether it is kept.
    pub standing: Standing,
    /// For people, with the figure.
    pub said: String,
}
