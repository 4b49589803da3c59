//! `voicelt replay`: a trace against a gateway, and what came of it.

mod args;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::anyhow;

use super::exit::{BadInput, Outcome};
use super::load::{
    Finished, Target, Watch, find_capacity, make, not_made, number_of, present, routed, unreadable,
};
use super::retention::overdue;
use super::stderr::say;
use super::{stamp, stdout};
use crate::campaign::curve::in_unit;
use crate::campaign::feasibility::Feasibility;
use crate::campaign::search::Sought;
use crate::campaign::{Callers, RunError, RunSpec};
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
    let args = &Args {
        load: args.load.placed()?,
        ..args.clone()
    };
    args.load.outputs.check()?;
    let bundle = Arc::new(Bundle::open(&args.trace).map_err(unreadable)?);
    if let Some(warning) = overdue(&bundle, stamp::now()).filter(|_| !quiet) {
        say(&format!("warning: {warning}\n"));
    }
    let extent = args.extent(&bundle)?;
    bundle.find_clips().map_err(unreadable)?;
    if args.plan {
        let spec = args.spec(&bundle);
        let feasibility = spec.survey(extent, usize::MAX).map_err(not_made)?;
        stdout::show(&feasibility.text())?;
        for warning in feasibility.judge(true).map_err(not_made)? {
            say(&format!("warning: {warning}\n"));
        }
        return Ok(Outcome::Ok.into());
    }
    let watch = Watch::begin(&args.load, quiet)?;
    let target = Target::open(&args.load.to)?;
    let outcome = match args.load.find_capacity.is_empty() {
        true => replay(args, &bundle, extent, &target, &watch)
            .map_err(not_made)
            .and_then(|finished| present(vec![finished], &args.load)),
        false => capacity(args, quiet, &bundle, &target, &watch),
    };
    target.close()?;
    let outcome = outcome?;
    watch.end(outcome)?;
    Ok(outcome.into())
}

/// Replays at one scale after the other, up to the highest that the gateway can take.
fn capacity(
    args: &Args,
    quiet: bool,
    bundle: &Arc<Bundle>,
    target: &Target,
    watch: &Watch,
) -> anyhow::Result<Outcome> {
    let sought = Sought {
        unit: "times",
        step: SCALE_STEP,
        first: (args.scale / SCALE_STEP).round().max(1.0) as u32,
        required: &args.load.find_capacity,
        held: !args.spec(bundle).settings.may_be_invalid(),
    };
    let scaled = |load| Args {
        scale: in_unit(load, SCALE_STEP),
        ..args.clone()
    };
    // A short trace comes to the same sessions at several scales, or to none.
    let size = |load| {
        let extent = scaled(load).measured(bundle)?;
        Ok((extent.sessions > 0).then_some(extent))
    };
    find_capacity(&args.load, &sought, quiet, size, |load, extent| {
        let mut scaled = scaled(load);
        let dir = args.load.place.run_dir.as_deref();
        scaled.load.place.run_dir = dir.map(|dir| number_of(dir, load));
        let extent = scaled.checked(extent)?;
        match replay(&scaled, bundle, extent, target, watch) {
            Err(why @ RunError::Infeasible(_)) => {
                say(&format!("--scale {}: {why}\n", scaled.scale));
                Ok(None)
            }
            made => made.map(Some).map_err(not_made),
        }
    })
}

/// Replays once.
fn replay(
    args: &Args,
    bundle: &Arc<Bundle>,
    extent: Extent,
    target: &Target,
    watch: &Watch,
) -> Result<Finished, RunError> {
    let announced = |feasibility: &Feasibility| announced(args, feasibility, target);
    make(&args.spec(bundle), extent, target, watch, &announced)
}

/// What will be replayed, in a line.
fn announced(args: &Args, feasibility: &Feasibility, target: &Target) -> String {
    let extent = &feasibility.extent;
    format!(
        "{}, {}, {} over {}; up to {} at once on {}\n",
        counted(extent.sessions, "session"),
        counted(extent.turns, "turn"),
        counted(extent.chunks, "chunk"),
        Human(extent.duration_ns),
        counted(extent.peak_sessions, "session"),
        routed(&args.load, feasibility, target),
    )
}

impl Args {
    /// The size of what is to be replayed, which may be nothing.
    fn measured(&self, bundle: &Arc<Bundle>) -> anyhow::Result<Extent> {
        self.spec(bundle).extent().map_err(not_made)
    }

    /// The size of what is to be replayed.
    fn extent(&self, bundle: &Arc<Bundle>) -> anyhow::Result<Extent> {
        Ok(self.checked(self.measured(bundle)?)?)
    }

    /// A size that has sessions, and a steady phase.
    fn checked(&self, extent: Extent) -> Result<Extent, BadInput> {
        if extent.sessions == 0 {
            return Err(BadInput(anyhow!(
                "no session of the trace starts in --window, or --limit, --until or --scale leaves none"
            )));
        }
        if self.warmup.ns >= extent.drain_ns && self.warmup.ns > 0 {
            return Err(BadInput(anyhow!(
                "--warmup leaves no steady phase: the trace's ramp-down begins {} after its first session",
                Human(extent.drain_ns)
            )));
        }
        Ok(extent)
    }

    /// What is to be made.
    fn spec(&self, bundle: &Arc<Bundle>) -> RunSpec {
        let callers = Callers::Trace {
            shape: self.shape(),
            warmup_ns: self.warmup.ns,
        };
        let (name, settings) = (&bundle.manifest.name, Settings::default());
        let mut spec = self
            .load
            .spec(name, bundle, callers, self.turn_timing(), settings);
        spec.engine.keep_session_ids = self.keep_session_ids;
        spec
    }
}
