//! `voicelt replay`: a trace against a gateway, and what came of it.

mod args;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::anyhow;

use super::exit::{BadInput, Outcome};
use super::load::{Bench, LoadArgs, not_made, open_trace};
use super::stderr::say;
use super::stdout;
use crate::campaign::RunSpec;
use crate::campaign::curve::in_unit;
use crate::results::settings::Settings;
use crate::trace::extent::Extent;
use crate::trace::stream::Bundle;
use crate::units::{Human, counted};
pub use args::Args;

/// How fine --find-capacity tells scales apart.
const SCALE_STEP: f64 = 0.1;

/// Replays, writes the run directory and prints its summary.
///
/// # Errors
/// [`BadInput`], [`super::exit::Unreachable`], or our own failure.
pub fn run(args: &Args, quiet: bool) -> anyhow::Result<ExitCode> {
    args.check()?;
    let load = &args.load.checked()?;
    let bundle = open_trace(&args.trace, quiet)?;
    let spec = args.spec(load, &bundle, args.shape.scale);
    let extent = args.checked(spec.extent().map_err(not_made)?)?;
    if args.plan {
        return plan(&spec, extent);
    }
    let bench = Bench::open(load, quiet)?;
    let made = match load.campaign.find_capacity.is_empty() {
        true => bench
            .make(&spec, extent, &announced)
            .map_err(not_made)
            .and_then(|report| bench.present(&[report])),
        false => {
            let spec = |level| args.spec(load, &bundle, in_unit(level, SCALE_STEP));
            let first = (args.shape.scale / SCALE_STEP).round().max(1.0) as u32;
            let checked = |extent| args.checked(extent);
            bench.find_capacity(("times", SCALE_STEP), first, spec, checked, &announced)
        }
    };
    bench.close(made)
}

/// Prints what the replay will ask of this machine.
fn plan(spec: &RunSpec, extent: Extent) -> anyhow::Result<ExitCode> {
    let feasibility = spec.survey(extent, usize::MAX, 1).map_err(not_made)?;
    stdout::show(&feasibility.text())?;
    for warning in feasibility.judge(true).map_err(not_made)? {
        say(&format!("warning: {warning}\n"));
    }
    Ok(Outcome::Ok.into())
}

/// What will be replayed, in part of a line.
fn announced(extent: &Extent) -> String {
    format!(
        "{}, {}, {} over {}; up to {} at once",
        counted(extent.sessions, "session"),
        counted(extent.turns, "turn"),
        counted(extent.chunks, "chunk"),
        Human(extent.duration_ns),
        counted(extent.peak_sessions, "session"),
    )
}

impl Args {
    /// A size that has sessions, and a steady phase.
    fn checked(&self, extent: Extent) -> Result<Extent, BadInput> {
        self.load.protocol.check_calls(Some(extent.sessions))?;
        if extent.sessions == 0 {
            return Err(BadInput(anyhow!(
                "no session of the trace starts in --window, or --limit, --until or --scale leaves none"
            )));
        }
        if self.shape.warmup.ns >= extent.drain_ns && self.shape.warmup.ns > 0 {
            return Err(BadInput(anyhow!(
                "--warmup leaves no steady phase: the trace's ramp-down begins {} after its first session",
                Human(extent.drain_ns)
            )));
        }
        Ok(extent)
    }

    /// What is to be made at this scale.
    fn spec(&self, load: &LoadArgs, bundle: &Arc<Bundle>, scale: f64) -> RunSpec {
        let (name, settings) = (&bundle.manifest.name, Settings::default());
        let callers = self.callers(scale);
        let mut spec = load.spec(name, bundle, callers, self.turn_timing(), settings);
        spec.engine.keep_session_ids = self.callers.keep_session_ids;
        spec
    }
}
