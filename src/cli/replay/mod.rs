//! `voicelt replay`: a trace against a gateway, and what came of it.

mod args;
mod feasibility;
mod place;
mod signals;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use rand::RngExt;

use super::exit::{BadInput, Outcome, Unreachable};
use super::report::Format;
use super::retention::overdue;
use super::stderr::say;
use super::{live, stamp, stdout};
use crate::clock::{RunClock, epoch_now};
use crate::gateway::{Embedded, GatewaySpec};
use crate::live::gauges::Gauges;
use crate::replay::calibrate::calibrate;
use crate::replay::connections::Opening;
use crate::replay::limits::raise_open_files;
use crate::replay::sketch::{SketchError, plan, sketch};
use crate::replay::{Gateway, Replay, ReplayError, ReplaySpec, Stop, lead_ns, redacted};
use crate::report::{Summary, text};
use crate::results::manifest::{
    ExitReason, Planned, RUN_FORMAT, RunManifest, TraceRef, VerdictLevel,
};
use crate::results::reader::RunDir;
use crate::results::writer::{RunWriter, write_manifest};
use crate::table::write_all;
use crate::trace::TraceError;
use crate::trace::extent::Extent;
use crate::trace::model::TraceSource;
use crate::trace::stream::Bundle;
use crate::units::{Human, RunTime};
use crate::wire::channel::{ConnectError, Endpoint, Trust};
pub use args::Args;
use feasibility::Feasibility;
use place::{begin, default_dir, host, link_latest};
use signals::Signals;

/// The target that is the reference gateway in this process.
const EMBEDDED: &str = "embedded";
/// Most connections that are opened without being asked for.
const MOST_CONNECTIONS: u64 = 64;

/// Replays, writes the run directory and prints its summary.
///
/// # Errors
/// [`BadInput`], [`Unreachable`], or our own failure.
pub fn run(args: &Args, quiet: bool) -> anyhow::Result<ExitCode> {
    args.check()?;
    let bundle = Arc::new(Bundle::open(&args.trace).map_err(unreadable)?);
    if let Some(warning) = overdue(&bundle, stamp::now()).filter(|_| !quiet) {
        say(&format!("warning: {warning}\n"));
    }
    let embedded = match args.target.as_str() {
        EMBEDDED if !args.plan => Some(Embedded::start(GatewaySpec::default())?),
        _ => None,
    };
    let outcome = replay(args, quiet, &bundle, embedded.as_ref());
    if let Some(gateway) = embedded {
        gateway.stop()?;
    }
    Ok(outcome?.into())
}

fn replay(
    args: &Args,
    quiet: bool,
    bundle: &Arc<Bundle>,
    embedded: Option<&Embedded>,
) -> anyhow::Result<Outcome> {
    let shape = args.shape();
    let extent = sketch(bundle, &shape, args.turn_timing().is_reactive());
    let extent = extent.map_err(|error| match error {
        SketchError::Trace(error) => unreadable(error),
        error => BadInput(error.into()).into(),
    })?;
    if extent.sessions == 0 {
        return Err(BadInput(anyhow!(
            "no session of the trace starts in --window, or --limit, --until or --scale leaves none"
        ))
        .into());
    }
    if args.warmup.ns >= extent.drain_ns && args.warmup.ns > 0 {
        return Err(BadInput(anyhow!(
            "--warmup leaves no steady phase: the trace runs dry {} after its first session",
            Human(extent.drain_ns)
        ))
        .into());
    }
    bundle.find_clips()?;
    let open_files = raise_open_files();
    let reached = match args.plan {
        true => None,
        false => Some(reach(args, embedded)?),
    };
    let stream_limit = reached
        .as_ref()
        .map_or(usize::MAX, |gateway| gateway.stream_limit);
    let connections = connections(args, &extent, stream_limit);
    let feasibility = Feasibility {
        extent,
        workers: args.workers().clamp(1, extent.sessions.max(1) as usize),
        connections,
        calibration: calibrate(args.pacer, args.spin.ns)?,
        open_files,
    };
    let Some(gateway) = reached else {
        stdout::print(&feasibility.text())?;
        for warning in feasibility.judge(true)? {
            say(&format!("warning: {warning}\n"));
        }
        return Ok(Outcome::Ok);
    };
    let warnings = feasibility.judge(args.force)?;
    if !quiet {
        for warning in warnings {
            say(&format!("warning: {warning}\n"));
        }
        say(&announced(args, &extent, connections, stream_limit));
    }
    let first = RunTime(lead_ns(connections));
    let spec = args.spec(bundle, &feasibility, first);
    let shown = args.shown(&spec);
    let plan = plan(bundle, &shape, first).map_err(|error| BadInput(error.into()))?;
    let replay = Replay::prepare(spec, gateway, bundle.clone(), plan).map_err(told)?;

    let run_id = format!("{:032x}", rand::rng().random::<u128>());
    let dir = args
        .output
        .clone()
        .unwrap_or_else(|| default_dir(&bundle.manifest.name));
    let name = dir
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let mut manifest = RunManifest {
        format: RUN_FORMAT.to_owned(),
        run_id,
        name,
        tool: stamp::TOOL.to_owned(),
        exit_reason: ExitReason::Running,
        started_at: stamp::now().to_string(),
        finished_at: None,
        spec: shown,
        host: host(),
        labels: args.labels.iter().cloned().collect::<BTreeMap<_, _>>(),
        trace: TraceRef {
            name: bundle.manifest.name.clone(),
            content_blake3: bundle.manifest.content_blake3.clone(),
        },
        closed_loop: None,
        campaign: None,
        epoch: epoch_now(),
        calibration: Some(feasibility.calibration),
        planned: planned(&extent),
        verdict: None,
        summary: None,
    };
    let writer = RunWriter::create(&dir, &manifest, args.messages)
        .map_err(|error| BadInput(error.into()))?;
    write_all(
        &dir.join("clips.parquet"),
        crate::table::ROW_GROUP_ROWS,
        &[],
        &bundle.clips,
    )?;
    begin(&dir, &mut manifest)?;

    let gauges = Arc::new(Gauges::default());
    let stop = Stop::default();
    let signals = Signals::listen(&stop, quiet)?;
    let clock = RunClock::new(&manifest.epoch);
    let (done, shown_until) = std::sync::mpsc::channel::<()>();
    let outcome = std::thread::scope(|scope| {
        if !quiet {
            let (gauges, clock) = (&gauges, &clock);
            let sheet = crate::live::screen::Sheet::default();
            scope.spawn(move || live::show(&sheet, gauges, clock, &shown_until));
        }
        let outcome = replay.run(&manifest, writer, &gauges, &stop);
        drop(done);
        outcome
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
    outcome.writer.merge()?;
    manifest.spec["scheduling"] = serde_json::to_value(&outcome.scheduling)?;
    manifest.spec["stream_limit"] = serde_json::to_value(outcome.stream_limit)?;
    let interrupted = signals.outcome();
    manifest.exit_reason = match interrupted {
        Some(_) => ExitReason::Interrupted,
        None => ExitReason::Finished,
    };
    manifest.verdict = Some(outcome.verdict);
    write_manifest(&dir, &manifest)?;
    let run = RunDir::open(&dir)?;
    let summary = Summary::of_run(&run, outcome.lag)?;
    manifest.summary = Some(serde_json::to_value(&summary)?);
    write_manifest(&dir, &manifest)?;
    if let Some(runs) = dir.parent().filter(|_| interrupted.is_none()) {
        link_latest(runs, &dir)?;
    }

    let json = serde_json::to_string_pretty(&summary)? + "\n";
    if let Some(file) = &args.json {
        std::fs::write(file, &json)
            .with_context(|| format!("could not write {}", file.display()))?;
    }
    match args.format {
        Format::Text => stdout::print(&text::render(&summary, stdout::colour()))?,
        Format::Json => stdout::print(&json)?,
    }
    let may_be_invalid = args.allow_invalid || (embedded.is_some() && !args.strict_verdict);
    let level = manifest.verdict.as_ref().map(|verdict| verdict.level);
    if !quiet {
        say(&format!("results: {}\n", dir.display()));
        match level {
            Some(VerdictLevel::Degraded) => {
                say("warning: the schedule was kept with blemishes, see the verdict\n");
            }
            Some(VerdictLevel::Invalid) if may_be_invalid => {
                say("warning: the schedule was not kept; do not trust these figures\n");
            }
            _ => {}
        }
    }
    Ok(Outcome::of(&summary, may_be_invalid).max(interrupted.unwrap_or(Outcome::Ok)))
}

/// Opens a connection to the target and closes it again.
fn reach(args: &Args, embedded: Option<&Embedded>) -> anyhow::Result<Gateway> {
    let endpoint: Endpoint = match embedded {
        Some(gateway) => gateway.addr().to_string().parse()?,
        None => args
            .target
            .parse()
            .map_err(|e| BadInput(anyhow!("--target: {e}")))?,
    };
    let trust = Trust {
        ca: args.ca.clone(),
    };
    Gateway::reach(endpoint, &trust).map_err(told)
}

/// How many connections the sessions share, when at most `stream_limit` fit on one.
fn connections(args: &Args, extent: &Extent, stream_limit: usize) -> u32 {
    let peak = extent.peak_sessions.max(1);
    let share = match args.sessions_per_connection {
        Some(share) => u64::from(share),
        None => peak.div_ceil(MOST_CONNECTIONS),
    };
    let share = share.min(stream_limit as u64).max(1);
    u32::try_from(peak.div_ceil(share)).unwrap_or(u32::MAX)
}

/// What will be replayed, in a line.
fn announced(args: &Args, extent: &Extent, connections: u32, stream_limit: usize) -> String {
    let limit = match stream_limit {
        usize::MAX => String::new(),
        limit => format!(", which takes at most {limit} streams on each"),
    };
    format!(
        "{} sessions, {} turns, {} chunks over {}; up to {} sessions at once on {connections} connections ({} sessions on each) to {}{limit}\n",
        extent.sessions,
        extent.turns,
        extent.chunks,
        Human(extent.duration_ns),
        extent.peak_sessions,
        extent.peak_sessions.div_ceil(u64::from(connections.max(1))),
        args.target,
    )
}

fn planned(extent: &Extent) -> Planned {
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

impl Args {
    fn spec(&self, bundle: &Bundle, feasibility: &Feasibility, first: RunTime) -> ReplaySpec {
        let at = |ns: i64| RunTime(first.0 + ns);
        let drain_ns = feasibility.extent.drain_ns.max(1);
        ReplaySpec {
            workers: feasibility.workers,
            connections: feasibility.connections,
            opening: Opening {
                balance: self.balance,
                cold: self.cold_connections,
            },
            pacer: self.pacer,
            spin_ns: self.spin.ns,
            coalesce_ns: self.coalesce.ns,
            clip_memory_bytes: self.clip_memory.bytes,
            turn_timing: self.turn_timing(),
            timeout_ns: self.timeout.ns,
            playout_buffer_ns: self.playout_buffer.ns,
            headers: self.headers.clone(),
            replica_header: self.replica_header.clone(),
            keep_session_ids: self.keep_session_ids,
            keep_text: !self.no_text && bundle.manifest.source != TraceSource::Recorded.name(),
            messages: self.messages,
            steady: at(self.warmup.ns)..at(drain_ns),
        }
    }

    /// The settings as `run.json` shows them: resolved, secrets hidden.
    fn shown(&self, spec: &ReplaySpec) -> serde_json::Value {
        serde_json::json!({
            "command": "replay",
            "target": self.target,
            "window_ns": self.window,
            "limit": self.limit,
            "timeout_ns": spec.timeout_ns,
            "speed": self.speed,
            "scale": self.scale,
            "loop": self.looped,
            "until_ns": self.until.map(|until| until.ns),
            "seed": self.seed,
            "warmup_ns": self.warmup.ns,
            "steady_ns": [spec.steady.start.0, spec.steady.end.0],
            "reactive": spec.turn_timing.is_reactive(),
            "barge_in_ns": spec.turn_timing.barge_in_ns(),
            "workers": spec.workers,
            "pacer": spec.pacer.name(),
            "spin_ns": spec.spin_ns,
            "coalesce_ns": spec.coalesce_ns,
            "clip_memory_bytes": spec.clip_memory_bytes,
            "balance": spec.opening.balance.name(),
            "cold_connections": spec.opening.cold,
            "connections": spec.connections,
            "playout_buffer_ns": spec.playout_buffer_ns,
            "headers": redacted(&spec.headers),
            "replica_header": spec.replica_header,
            "keep_session_ids": spec.keep_session_ids,
            "text": spec.keep_text,
            "messages": spec.messages,
            "ca": self.ca,
            "force": self.force,
            "allow_invalid": self.allow_invalid,
            "strict_verdict": self.strict_verdict,
        })
    }
}

/// A trace that the system cannot read is our failure; one that makes no sense is bad input.
fn unreadable(error: TraceError) -> anyhow::Error {
    match error {
        error @ TraceError::Io { .. } => error.into(),
        error => BadInput(error.into()).into(),
    }
}

/// The error with the exit code that belongs to it.
fn told(error: ReplayError) -> anyhow::Error {
    match error {
        ReplayError::Unreachable(error @ ConnectError::Ca { .. }) => BadInput(error.into()).into(),
        ReplayError::Unreachable(error) => Unreachable(error.into()).into(),
        ReplayError::Trace(error) => BadInput(error.into()).into(),
        error => error.into(),
    }
}
