//! `voicelt replay`: a trace against a gateway, and what came of it.

mod args;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::anyhow;

use super::exit::{BadInput, Outcome};
use super::load::{
    Feasibility, Finished, Job, Scale, Target, Watch, conduct, find_capacity, judge, number_of,
    planned, present, routed, survey, unreadable,
};
use super::retention::overdue;
use super::stderr::say;
use super::{stamp, stdout};
use crate::campaign::curve::in_unit;
use crate::replay::Traffic;
use crate::replay::phases::Phases;
use crate::replay::plan_extent::{SketchError, plan, plan_extent};
use crate::results::settings::{Command, Settings};
use crate::trace::extent::Extent;
use crate::trace::stream::Bundle;
use crate::units::{Human, RunTime, counted};
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
        let feasibility = survey(&args.load, extent, usize::MAX)?;
        stdout::show(&feasibility.text())?;
        for warning in feasibility.judge(true)? {
            say(&format!("warning: {warning}\n"));
        }
        return Ok(Outcome::Ok.into());
    }
    let watch = Watch::begin(&args.load, quiet)?;
    let target = Target::open(&args.load.to)?;
    let outcome = match args.load.find_capacity.is_empty() {
        true => replay(args, quiet, &bundle, extent, &target, &watch)
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
    let scale = Scale {
        unit: "times",
        step: SCALE_STEP,
        first: (args.scale / SCALE_STEP).round().max(1.0) as u32,
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
    find_capacity(&args.load, target, &scale, quiet, size, |load| {
        let mut scaled = scaled(load);
        let dir = args.load.place.run_dir.as_deref();
        scaled.load.place.run_dir = dir.map(|dir| number_of(dir, load));
        let extent = scaled.extent(bundle)?;
        let feasibility = survey(&scaled.load, extent, target.stream_limit())?;
        if let Err(why) = feasibility.judge(scaled.load.force) {
            say(&format!("--scale {}: {why}\n", scaled.scale));
            return Ok(None);
        }
        replay(&scaled, quiet, bundle, extent, target, watch).map(Some)
    })
}

/// Replays once.
fn replay(
    args: &Args,
    quiet: bool,
    bundle: &Arc<Bundle>,
    extent: Extent,
    target: &Target,
    watch: &Watch,
) -> anyhow::Result<Finished> {
    let stream_limit = target.stream_limit();
    let feasibility = survey(&args.load, extent, stream_limit)?;
    judge(&args.load, &feasibility, quiet)?;
    if !quiet {
        say(&announced(args, &feasibility, stream_limit));
    }
    let first = target.first_start(feasibility.connections);
    let plan = plan(bundle, &args.shape(), first).map_err(|error| BadInput(error.into()))?;
    let mut spec = args.load.spec(
        bundle,
        &feasibility,
        args.turn_timing(),
        args.phases(first, &extent),
    );
    spec.keep_session_ids = args.keep_session_ids;
    let job = Job {
        name: bundle.manifest.name.clone(),
        dir: args.load.place.run_dir.clone(),
        bundle: bundle.clone(),
        traffic: Traffic::Plan(plan),
        spec,
        settings: args.shown(),
        planned: planned(&extent),
        closed_loop: None,
        campaign: None,
    };
    conduct(job, &args.load, target, &feasibility, watch)
}

/// What will be replayed, in a line.
fn announced(args: &Args, feasibility: &Feasibility, stream_limit: usize) -> String {
    let extent = &feasibility.extent;
    format!(
        "{}, {}, {} over {}; up to {} at once on {}\n",
        counted(extent.sessions, "session"),
        counted(extent.turns, "turn"),
        counted(extent.chunks, "chunk"),
        Human(extent.duration_ns),
        counted(extent.peak_sessions, "session"),
        routed(&args.load, feasibility, stream_limit),
    )
}

impl Args {
    /// The size of what is to be replayed, which may be nothing.
    fn measured(&self, bundle: &Arc<Bundle>) -> anyhow::Result<Extent> {
        let extent = plan_extent(bundle, &self.shape(), self.turn_timing().is_reactive());
        extent.map_err(|error| match error {
            SketchError::Trace(error) => unreadable(error),
            error => BadInput(error.into()).into(),
        })
    }

    /// The size of what is to be replayed.
    fn extent(&self, bundle: &Arc<Bundle>) -> anyhow::Result<Extent> {
        let extent = self.measured(bundle)?;
        if extent.sessions == 0 {
            return Err(BadInput(anyhow!(
                "no session of the trace starts in --window, or --limit, --until or --scale leaves none"
            ))
            .into());
        }
        if self.warmup.ns >= extent.drain_ns && self.warmup.ns > 0 {
            return Err(BadInput(anyhow!(
                "--warmup leaves no steady phase: the trace's ramp-down begins {} after its first session",
                Human(extent.drain_ns)
            ))
            .into());
        }
        Ok(extent)
    }

    /// The steady phase is from the warm-up to the trace's ramp-down.
    fn phases(&self, first: RunTime, extent: &Extent) -> Phases {
        let at = |ns: i64| RunTime(first.0 + ns);
        Phases::steady(at(self.warmup.ns)..at(extent.drain_ns.max(1)))
    }

    /// The settings as `run.json` shows them, besides those of any load.
    fn shown(&self) -> Settings {
        Settings {
            command: Command::Replay.into(),
            window_ns: self.window.into(),
            limit: self.limit.into(),
            speed: self.speed.into(),
            scale: self.scale.into(),
            looped: self.looped.into(),
            until_ns: self.until.map(|until| until.ns).into(),
            seed: self.seed.into(),
            warmup_ns: self.warmup.ns.into(),
            ..Settings::default()
        }
    }
}
