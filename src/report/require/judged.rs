//! What became of a requirement.

use serde::{Deserialize, Serialize};

pub use super::limit::Unit;

/// What became of a requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// It holds.
    Met,
    /// It does not hold.
    NotMet,
    /// The run does not tell; a check does not pass by that.
    NotJudged,
}

/// A requirement and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The requirement, as text.
    pub requirement: String,
    /// What became of it.
    pub judgement: Judgement,
    /// What was observed, in `unit`; null where it was not judged, and where requests without an
    /// answer make it longer than any number.
    pub observed: Option<f64>,
    /// What it was compared with, in `unit`.
    pub limit: f64,
    /// The unit of both.
    pub unit: Unit,
    /// For people: what was observed, or why it was not judged.
    pub said: String,
}
