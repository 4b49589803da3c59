//! `voicelt replay`: a trace against a gateway, and what came of it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow};
use rand::RngExt;

use super::duration::DurationArg;
use super::exit::{BadInput, Outcome, Unreachable};
use super::report::Format;
use super::stderr::say;
use super::{live, stamp, stdout};
use crate::clock::{RunClock, epoch_now};
use crate::gateway::{Embedded, GatewaySpec};
use crate::live::gauges::Gauges;
use crate::replay::plan::{Plan, Selection};
use crate::replay::{Replay, ReplayError, ReplaySpec, Stop, lead_ns, redacted};
use crate::report::{Summary, text};
use crate::results::manifest::{ExitReason, Host, RUN_FORMAT, RunManifest, TraceRef, VerdictLevel};
use crate::results::reader::RunDir;
use crate::results::writer::{RunWriter, write_manifest};
use crate::table::write_all;
use crate::trace::{Trace, TraceError};
use crate::units::{Human, RunTime, TraceTime};
use crate::wire::channel::{ConnectError, Endpoint, Trust};

/// The target that is the reference gateway in this process.
const EMBEDDED: &str = "embedded";
/// Most connections that are opened without being asked for.
const MOST_CONNECTIONS: u64 = 64;
/// Time that calls under way are given after Ctrl-C.
const DRAIN: Duration = Duration::from_secs(5);

/// Replay a trace: sessions start and chunks leave at their recorded instants, whatever the
/// gateway answers.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The trace bundle
    #[arg(value_name = "TRACE")]
    trace: PathBuf,
    /// The gateway: host:port, a URL, or `embedded` for the reference gateway in this process
    #[arg(
        short,
        long,
        value_name = "URL",
        default_value = "http://localhost:50051",
        env = "VOICELT_TARGET"
    )]
    target: String,
    /// Run directory to make; runs/TRACE-TIME when not given
    #[arg(short, long, value_name = "RUNDIR")]
    output: Option<PathBuf>,
    /// Only sessions that start in this stretch of the trace, such as 30s..2m
    #[arg(long, value_name = "A..B", value_parser = window)]
    window: Option<(i64, i64)>,
    /// Only the first N sessions
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// From the end of speech to the first audio; the call is then ended
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    timeout: DurationArg,
    /// Request header, repeatable; values are never written anywhere
    #[arg(long = "header", value_name = "KEY:VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// Label of the run, repeatable
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Trust the certificates of this PEM file instead of the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Connections; as many as sessions overlap, up to 64, when not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    connections: Option<u32>,
    /// Threads that send; half of the cores when not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    /// Response header that names the replica which answered
    #[arg(long, value_name = "NAME")]
    replica_header: Option<String>,
    /// Audio that the virtual caller buffers before it plays an answer
    #[arg(long, value_name = "DURATION", default_value = "60ms")]
    playout_buffer: DurationArg,
    /// Let the gateway see the trace's own session ids
    #[arg(long)]
    keep_session_ids: bool,
    /// Keep no transcripts and answers (the default for recorded traces)
    #[arg(long)]
    no_text: bool,
    /// Keep a row of each message in messages.parquet
    #[arg(long)]
    messages: bool,
    /// Exit 0 though the schedule was not kept
    #[arg(long)]
    allow_invalid: bool,
    /// Exit 4 when the schedule was not kept with the embedded gateway too
    #[arg(long, conflicts_with = "allow_invalid")]
    strict_verdict: bool,
    /// What to print: text, or JSON
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Also write the JSON to FILE
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn window(text: &str) -> Result<(i64, i64), String> {
    let end = |text: &str| {
        text.parse::<DurationArg>()
            .map(|d| d.ns)
            .map_err(|e| e.to_string())
    };
    let (from, to) = text
        .split_once("..")
        .ok_or("a window is FROM..TO, such as 30s..2m")?;
    let (from, to) = (end(from)?, end(to)?);
    if from < to {
        Ok((from, to))
    } else {
        Err("the window ends before it begins".to_owned())
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a header is KEY:VALUE")?;
    let name = http::HeaderName::from_bytes(name.trim().to_lowercase().as_bytes())
        .map_err(|_| format!("`{}` is no header name", name.trim()))?;
    let value = value.trim();
    http::HeaderValue::from_str(value)
        .map_err(|_| format!("the value of `{name}` is no header value"))?;
    Ok((name.to_string(), value.to_owned()))
}

fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a label is KEY=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Replays, writes the run directory and prints its summary.
///
/// # Errors
/// [`BadInput`], [`Unreachable`], or our own failure.
pub fn run(args: &Args, quiet: bool) -> anyhow::Result<ExitCode> {
    let trace = Trace::open(&args.trace).map_err(|error| match error {
        error @ TraceError::Io { .. } => anyhow!(error),
        error => BadInput(error.into()).into(),
    })?;
    let trace = Arc::new(trace);
    let embedded = match args.target.as_str() {
        EMBEDDED => Some(Embedded::start(GatewaySpec::default())?),
        _ => None,
    };
    let outcome = replay(args, quiet, &trace, embedded.as_ref());
    if let Some(gateway) = embedded {
        gateway.stop()?;
    }
    Ok(outcome?.into())
}

fn replay(
    args: &Args,
    quiet: bool,
    trace: &Arc<Trace>,
    embedded: Option<&Embedded>,
) -> anyhow::Result<Outcome> {
    let endpoint: Endpoint = match embedded {
        Some(gateway) => gateway.addr().to_string().parse()?,
        None => args
            .target
            .parse()
            .map_err(|e| BadInput(anyhow!("--target: {e}")))?,
    };
    let selection = Selection {
        window: args.window.map(|(from, to)| Range {
            start: TraceTime(from),
            end: TraceTime(to),
        }),
        limit: args.limit,
    };
    let plan = Plan::new(trace.clone(), &selection);
    let sketch = plan.planned();
    if sketch.sessions == 0 {
        return Err(BadInput(anyhow!(
            "no session of the trace starts in --window, or --limit is 0"
        ))
        .into());
    }
    let connections = args
        .connections
        .unwrap_or(sketch.peak_sessions.clamp(1, MOST_CONNECTIONS) as u32);
    let plan = plan.starting_at(RunTime(lead_ns(connections)));
    let spec = args.spec(trace, endpoint, connections);
    let shown = args.shown(&spec);
    if !quiet {
        say(&format!(
            "{} sessions, {} turns, {} chunks over {}; up to {} sessions at once on {connections} connections to {}\n",
            sketch.sessions,
            sketch.turns,
            sketch.chunks,
            Human(sketch.duration_ns),
            sketch.peak_sessions,
            args.target,
        ));
    }
    let replay = Replay::prepare(spec, plan).map_err(told)?;

    let run_id = format!("{:032x}", rand::rng().random::<u128>());
    let dir = args
        .output
        .clone()
        .unwrap_or_else(|| default_dir(&trace.manifest.name));
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
            name: trace.manifest.name.clone(),
            content_blake3: trace.manifest.content_blake3.clone(),
        },
        epoch: epoch_now(),
        planned: sketch,
        verdict: None,
        summary: None,
    };
    let writer = RunWriter::create(&dir, &manifest, args.messages)
        .map_err(|error| BadInput(error.into()))?;
    write_all(
        &dir.join("clips.parquet"),
        crate::table::ROW_GROUP_ROWS,
        &[],
        &trace.clips,
    )?;
    // Directories and clips took their time: the run begins now.
    manifest.epoch = epoch_now();
    write_manifest(&dir, &manifest)?;

    let gauges = Arc::new(Gauges::default());
    let stop = Stop::default();
    let signals = Signals::listen(&stop, quiet)?;
    let clock = RunClock::new(&manifest.epoch);
    let (done, shown_until) = std::sync::mpsc::channel::<()>();
    let outcome = std::thread::scope(|scope| {
        if !quiet {
            let (gauges, clock, sessions) = (&gauges, &clock, manifest.planned.sessions);
            scope.spawn(move || live::show(gauges, clock, sessions, &shown_until));
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
    let interrupted = signals.outcome();
    manifest.exit_reason = match interrupted {
        Some(_) => ExitReason::Interrupted,
        None => ExitReason::Finished,
    };
    manifest.verdict = Some(outcome.verdict);
    write_manifest(&dir, &manifest)?;
    let run = RunDir::open(&dir)?;
    let summary = Summary::of(
        &manifest,
        &run.requests()?.rows,
        &run.timeline()?.rows,
        outcome.lag,
    );
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

impl Args {
    fn spec(&self, trace: &Trace, endpoint: Endpoint, connections: u32) -> ReplaySpec {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        ReplaySpec {
            endpoint,
            trust: Trust {
                ca: self.ca.clone(),
            },
            workers: self.workers.map_or(cores.div_ceil(2), usize::from),
            connections,
            timeout_ns: self.timeout.ns,
            playout_buffer_ns: self.playout_buffer.ns,
            headers: self.headers.clone(),
            replica_header: self.replica_header.clone(),
            keep_session_ids: self.keep_session_ids,
            keep_text: !self.no_text && trace.manifest.source != "recorded",
            messages: self.messages,
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
            "workers": spec.workers,
            "connections": spec.connections,
            "playout_buffer_ns": spec.playout_buffer_ns,
            "headers": redacted(&spec.headers),
            "replica_header": spec.replica_header,
            "keep_session_ids": spec.keep_session_ids,
            "text": spec.keep_text,
            "messages": spec.messages,
            "ca": self.ca,
            "allow_invalid": self.allow_invalid,
            "strict_verdict": self.strict_verdict,
        })
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

fn default_dir(trace: &str) -> PathBuf {
    let base = format!("{trace}-{}", stamp::now().strftime("%Y%m%d-%H%M%S"));
    let free = |dir: &PathBuf| !dir.exists();
    let mut names = (1..).map(|n| match n {
        1 => Path::new("runs").join(&base),
        n => Path::new("runs").join(format!("{base}-{n}")),
    });
    names
        .find(free)
        .unwrap_or_else(|| Path::new("runs").join(&base))
}

/// Makes `latest` in `runs` lead to `dir`, in one step.
fn link_latest(runs: &Path, dir: &Path) -> anyhow::Result<()> {
    let Some(name) = dir.file_name().filter(|_| runs.ends_with("runs")) else {
        return Ok(());
    };
    let temporary = runs.join(format!(".latest-{}", std::process::id()));
    std::os::unix::fs::symlink(name, &temporary)
        .and_then(|()| std::fs::rename(&temporary, runs.join("latest")))
        .with_context(|| format!("could not link {}", runs.join("latest").display()))
}

fn host() -> Host {
    let uname = rustix::system::uname();
    let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find(|line| line.starts_with("model name"));
    Host {
        hostname: text(uname.nodename()),
        os: format!("{} {}", text(uname.sysname()), text(uname.release())),
        cpu: model
            .and_then(|line| line.split(": ").nth(1))
            .unwrap_or_default()
            .to_owned(),
        cores: std::thread::available_parallelism().map_or(1, |n| n.get() as u32),
    }
}

/// Ctrl-C and SIGTERM: the first stops arrivals and gives calls a drain time, the second ends them.
struct Signals {
    got: Arc<AtomicU8>,
    _runtime: tokio::runtime::Runtime,
}

impl Signals {
    fn listen(stop: &Stop, quiet: bool) -> anyhow::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let guard = runtime.enter();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        drop(guard);
        let got = Arc::new(AtomicU8::new(0));
        let (seen, stop) = (got.clone(), stop.clone());
        runtime.spawn(async move {
            let outcome = tokio::select! {
                _ = interrupt.recv() => Outcome::Interrupted,
                _ = terminate.recv() => Outcome::Terminated,
            };
            seen.store(outcome.code(), Ordering::SeqCst);
            stop.stop_arrivals();
            if !quiet {
                say("\nstopping: no further calls; those under way have 5 s to end (again to end them now)\n");
            }
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                () = tokio::time::sleep(DRAIN) => {}
            }
            stop.stop_calls();
        });
        Ok(Signals {
            got,
            _runtime: runtime,
        })
    }

    fn outcome(&self) -> Option<Outcome> {
        match self.got.load(Ordering::SeqCst) {
            130 => Some(Outcome::Interrupted),
            143 => Some(Outcome::Terminated),
            _ => None,
        }
    }
}
