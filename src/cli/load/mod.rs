//! What `replay` and `run` share: from traffic that is planned to a run directory that is whole.

mod args;
mod capacity;
mod feasibility;
mod place;
mod signals;
mod target;
mod verbose;
mod watch;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::exit::{BadInput, Outcome, Unreachable};
use super::outputs::Told;
use super::stamp;
use super::stderr::say;
use crate::clock::epoch_now;
use crate::dialect::Dialect;
use crate::live::gauges::Gauges;
use crate::replay::calibrate::calibrate;
use crate::replay::connections::Opening;
use crate::replay::limits::raise_open_files;
use crate::replay::phases::Phases;
use crate::replay::{Replay, ReplayError, ReplaySpec, Stop, Traffic, TurnTiming, trace_ref};
use crate::report::Summary;
use crate::report::require::Metric;
use crate::report::wer::Wer;
use crate::results::ResultsError;
use crate::results::manifest::{
    Campaign, ClosedLoop, ExitReason, Planned, RunManifest, VerdictLevel,
};
use crate::results::settings::{Setting, Settings};
use crate::results::standing::this_process;
use crate::results::tables::tables_in;
use crate::results::writer::{RunWriter, write_manifest};
use crate::table::write_all;
use crate::trace::TraceError;
use crate::trace::extent::Extent;
use crate::trace::model::{ClipRow, TraceSource};
use crate::trace::stream::Bundle;
use crate::transport::channel::ConnectError;
use crate::units::counted;
pub(crate) use args::LoadArgs;
pub(crate) use capacity::{Scale, find_capacity};
pub(crate) use feasibility::Feasibility;
use place::{begin, host, link_latest, make_default_dir};
pub(crate) use place::{is_report, number_of};
use signals::Signals;
pub(crate) use signals::rest;
pub(crate) use target::{Target, TargetArgs};
pub(crate) use watch::Watch;

/// Most connections that are opened without being asked for.
const MOST_CONNECTIONS: u64 = 64;

/// One run that is to be made.
pub(crate) struct Job {
    /// What the run directory is named after, with the time, where `dir` does not say.
    pub(crate) name: String,
    /// The run directory.
    pub(crate) dir: Option<PathBuf>,
    /// Where what is said comes from.
    pub(crate) bundle: Arc<Bundle>,
    /// What is sent, and when.
    pub(crate) traffic: Traffic,
    /// How the engine is set.
    pub(crate) spec: ReplaySpec,
    /// The settings that the command adds to those of the engine in `run.json`.
    pub(crate) settings: Settings,
    /// What the plan asks for; nothing where users decide as they go.
    pub(crate) planned: Planned,
    /// What the users do.
    pub(crate) closed_loop: Option<ClosedLoop>,
    /// Its place among runs that are made together.
    pub(crate) campaign: Option<Campaign>,
}

/// A run that has been made.
pub(crate) struct Finished {
    /// The run directory.
    pub(crate) dir: PathBuf,
    /// What is said of it, and what it amounts to.
    pub(crate) told: Told,
    /// The signal that stopped it.
    pub(crate) interrupted: Option<Outcome>,
}

/// What this machine can do, for a load of this extent on a gateway that takes so many streams on a
/// connection.
///
/// # Errors
/// A system without a timer.
pub(crate) fn survey(
    args: &LoadArgs,
    extent: Extent,
    stream_limit: usize,
) -> anyhow::Result<Feasibility> {
    let open_files = raise_open_files();
    Ok(Feasibility {
        extent,
        workers: args.workers().clamp(1, extent.sessions.max(1) as usize),
        connections: connections(args, &extent, stream_limit),
        calibration: calibrate(args.pacer, args.spin.ns)?,
        open_files,
    })
}

/// How many connections the sessions share, when at most `stream_limit` fit on one.
fn connections(args: &LoadArgs, extent: &Extent, stream_limit: usize) -> u32 {
    let peak = extent.peak_sessions.max(1);
    let share = match args.sessions_per_connection {
        Some(share) => u64::from(share),
        None => peak.div_ceil(MOST_CONNECTIONS),
    };
    let share = share.min(stream_limit as u64).max(1);
    u32::try_from(peak.div_ceil(share)).unwrap_or(u32::MAX)
}

/// Refuses a load that this machine cannot make, unless it is to be tried; says what is tight.
///
/// # Errors
/// [`BadInput`] for what cannot be done.
pub(crate) fn judge(
    args: &LoadArgs,
    feasibility: &Feasibility,
    quiet: bool,
) -> Result<(), BadInput> {
    for warning in feasibility.judge(args.force)? {
        if !quiet {
            say(&format!("warning: {warning}\n"));
        }
    }
    Ok(())
}

/// Over how many connections up to so many sessions go where, in part of a line.
pub(crate) fn routed(args: &LoadArgs, feasibility: &Feasibility, stream_limit: usize) -> String {
    let limit = match stream_limit {
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

impl LoadArgs {
    /// How the engine is set for a load that was found feasible.
    pub(crate) fn spec(
        &self,
        bundle: &Bundle,
        feasibility: &Feasibility,
        turn_timing: TurnTiming,
        phases: Phases,
    ) -> ReplaySpec {
        ReplaySpec {
            dialect: Dialect::default(),
            workers: feasibility.workers,
            connections: feasibility.connections,
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
            timeout_ns: self
                .timeout
                .map_or(ReplaySpec::default().timeout_ns, |timeout| timeout.ns),
            playout_buffer_ns: self.playout_buffer.ns,
            headers: self.to.headers.clone(),
            replica_header: self.replica_header.clone(),
            keep_session_ids: false,
            keep_text: !self.no_text && bundle.manifest.source != TraceSource::Recorded.name(),
            messages: self.messages,
            phases,
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

/// Makes the run, and its directory with the summary.
///
/// # Errors
/// [`BadInput`] for a place that is taken or a trace that makes no sense, otherwise our own failure;
/// what was written by then is in the run directory.
pub(crate) fn conduct(
    job: Job,
    args: &LoadArgs,
    target: &Target,
    feasibility: &Feasibility,
    watch: &Watch,
) -> anyhow::Result<Finished> {
    let may_be_invalid = args.allow_invalid || (target.is_embedded() && !args.strict_verdict);
    let shown = job.spec.shown(args.shown(job.settings));
    let (messages, keep_text) = (job.spec.messages, job.spec.keep_text);
    let phases = job.spec.phases.clone();
    let bundle = job.bundle.clone();
    let replay =
        Replay::prepare(job.spec, target.gateway(), job.bundle, job.traffic).map_err(told)?;

    let dir = job.dir.unwrap_or_else(|| make_default_dir(&job.name));
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let mut manifest = RunManifest {
        spec: shown,
        host: host(),
        process: this_process(),
        labels: args.labels.iter().cloned().collect(),
        closed_loop: job.closed_loop,
        campaign: job.campaign,
        calibration: Some(feasibility.calibration.clone()),
        planned: job.planned,
        ..RunManifest::begin(name.into_owned(), trace_ref(&bundle), epoch_now())
    };
    let writer = RunWriter::create(&dir, &manifest, messages).map_err(|error| match error {
        ResultsError::Taken { .. } | ResultsError::NoPlace { .. } => {
            anyhow::Error::from(BadInput(error.into()))
        }
        other => other.into(),
    })?;
    write_all(
        &dir.join("clips.parquet"),
        crate::table::ROW_GROUP_ROWS,
        &[],
        &clips(&bundle, keep_text),
    )?;
    manifest.tables = tables_in(&dir)?;
    begin(&dir, &mut manifest)?;

    let gauges = Arc::new(Gauges::default());
    let stop = Stop::default();
    let signals = Signals::listen(&stop, watch.is_quiet())?;
    let outcome = watch.over(&manifest, &phases, &gauges, |each| {
        replay.run(&manifest, writer, &gauges, &stop, each)
    });
    manifest.finished_at = Some(stamp::now().to_string());
    let mut outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            manifest.exit_reason = ExitReason::Failed;
            // The disk may be what failed; the run then reads as one that was killed.
            let _ = write_manifest(&dir, &manifest);
            return Err(told(error).context(format!(
                "the run stopped; what was written is in {}",
                dir.display()
            )));
        }
    };
    manifest.ended_ns = Some(outcome.ended_ns);
    outcome.writer.merge()?;
    manifest.spec.scheduling = outcome.scheduling.into();
    manifest.spec.stream_limit = outcome.stream_limit.map(|limit| limit as u64).into();
    manifest.address_changes = outcome.address_changes;
    let interrupted = signals.outcome();
    manifest.exit_reason = match interrupted {
        Some(_) => ExitReason::Interrupted,
        None => ExitReason::Finished,
    };
    manifest.verdict = Some(outcome.verdict);
    write_manifest(&dir, &manifest)?;
    watch.fetch(&dir, &manifest);
    manifest.tables = tables_in(&dir)?;
    let words = args.outputs.words();
    let told = Told::of(&dir, outcome.lag, &[], words, |_| may_be_invalid)?;
    let summary = told.summary().clone();
    manifest.summary = Some(serde_json::to_value(Summary {
        wer: summary.wer.map(Wer::without_texts),
        ..summary
    })?);
    write_manifest(&dir, &manifest)?;
    if let Some(runs) = dir.parent().filter(|_| interrupted.is_none()) {
        link_latest(runs, &dir)?;
    }
    if !watch.is_quiet() {
        say_where(&dir, &told, may_be_invalid);
    }
    Ok(Finished {
        dir,
        told,
        interrupted,
    })
}

/// The clips as a run has them: without what is said in them, where it keeps no text.
fn clips(bundle: &Bundle, keep_text: bool) -> Cow<'_, [ClipRow]> {
    if keep_text {
        return Cow::Borrowed(&bundle.clips);
    }
    let clips = bundle.clips.iter().map(|clip| ClipRow {
        transcript: None,
        ..clip.clone()
    });
    Cow::Owned(clips.collect())
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
fn say_where(dir: &Path, told: &Told, may_be_invalid: bool) {
    say(&format!("results: {}\n", dir.display()));
    match told
        .document
        .ours
        .verdict
        .as_ref()
        .map(|verdict| verdict.level)
    {
        Some(VerdictLevel::Degraded) => {
            say("warning: the schedule was kept with minor violations, see the verdict\n");
        }
        Some(VerdictLevel::Invalid) if may_be_invalid => {
            say("warning: the schedule was not kept; do not trust these figures\n");
        }
        _ => {}
    }
}

/// What a plan of this extent asks for.
pub(crate) fn planned(extent: &Extent) -> Planned {
    Planned {
        sessions: extent.sessions,
        turns: extent.turns,
        chunks: extent.chunks,
        peak_sessions: extent.peak_sessions,
        peak_chunks_per_s: extent.peak_chunks_per_s,
        peak_bytes_per_s: extent.peak_bytes_per_s,
        duration_ns: extent.duration_ns,
    }
}

/// A trace that the system cannot read is our failure; one that makes no sense is bad input.
pub(crate) fn unreadable(error: TraceError) -> anyhow::Error {
    match error {
        error @ TraceError::Io { .. } => error.into(),
        error => BadInput(error.into()).into(),
    }
}

/// The error with the exit code that belongs to it.
pub(crate) fn told(error: ReplayError) -> anyhow::Error {
    match error {
        ReplayError::Unreachable(error @ ConnectError::Pem { .. }) => BadInput(error.into()).into(),
        ReplayError::Unreachable(error) => Unreachable(error.into()).into(),
        ReplayError::Trace(error) => BadInput(error.into()).into(),
        error => error.into(),
    }
}
