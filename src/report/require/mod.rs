//! What must hold of a run: `response.p95 < 800ms`, `errors < 1%`, as text and as a value.
//!
//! `METRIC[.STATISTIC] OP VALUE`: it states what must hold, never what fails. Which metrics there are is
//! said by the catalog (`results/metrics`), whether a requirement holds by `judge`.

mod comparison;
pub mod conditions;
mod judge;
pub mod judged;
mod limit;
mod parse;
mod part;
mod requirement;

pub use comparison::Comparison;
pub use judge::judge;
pub use judged::{Judged, Judgement, Unit};
pub use part::RequirementError;
pub use requirement::{LagStatistic, Metric, Requirement, Statistic, merged};
