//! What is shown of runs while they go on: a screen, and metrics for Prometheus; and what Prometheus
//! knows of them afterwards.

use std::cell::OnceCell;
use std::io;
use std::path::Path;

use super::args::LoadArgs;
use super::signals::Signals;
use super::verbose::{self, Teller};
use crate::campaign::Observer;
use crate::campaign::feasibility::Feasibility;
use crate::campaign::run::{Ran, UnderWay};
use crate::cli::exit::{BadInput, Outcome};
use crate::cli::live;
use crate::cli::metrics::Served;
use crate::cli::prometheus::Source;
use crate::cli::stderr::say;
use crate::clock::RunClock;
use crate::live::prometheus::{RunInfo, run_metrics};
use crate::live::screen::{Phase, Sheet};
use crate::replay::phases::Phases;
use crate::results::manifest::RunManifest;
use crate::units::RunTime;

/// Whoever watches the runs of a command.
#[derive(Debug)]
pub(super) struct Watch {
    quiet: bool,
    shows: bool,
    line_every: u64,
    /// How much is said of requests.
    verbosity: u8,
    metrics: Served,
    server: Option<Source>,
}

impl Watch {
    /// Listens for who wants metrics, before anything else is done.
    ///
    /// # Errors
    /// [`BadInput`] for an address that cannot be listened on, or a Prometheus that cannot be asked.
    pub(super) fn begin(args: &LoadArgs, quiet: bool) -> Result<Watch, BadInput> {
        Ok(Watch {
            quiet,
            shows: !quiet && !args.live.no_live,
            line_every: args.live.line_every(),
            verbosity: if quiet { 0 } else { args.kept.verbosity() },
            server: args.server.source()?,
            metrics: args.metrics.listen(quiet)?,
        })
    }

    /// Shows the gauges of a run until it has ended, and tells of the requests that it shows.
    fn over(&self, run: UnderWay<'_>) -> Ran {
        let (manifest, gauges) = (run.manifest, &run.gauges.clone());
        self.metrics
            .show(|| run_metrics(gauges.clone(), info(manifest)));
        let (teller, lines) = Teller::new(self.verbosity);
        let (sheet, clock) = (sheet(manifest, run.phases), RunClock::new(&manifest.epoch));
        let (done, shown_until) = std::sync::mpsc::channel::<()>();
        std::thread::scope(|scope| {
            if self.shows {
                // A screen would be torn by the lines of -v.
                let screen = self.verbosity == 0;
                let line_every = self.line_every;
                scope.spawn(move || {
                    live::show(&sheet, gauges, &clock, screen, line_every, &shown_until);
                });
            }
            scope.spawn(move || verbose::print(&lines));
            // Dropped when the run has ended, however it does.
            let (_done, teller) = (done, teller);
            let ran = run.go(&|row| teller.tell(row));
            if let Some(left_out) = teller.end() {
                say(&left_out);
            }
            ran
        })
    }

    /// Lets metrics linger, unless the user wanted an end.
    ///
    /// # Errors
    /// A system without a signal to give.
    pub(super) fn end(self, outcome: Outcome) -> anyhow::Result<()> {
        match outcome {
            Outcome::Interrupted | Outcome::Terminated => Ok(()),
            _ => self.metrics.linger(),
        }
    }
}

/// Looks on at one run.
pub(super) struct Watching<'a> {
    watch: &'a Watch,
    announced: &'a dyn Fn(&Feasibility) -> String,
    signals: OnceCell<Signals>,
}

impl<'a> Watching<'a> {
    /// For a run that a line announces.
    pub(super) fn new(watch: &'a Watch, announced: &'a dyn Fn(&Feasibility) -> String) -> Self {
        Watching {
            watch,
            announced,
            signals: OnceCell::new(),
        }
    }

    /// The signal that came, if one did.
    pub(super) fn signal(&self) -> Option<Outcome> {
        self.signals.get()?.outcome()
    }
}

impl Observer for Watching<'_> {
    fn ready(&self, feasibility: &Feasibility, warnings: &[String]) {
        if !self.watch.quiet {
            for warning in warnings {
                say(&format!("warning: {warning}\n"));
            }
            say(&(self.announced)(feasibility));
        }
    }

    fn watch(&self, run: UnderWay<'_>) -> io::Result<Ran> {
        let signals = Signals::listen(&run.stop, self.watch.quiet)?;
        self.signals.get_or_init(|| signals);
        Ok(self.watch.over(run))
    }

    /// Fetches what the servers measured of it.
    fn ended(&self, dir: &Path, manifest: &RunManifest) {
        if let Some(server) = &self.watch.server {
            server.fetch(dir, manifest, self.watch.quiet);
        }
    }
}

fn info(manifest: &RunManifest) -> RunInfo {
    let closed_loop = manifest.closed_loop.as_ref();
    RunInfo {
        run_id: manifest.run_id.clone(),
        scenario: closed_loop
            .and_then(|closed_loop| closed_loop.scenario.clone())
            .unwrap_or_default(),
        trace: manifest.trace.name.clone(),
    }
}

fn sheet(manifest: &RunManifest, phases: &Phases) -> Sheet {
    let target = manifest.spec.target.get().map_or("", String::as_str);
    let phases: Vec<Phase> = phases
        .parts()
        .iter()
        .map(|(ends, phase)| Phase {
            name: phase.name(),
            ends: *ends,
        })
        .collect();
    let last = phases.last().map_or(RunTime(0), |phase| phase.ends);
    Sheet {
        title: format!("{} → {target}", manifest.name),
        sessions: Some(manifest.planned.sessions).filter(|sessions| *sessions > 0),
        users: manifest.closed_loop.as_ref().map(|of| of.users),
        phases,
        ends: last.max(RunTime(manifest.planned.duration_ns)),
    }
}
