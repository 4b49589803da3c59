//! The comparison of runs: what differs between a base and others, and whether chance explains it.
//!
//! Turns of one trace that was replayed twice are compared pair by pair; otherwise each run is taken
//! by itself. Requests of a session (closed loop: of a user) are alike, so chance is computed by
//! drawing whole sessions again and again (a bootstrap): `columns` finds the quantiles of such a draw,
//! `resample` draws, `significance` says what a difference amounts to. `events` does the same for
//! shares and rates, by formula. What chance *between* two runs of one system does cannot be known
//! from one run of each.

mod blocks;
mod columns;
mod contest;
mod events;
mod gather;
mod load;
pub mod model;
mod resample;
mod significance;
#[cfg(test)]
mod tests;
mod wording;

pub(super) use blocks::blocks;
pub use contest::{CompareError, Leniency, compare};
pub use gather::{Input, goodput};
pub use model::Comparison;
