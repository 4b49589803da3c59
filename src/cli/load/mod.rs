//! What `replay` and `run` share: from arguments to a run that is to be made, and what is said of it.

mod args;
mod capacity;
mod place;
mod signals;
mod target;
mod verbose;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::exit::{BadInput, Outcome, Unreachable};
use super::outputs::Told;
use super::stamp;
use super::stderr::say;
use crate::campaign::feasibility::Feasibility;
use crate::campaign::{Callers, RunError, RunSpec};
use crate::replay::connections::Opening;
use crate::replay::plan_extent::SketchError;
use crate::replay::{ReplayError, ReplaySpec, TurnTiming};
use crate::report::require::Metric;
use crate::results::ResultsError;
use crate::results::manifest::VerdictLevel;
use crate::results::settings::{Setting, Settings};
use crate::trace::TraceError;
use crate::trace::extent::Extent;
use crate::trace::stream::Bundle;
use crate::transport::channel::ConnectError;
use crate::units::counted;
pub(crate) use args::LoadArgs;
pub(crate) use capacity::find_capacity;
pub(crate) use place::number_of;
pub(crate) use signals::rest;
pub(crate) use target::{Target, TargetArgs};
pub(crate) use watch::Watch;
use watch::Watching;

/// A run that has been made.
pub(crate) struct Finished {
    /// What is said of it, and what it amounts to.
    pub(crate) told: Told,
    /// The signal that stopped it.
    pub(crate) interrupted: Option<Outcome>,
}

impl LoadArgs {
    /// The run that is to be made of `bundle` by these callers, with `settings` of the command's own.
    pub(crate) fn spec(
        &self,
        name: &str,
        bundle: &Arc<Bundle>,
        callers: Callers,
        turn_timing: TurnTiming,
        settings: Settings,
    ) -> RunSpec {
        RunSpec {
            name: name.to_owned(),
            dir: self.place.run_dir.clone(),
            bundle: bundle.clone(),
            callers,
            engine: self.engine(turn_timing),
            sessions_per_connection: self.sessions_per_connection,
            settings: self.shown(settings),
            labels: self.labels.iter().cloned().collect(),
            campaign: None,
            texts: self.outputs.include_text,
            zone: stamp::zone(),
        }
    }

    /// How the engine is set, as far as the load does not decide it.
    fn engine(&self, turn_timing: TurnTiming) -> ReplaySpec {
        ReplaySpec {
            workers: self.workers(),
            opening: Opening {
                balance: self.balance,
                cold: self.cold_connections,
                resolve_every: Duration::from_nanos(self.resolve_every.ns.unsigned_abs()),
            },
            pacer: self.pacer,
            spin_ns: self.spin.ns,
            coalesce_ns: self.coalesce.ns,
            clip_memory_bytes: self.clip_memory.bytes,
            turn_timing,
            timeout_ns: self.timeout.ns,
            playout_buffer_ns: self.playout_buffer.ns,
            headers: self.to.headers.clone(),
            replica_header: self.replica_header.clone(),
            keep_text: !self.no_text,
            messages: self.messages,
            ..ReplaySpec::default()
        }
    }

    /// Whether words are compared: for themselves, or for what is to hold at each load.
    fn compares_words(&self) -> bool {
        let mut required = self.find_capacity.iter();
        self.outputs.wer || required.any(|requirement| requirement.metric == Metric::Wer)
    }

    /// The settings of a run: these, and `others`.
    fn shown(&self, others: Settings) -> Settings {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let tls = &self.to.tls;
        let required = self.outputs.require.iter();
        let required: Vec<Setting<String>> = required.map(|one| one.to_string().into()).collect();
        Settings {
            target: self.to.target.clone().into(),
            ca: path(&tls.ca).into(),
            cert: path(&tls.cert).into(),
            server_name: tls.server_name.clone().into(),
            insecure_skip_verify: tls.insecure_skip_verify.into(),
            force: self.force.into(),
            allow_invalid: self.allow_invalid.into(),
            strict_verdict: self.strict_verdict.into(),
            wer: self.compares_words().into(),
            require: required.into(),
            ..others
        }
    }
}

/// Over how many connections up to so many sessions go where, in part of a line.
pub(crate) fn routed(args: &LoadArgs, feasibility: &Feasibility, target: &Target) -> String {
    let limit = match target.gateway().stream_limit {
        usize::MAX => String::new(),
        limit => format!(", which takes at most {limit} streams on each"),
    };
    let (peak, connections) = (feasibility.extent.peak_sessions, feasibility.connections);
    let share = peak.div_ceil(u64::from(connections.max(1)));
    format!(
        "{} ({} on each) to {}{limit}",
        counted(u64::from(connections), "connection"),
        counted(share, "session"),
        args.to.target
    )
}

/// Makes the run, watched, with the line that announces it, and says where it is.
///
/// # Errors
/// As for [`RunSpec::make`].
pub(crate) fn make(
    spec: &RunSpec,
    extent: Extent,
    target: &Target,
    watch: &Watch,
    announced: &dyn Fn(&Feasibility) -> String,
) -> Result<Finished, RunError> {
    let watching = Watching::new(watch, announced);
    let report = spec.make(extent, target.gateway(), &watching)?;
    let interrupted = watching.signal().filter(|_| report.interrupted);
    let told = Told::of(report.run, report.document);
    if !watch.is_quiet() {
        say_where(&told);
    }
    Ok(Finished { told, interrupted })
}

/// Shows what came of runs, writes the files that were asked for, and says what they amount to.
///
/// # Errors
/// Files that cannot be written.
pub(crate) fn present(runs: Vec<Finished>, args: &LoadArgs) -> anyhow::Result<Outcome> {
    let interrupted = runs.iter().filter_map(|run| run.interrupted).max();
    let told: Vec<Told> = runs.into_iter().map(|run| run.told).collect();
    Ok(args
        .outputs
        .give(&told)?
        .max(interrupted.unwrap_or(Outcome::Ok)))
}

/// Says where the results are, and whether they are to be trusted.
fn say_where(told: &Told) {
    say(&format!("results: {}\n", told.dir().display()));
    let verdict = told.summary().verdict.as_ref();
    match verdict.map(|verdict| verdict.level) {
        Some(VerdictLevel::Degraded) => {
            say("warning: the schedule was kept with minor violations, see the verdict\n");
        }
        Some(VerdictLevel::Invalid) if !told.is_held() => {
            say("warning: the schedule was not kept; do not trust these figures\n");
        }
        _ => {}
    }
}

/// A trace that the system cannot read is our failure; one that makes no sense is bad input.
pub(crate) fn unreadable(error: TraceError) -> anyhow::Error {
    match error {
        error @ TraceError::Io { .. } => error.into(),
        error => BadInput(error.into()).into(),
    }
}

/// Why a run was not made, with the exit code that belongs to it.
pub(crate) fn not_made(error: RunError) -> anyhow::Error {
    let said = error.to_string();
    match error {
        RunError::Infeasible(_) => BadInput(error.into()).into(),
        RunError::Plan(SketchError::Trace(error)) => unreadable(error),
        RunError::Plan(error) => BadInput(error.into()).into(),
        RunError::Replay(error) => unreached(error),
        RunError::Stopped { source, .. } => unreached(source).context(said),
        RunError::Results(error @ (ResultsError::Taken { .. } | ResultsError::NoPlace { .. })) => {
            BadInput(error.into()).into()
        }
        // By themselves, so that it is seen what the system refused.
        RunError::Results(error) => error.into(),
        RunError::System(error) => error.into(),
        RunError::Document(error) => error.into(),
        RunError::Latest { .. } => error.into(),
    }
}

/// Why a replay was not made, with the exit code that belongs to it.
fn unreached(error: ReplayError) -> anyhow::Error {
    match error {
        ReplayError::Unreachable(error @ ConnectError::Pem { .. }) => BadInput(error.into()).into(),
        ReplayError::Unreachable(error) => Unreachable(error.into()).into(),
        ReplayError::Trace(error) => BadInput(error.into()).into(),
        error => error.into(),
    }
}
