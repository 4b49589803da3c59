//! A gateway and whoever watches: what a command makes there, one run or several, and what comes of it.

use std::cell::Cell;
use std::process::ExitCode;
use std::time::Duration;

use super::args::LoadArgs;
use super::failure::not_made;
use super::place::number_of;
use super::signals::rest;
use super::target::Target;
use super::watch::{Watch, Watching};
use crate::campaign::curve::in_unit;
use crate::campaign::feasibility::Feasibility;
use crate::campaign::search::{Sought, Undecided, find};
use crate::campaign::{Callers, RunError, RunReport, RunSpec};
use crate::cli::exit::{BadInput, Outcome};
use crate::cli::outputs::write_json;
use crate::cli::stderr::say;
use crate::results::manifest::VerdictLevel;
use crate::trace::extent::Extent;
use crate::units::{Human, counted};

/// Where a command makes runs.
pub(crate) struct Bench<'a> {
    args: &'a LoadArgs,
    quiet: bool,
    watch: Watch,
    target: Target,
    /// The signal that stopped it.
    signal: Cell<Option<Outcome>>,
}

impl<'a> Bench<'a> {
    /// Begins to watch, and opens the target.
    ///
    /// # Errors
    /// [`BadInput`] for what cannot be watched, and a target that cannot be reached.
    pub(crate) fn open(args: &'a LoadArgs, quiet: bool) -> anyhow::Result<Bench<'a>> {
        Ok(Bench {
            args,
            quiet,
            watch: Watch::begin(args, quiet)?,
            target: Target::open(&args.to, &args.resolved.dialect)?,
            signal: Cell::default(),
        })
    }

    /// Ends with what was made.
    ///
    /// # Errors
    /// Why it was not made; otherwise a reference gateway that did not end.
    pub(crate) fn close(self, made: anyhow::Result<Outcome>) -> anyhow::Result<ExitCode> {
        self.target.close()?;
        let outcome = made?;
        self.watch.end(outcome)?;
        Ok(outcome.into())
    }

    /// Makes the run, watched, with a line that says `what` it is, and says where its results are.
    ///
    /// # Errors
    /// As for [`RunSpec::make`].
    pub(crate) fn make(
        &self,
        spec: &RunSpec,
        extent: Extent,
        what: &dyn Fn(&Extent) -> String,
    ) -> Result<RunReport, RunError> {
        let announced = |feasibility: &Feasibility| {
            let what = what(&feasibility.extent);
            let line = format!("{what} on {}\n", self.routed(feasibility));
            match self.target.gateway().is_public {
                true => line + &self.public(feasibility, spec),
                false => line,
            }
        };
        let watching = Watching::new(&self.watch, &announced);
        let report = spec.make(extent, self.target.gateway(), &watching)?;
        self.signal
            .set(watching.signal().filter(|_| report.interrupted));
        if !self.quiet {
            say_where(&report);
        }
        Ok(report)
    }

    /// Over how many connections up to so many sessions go where, in part of a line.
    fn routed(&self, feasibility: &Feasibility) -> String {
        let limit = match self.target.gateway().stream_limit {
            usize::MAX => String::new(),
            limit => format!(", which takes at most {limit} streams on each"),
        };
        let (peak, connections) = (feasibility.extent.peak_sessions, feasibility.connections);
        let share = peak.div_ceil(u64::from(connections.max(1)));
        format!(
            "{} ({} on each) to {}{limit}",
            counted(u64::from(connections), "connection"),
            counted(share, "session"),
            self.args.to.shown()
        )
    }

    /// What is to be known before calls go to others.
    fn public(&self, feasibility: &Feasibility, spec: &RunSpec) -> String {
        let calls = match &spec.callers {
            Callers::Trace { .. } => counted(feasibility.extent.sessions, "call"),
            Callers::Users(_) => format!(
                "calls of {}",
                counted(feasibility.extent.peak_sessions, "user")
            ),
        };
        format!(
            "note: {calls} will be made to a public address, which may cost money or break the terms of whoever serves it\n"
        )
    }

    /// Shows what came of runs, writes the files that were asked for, and says what they amount to.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub(crate) fn present(&self, runs: &[RunReport]) -> anyhow::Result<Outcome> {
        let outcome = self.args.outputs.give(runs)?;
        Ok(self
            .signal
            .get()
            .map_or(outcome, |signal| outcome.max(signal)))
    }

    /// Rests before a further run, which is `next`; returns whether there is to be one.
    ///
    /// # Errors
    /// A system that gives no signals.
    pub(crate) fn cool_down(&self, next: &str) -> anyhow::Result<bool> {
        let time_ns = self.args.campaign.cool_down.ns;
        if !self.quiet && (time_ns > 0 || !next.is_empty()) {
            say(&format!("cooling down for {}{next}\n", Human(time_ns)));
        }
        self.signal
            .set(rest(Duration::from_nanos(time_ns.unsigned_abs()))?);
        Ok(self.signal.get().is_none())
    }

    /// Searches for the highest load, from `first` on, with the run of `spec` for each that is tried, and
    /// prints the curve. What a load comes to is `checked` before; one is so much as a step, in its unit.
    ///
    /// # Errors
    /// Why a run was not made, and one that is too short to judge what is required.
    pub(crate) fn find_capacity(
        &self,
        (unit, step): (&'static str, f64),
        first: u32,
        spec: impl Fn(u32) -> RunSpec,
        checked: impl Fn(Extent) -> Result<Extent, BadInput>,
        what: &dyn Fn(&Extent) -> String,
    ) -> anyhow::Result<Outcome> {
        let sought = &Sought {
            unit,
            step,
            first,
            required: &self.args.campaign.find_capacity,
            held: !spec(first).settings.may_be_invalid(),
        };
        let mut is_first = true;
        // A short trace comes to the same sessions at several scales, or to none.
        let size = |load| {
            let extent = spec(load).extent().map_err(not_made)?;
            let extent = Some(extent).filter(|extent| extent.sessions > 0);
            Ok(extent.map(&checked).transpose()?)
        };
        let (curve, ended) = find(sought, size, |load, extent| {
            if !std::mem::take(&mut is_first) && !self.cool_down("")? {
                return Err(Ended::Stopped);
            }
            let spec = spec(load);
            let dir = spec.dir.as_deref().map(|dir| number_of(dir, load));
            match self.make(&RunSpec { dir, ..spec }, extent, what) {
                Err(why @ RunError::Infeasible(_)) => {
                    say(&format!("{} {unit}: {why}\n", in_unit(load, step)));
                    Ok(None)
                }
                Ok(_) if self.signal.get().is_some() => Err(Ended::Stopped),
                made => Ok(Some(made.map_err(not_made)?.summary().clone())),
            }
        });
        let outcome = match (ended, self.signal.get()) {
            (Err(Ended::Failed(error)), _) => return Err(error),
            (_, Some(signal)) => signal,
            _ if curve.capacity.is_some() => Outcome::Ok,
            _ if curve.too_much.is_some() => Outcome::NotMet,
            _ => Outcome::Untrusted,
        };
        if let Some(file) = &self.args.outputs.json {
            write_json(file, &curve)?;
        }
        self.args.outputs.format.print(&curve, || curve.text())?;
        Ok(outcome)
    }
}

/// Why a search went no further.
enum Ended {
    /// A signal came.
    Stopped,
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Ended {
    fn from(error: anyhow::Error) -> Ended {
        Ended::Failed(error)
    }
}

impl From<Undecided> for Ended {
    fn from(error: Undecided) -> Ended {
        Ended::Failed(BadInput(error.into()).into())
    }
}

impl From<BadInput> for Ended {
    fn from(error: BadInput) -> Ended {
        Ended::Failed(error.into())
    }
}

/// Says where the results are, and whether they are to be trusted.
fn say_where(report: &RunReport) {
    say(&format!("results: {}\n", report.run.path().display()));
    let verdict = report.summary().verdict.as_ref();
    match verdict.map(|verdict| verdict.level) {
        Some(VerdictLevel::Degraded) => {
            say("warning: the schedule was kept with minor violations, see the verdict\n");
        }
        Some(VerdictLevel::Invalid) if !report.is_held() => {
            say("warning: the schedule was not kept; do not trust these figures\n");
        }
        _ => {}
    }
}
