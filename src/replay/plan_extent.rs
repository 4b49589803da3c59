//! How large a plan is, before it is replayed.

use std::sync::Arc;

use super::microphone::as_sent;
use super::plan::{Open, Plan, Shape, Source};
use crate::dialect::Nature;
use crate::trace::TraceError;
use crate::trace::extent::{Extent, ExtentMeter};
use crate::trace::model::TurnRow;
use crate::trace::stream::Bundle;
use crate::units::RunTime;

/// Why a plan cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SketchError {
    /// The trace cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// Callers cannot react, since the trace does not say how long they think.
    #[error(
        "session {session_id}, turn {turn}: the trace does not say how long the caller thinks (`think_ns` is null); replay it with --turn-timing recorded"
    )]
    NoThinkTime {
        /// The session.
        session_id: String,
        /// The turn.
        turn: u32,
    },
}

/// The plan of `bundle` in this shape, as a dialect of this nature has it sent, its first session at
/// `first`.
///
/// # Errors
/// A trace that cannot be read.
pub fn plan(
    bundle: &Arc<Bundle>,
    shape: &Shape,
    nature: Nature,
    first: RunTime,
) -> Result<Plan, TraceError> {
    let gap_ns = bundle.extent()?.mean_gap_ns();
    let bundle = bundle.clone();
    let open: Open = Box::new(move || {
        let sessions = bundle.sessions()?;
        let sessions = sessions.map(move |rows| rows.map(|rows| as_sent(rows, &nature)));
        Ok(Box::new(sessions) as Source)
    });
    Plan::new(open, shape.clone(), gap_ns, first)
}

/// The size of that plan, all instants since its first session's start. With `reactive` every turn
/// must have its think time.
///
/// # Errors
/// A trace that cannot be read, or a think time that is missing.
pub fn plan_extent(
    bundle: &Arc<Bundle>,
    shape: &Shape,
    nature: Nature,
    reactive: bool,
) -> Result<Extent, SketchError> {
    let whole = Shape {
        seed: shape.seed,
        ..Shape::default()
    };
    if *shape == whole && nature.keeps_rows() && !reactive {
        let extent = bundle.extent()?;
        return Ok(Extent {
            first_start_ns: 0,
            last_start_ns: extent.last_start_ns - extent.first_start_ns,
            drain_ns: extent.drain_ns - extent.first_start_ns,
            duration_ns: extent.duration_ns - extent.first_start_ns,
            ..extent
        });
    }
    let mut meter = ExtentMeter::default();
    for script in plan(bundle, shape, nature, RunTime(0))? {
        let script = script?;
        let session = &script.rows.session;
        let unknown = |turn: &&TurnRow| turn.turn > 0 && turn.think_ns.is_none();
        if let Some(turn) = script.rows.turns.iter().find(unknown).filter(|_| reactive) {
            return Err(SketchError::NoThinkTime {
                session_id: session.session_id.clone(),
                turn: turn.turn,
            });
        }
        let shift_ns = script.start.0 - session.start_ns;
        meter.session(script.start.0, session.turns, &script.rows.events, shift_ns);
    }
    Ok(meter.finish())
}
