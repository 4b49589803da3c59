//! From a trace to a run: sends what the trace says, when it says so, whatever the gateway answers.
//!
//! `plan` lays the trace on the run's clock, `worker`s send it, each with one `pacer` for all its
//! sessions (`call` is one of them, `converse` reads its stream), `ledger` keeps the books, and
//! `verdict` says whether the schedule was kept. Failures of the gateway are rows, not errors.

mod call;
mod clips;
mod connections;
mod converse;
mod ledger;
mod pacer;
pub mod plan;
mod process;
mod progress;
mod tally;
pub mod verdict;
mod worker;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;

use tokio_util::sync::CancellationToken;

use crate::clock::RunClock;
use crate::live::gauges::Gauges;
use crate::results::ResultsError;
use crate::results::lag::LagSummary;
use crate::results::manifest::{RunManifest, Verdict};
use crate::results::writer::RunWriter;
use crate::trace::TraceError;
use crate::trace::model::EventKind;
use crate::units::{NS_PER_MS, NS_PER_S};
use crate::wire::channel::{ConnectError, Connector, Endpoint, Trust};

use clips::Clips;
use connections::Connections;
use ledger::MOST_WAITING;
use plan::Plan;
use progress::{End, RunFacts};
use tally::lag_histogram;
use verdict::Totals;
use worker::{Account, Assignment};

/// How a plan is replayed.
#[derive(Debug, Clone)]
pub struct ReplaySpec {
    /// The gateway.
    pub endpoint: Endpoint,
    /// Whom TLS trusts.
    pub trust: Trust,
    /// Threads that send.
    pub workers: usize,
    /// Connections of all of them.
    pub connections: u32,
    /// End of speech to first audio, and stream's end to its status.
    pub timeout_ns: i64,
    /// Buffer of the virtual caller.
    pub playout_buffer_ns: i64,
    /// Further request headers.
    pub headers: Vec<(String, String)>,
    /// Response header that names the replica.
    pub replica_header: Option<String>,
    /// Whether the gateway sees the trace's own session ids.
    pub keep_session_ids: bool,
    /// Whether transcripts and answers are kept.
    pub keep_text: bool,
    /// Whether a row is kept of each message.
    pub messages: bool,
}

/// What can keep a replay from its end.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The gateway cannot be reached; nothing was started.
    #[error(transparent)]
    Unreachable(#[from] ConnectError),
    /// A clip of the trace cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The results cannot be written.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The system refused.
    #[error("could not {what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// A worker panicked.
    #[error("a worker thread failed; this is a fault of voicelt")]
    Worker,
}

/// Stops a replay: first its arrivals, then its calls.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    arrivals: CancellationToken,
    calls: CancellationToken,
    by_user: Arc<AtomicBool>,
}

impl Stop {
    /// No further session starts; those under way go on.
    pub fn stop_arrivals(&self) {
        self.by_user.store(true, Ordering::SeqCst);
        self.arrivals.cancel();
    }

    /// Sessions under way are ended, and their rows written.
    pub fn stop_calls(&self) {
        self.arrivals.cancel();
        self.calls.cancel();
    }

    fn end(&self) -> End {
        match self.by_user.load(Ordering::SeqCst) {
            true => End::Interrupted,
            false => End::Cancelled,
        }
    }
}

/// A replay that is ready: the gateway answers, and the audio is framed.
pub struct Replay {
    spec: Arc<ReplaySpec>,
    plan: Arc<Plan>,
    clips: Arc<Clips>,
    connector: Connector,
}

/// What a replay has to show, besides the rows.
pub struct Outcome {
    /// The run directory, its tables not merged yet.
    pub writer: RunWriter,
    /// The lag of all chunks; `None` when none was sent.
    pub lag: Option<LagSummary>,
    /// Whether the schedule was kept.
    pub verdict: Verdict,
}

impl Replay {
    /// Checks that the gateway can be reached, and reads and frames the audio.
    ///
    /// # Errors
    /// A gateway that cannot be reached, or a clip that cannot be read.
    pub fn prepare(spec: ReplaySpec, plan: Plan) -> Result<Replay, ReplayError> {
        let connector = Connector::new(spec.endpoint.clone(), &spec.trust)?;
        let tried = runtime()?.block_on(connector.connect());
        drop(tried?);
        let clips = Arc::new(Clips::load(&plan)?);
        Ok(Replay {
            spec: Arc::new(spec),
            plan: Arc::new(plan),
            clips,
            connector,
        })
    }

    /// Replays to the end, or until told to stop. Blocks; the gauges tell how it goes.
    ///
    /// # Errors
    /// Results that cannot be written, or a refusal of the system.
    pub fn run(
        self,
        manifest: &RunManifest,
        writer: RunWriter,
        gauges: &Arc<Gauges>,
        stop: &Stop,
    ) -> Result<Outcome, ReplayError> {
        let clock = RunClock::new(&manifest.epoch);
        let run = RunFacts {
            run_id: manifest.run_id.clone(),
            epoch_realtime_ns: manifest.epoch.realtime_ns,
            keep_text: self.spec.keep_text,
        };
        let workers = self.spec.workers.clamp(1, self.plan.calls.len().max(1));
        let connections = self.spec.connections.max(workers as u32);
        let (ledger, entries) = sync_channel(MOST_WAITING);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..workers)
                .map(|number| {
                    let job = Assignment {
                        number,
                        calls: (number..self.plan.calls.len()).step_by(workers).collect(),
                        spec: self.spec.clone(),
                        plan: self.plan.clone(),
                        clips: self.clips.clone(),
                        run: run.clone(),
                        clock: clock.clone(),
                        gauges: gauges.clone(),
                        ledger: ledger.clone(),
                        stop: stop.clone(),
                    };
                    let share = |n: usize| n as u32 * connections / workers as u32;
                    let numbers = share(number)..share(number + 1);
                    let connector = self.connector.clone();
                    scope.spawn(move || serve(job, connector, numbers))
                })
                .collect();
            drop(ledger);
            let books = ledger::keep(writer, &entries, workers, &clock, gauges);
            if books.is_err() {
                stop.stop_calls();
            }
            drop(entries);
            let accounts = threads.into_iter().map(|thread| match thread.join() {
                Ok(account) => account,
                Err(_) => Err(ReplayError::Worker),
            });
            let accounts = accounts.collect::<Result<Vec<_>, _>>()?;
            let books = books?;
            let (lag, totals) = self.add_up(&accounts);
            Ok(Outcome {
                writer: books.writer,
                lag,
                verdict: books.watch.verdict(&totals),
            })
        })
    }

    fn add_up(&self, accounts: &[Account]) -> (Option<LagSummary>, Totals) {
        let (mut lag, mut start_lag) = (lag_histogram(), lag_histogram());
        for account in accounts {
            // All have the same bounds, so that adding cannot fail.
            let _ = lag.add(&account.lag);
            let _ = start_lag.add(&account.start_lag);
        }
        let at = |q: f64| i64::try_from(lag.value_at_quantile(q)).unwrap_or(i64::MAX);
        let summary = (!lag.is_empty()).then(|| LagSummary {
            p50_ns: at(0.5),
            p99_ns: at(0.99),
            p999_ns: at(0.999),
            max_ns: i64::try_from(lag.max()).unwrap_or(i64::MAX),
            late_chunks: accounts.iter().map(|account| account.late_chunks).sum(),
            chunks: lag.len(),
        });
        let is_audio = |kind| matches!(kind, EventKind::Audio | EventKind::Fill);
        let events = self
            .plan
            .trace
            .events
            .iter()
            .filter(|event| is_audio(event.kind));
        let totals = Totals {
            lag_p99_ns: summary.map_or(0, |summary| summary.p99_ns),
            start_lag_p99_ns: i64::try_from(start_lag.value_at_quantile(0.99)).unwrap_or(i64::MAX),
            interval_ns: events
                .map(|e| e.interval_ns)
                .min()
                .unwrap_or(20 * NS_PER_MS),
            rows_lost: accounts.iter().map(|account| account.rows_lost).sum(),
        };
        (summary, totals)
    }
}

/// One worker's thread.
fn serve(
    job: Assignment,
    connector: Connector,
    numbers: std::ops::Range<u32>,
) -> Result<Account, ReplayError> {
    let system = |what| move |source| ReplayError::System { what, source };
    let runtime = runtime()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async move {
        let connections = Connections::open(connector, numbers).await?;
        worker::work(job, connections)
            .await
            .map_err(system("keep time"))
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, ReplayError> {
    let built = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    built.map_err(|source| ReplayError::System {
        what: "start a worker",
        source,
    })
}

/// Time between the run's epoch and its first session, for connections and threads to be ready.
#[must_use]
pub fn lead_ns(connections: u32) -> i64 {
    NS_PER_S / 5 + i64::from(connections) * NS_PER_MS * 2
}

/// `k: v` headers as they may be shown: values of secrets are hidden.
#[must_use]
pub fn redacted(headers: &[(String, String)]) -> BTreeMap<String, String> {
    let hidden = |(name, _): &(String, String)| (name.clone(), "(hidden)".to_owned());
    headers.iter().map(hidden).collect()
}
