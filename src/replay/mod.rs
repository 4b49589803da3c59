//! From a trace to a run: sends what the trace says, when it says so, whatever the gateway answers.
//!
//! `plan` lays the sessions of the trace on the run's clock, each with the `microphone` that the protocol needs
//! (`plan_extent` says how large it is,
//! `calibrate` and `limits` what this machine can do, by a `trial`) and makes a `script` of each, with its
//! `session_index` and how it was answered when it was `recorded`. `loader` hands them to the workers
//! shortly before they start, to a gateway that was in `reach`, with their audio framed (`audio_cache`), in the format of the protocol
//! (`wire_audio`), and made where the trace has none (`synthetic_clip`). In a closed loop there is no plan:
//! `population` says who is there when, `requests` what they say, `request_producer` makes that ready, and the
//! `users` of a worker when each begins. `worker`s send what `starts` next, each with one
//! `pacer` and the `timers` of all its sessions: `call` is one of them, with its `cursor` in its
//! script: what it `send`s, what of that is `written`, what it `receive`s, its caller's `reaction`, its
//! `closing` and its `end`, with `effect`s that the worker carries out; `stream` opens and reads its stream. `idle` says when a worker had nothing to do, and `rest`
//! how short it may sleep. `result_sink` keeps the books from the workers' `entry`s, which come through a
//! `message_queue` where they are of messages, in the `phases` of the run, `session_vars` what differs between
//! sessions by a table, and `verdict`
//! says whether the schedule was kept. Failures of the gateway are rows, not errors.

pub mod accumulator;
mod audio_cache;
pub mod calibrate;
mod call;
mod closing;
pub mod connections;
pub mod cursor;
mod effect;
mod end;
#[cfg(test)]
mod engine_tests;
pub mod entry;
mod error;
mod facts;
mod grid;
mod idle;
pub mod limits;
mod loader;
pub mod message_queue;
pub mod microphone;
pub mod pacer;
pub mod phases;
pub mod plan;
pub mod plan_extent;
pub mod population;
pub mod process;
pub mod progress;
mod reach;
mod reaction;
mod receive;
mod recorded;
mod request;
pub mod request_producer;
pub mod requests;
mod rest;
mod result_sink;
pub mod scheduling;
pub mod script;
mod send;
pub mod session;
pub mod session_index;
pub mod session_vars;
mod shared;
mod spec;
mod starts;
mod stop;
mod stream;
mod synthetic_clip;
pub mod timers;
mod trial;
mod users;
pub mod verdict;
mod webhook;
mod wire_audio;
mod worker;
mod written;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;

use crate::clock::{Clock, RunClock};
use crate::live::gauges::Gauges;
use crate::results::lag::LagSummary;
use crate::results::manifest::{AddressChange, AddressConnections, RunManifest, TraceRef, Verdict};
use crate::results::row::RequestRow;
use crate::results::settings::Granted;
use crate::results::writer::RunWriter;
use crate::trace::stream::Bundle;
use crate::transport::channel::Connector;
use crate::units::{NS_PER_MS, NS_PER_S};

use accumulator::lag_histogram;
use connections::{Book, Series};
use facts::RunFacts;
use idle::Idle;
use loader::{Loader, Reading};
use pacer::Pacer;
use plan::Plan;
use request_producer::{ClosedLoopSpec, RequestProducer};
use result_sink::{Books, MOST_WAITING};
use shared::Account;
use starts::Starts;
use verdict::Totals;
use worker::Assignment;

pub use error::ReplayError;
pub use reach::Gateway;
pub use spec::{GreetingWait, ReplaySpec, TurnTiming, USER_AGENT, default_workers, dialect_name};
pub use stop::Stop;

/// Longest part of the time before the first session that is there for a gateway to be connected to: with
/// the rest it is about a second for a few connections.
const MOST_CONNECT_NS: i64 = 800 * NS_PER_MS;

/// How `run.json` refers to a trace.
#[must_use]
pub fn trace_ref(bundle: &Bundle) -> TraceRef {
    TraceRef {
        name: bundle.manifest.name.clone(),
        content_blake3: bundle.manifest.content_blake3.clone(),
    }
}

/// What is to be sent.
pub enum Traffic {
    /// What a plan says, whatever is answered.
    Plan(Plan),
    /// What users say, each after the answer to what was said before.
    Users(ClosedLoopSpec),
}

/// A replay that is ready: the gateway answers, and the first sessions and their audio are read.
pub struct Replay {
    spec: Arc<ReplaySpec>,
    bundle: Arc<Bundle>,
    source: Source,
    starts: Vec<Starts>,
    gateway: Gateway,
}

/// Where sessions and their audio come from.
enum Source {
    Plan(Loader),
    Users(RequestProducer),
}

/// What a replay has to show, besides the rows.
pub struct Outcome {
    /// The run directory, its tables not merged yet.
    pub writer: RunWriter,
    /// When the last call had ended and the last user left, since the run's epoch.
    pub ended_ns: i64,
    /// The lag of all chunks; `None` when none was sent.
    pub lag: Option<LagSummary>,
    /// Whether the schedule was kept.
    pub verdict: Verdict,
    /// The scheduling that the system granted the threads that send.
    pub scheduling: Option<Granted>,
    /// Streams that the gateway allows on a connection, where it set a limit.
    pub stream_limit: Option<usize>,
    /// The addresses that the gateway's name got and lost.
    pub address_changes: Vec<AddressChange>,
    /// What came of the connections to each address.
    pub connections: Vec<AddressConnections>,
}

impl Replay {
    /// Reads what is needed first.
    ///
    /// # Errors
    /// A trace that cannot be read.
    pub fn prepare(
        spec: ReplaySpec,
        gateway: Gateway,
        bundle: Arc<Bundle>,
        traffic: Traffic,
    ) -> Result<Replay, ReplayError> {
        let limit_bytes = spec.clip_memory_bytes;
        let (source, starts) = match traffic {
            Traffic::Plan(plan) => {
                let (mut loader, scripts) = Loader::new(
                    spec.dialect.clone(),
                    plan,
                    bundle.clone(),
                    limit_bytes,
                    spec.workers,
                    spec.turn_timing.is_reactive(),
                );
                loader.fill()?;
                let starts = scripts.into_iter().map(Starts::planned).collect();
                (Source::Plan(loader), starts)
            }
            Traffic::Users(users) => {
                let (producer, users) = RequestProducer::new(
                    spec.dialect.clone(),
                    &users,
                    &bundle,
                    limit_bytes,
                    spec.workers,
                )?;
                let starts = users.into_iter().map(Starts::Users).collect();
                (Source::Users(producer), starts)
            }
        };
        Ok(Replay {
            spec: Arc::new(spec),
            bundle,
            source,
            starts,
            gateway,
        })
    }

    /// Replays to the end, or until told to stop. Blocks; the gauges tell how it goes, and `each`
    /// is shown each turn that ended: it must return at once.
    ///
    /// # Errors
    /// Results that cannot be written, a trace that cannot be read on, or a refusal of the system.
    pub fn run(
        self,
        manifest: &RunManifest,
        writer: RunWriter,
        gauges: &Arc<Gauges>,
        stop: &Stop,
        each: &(dyn Fn(&RequestRow) + Sync),
    ) -> Result<Outcome, ReplayError> {
        let clock = RunClock::new(&manifest.epoch);
        let run = Arc::new(RunFacts {
            run_id: manifest.run_id.clone(),
            epoch_realtime_ns: manifest.epoch.realtime_ns,
            keep_text: self.spec.keep_text,
            keep_session_ids: self.spec.keep_session_ids,
            clips: self.bundle.clips.clone(),
            closed_loop: manifest.closed_loop.is_some(),
            dialect: self.spec.dialect_name(),
            nature: self.spec.dialect.nature(),
            phases: self.spec.phases.clone(),
        });
        let workers = self.starts.len();
        let connections = self.spec.connections.max(workers as u32);
        let (sink, entries) = sync_channel(MOST_WAITING);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..workers)
                .zip(self.starts)
                .map(|(number, starts)| {
                    let job = Assignment {
                        idle: Idle::default(),
                        number,
                        starts,
                        spec: self.spec.clone(),
                        run: run.clone(),
                        clock: clock.clone(),
                        gauges: gauges.clone(),
                        sink: sink.clone(),
                        stop: stop.clone(),
                    };
                    let share = |n: usize| n as u32 * connections / workers as u32;
                    let numbers = share(number)..share(number + 1);
                    let gateway = self.gateway.clone();
                    let series = Series {
                        first: number as u32,
                        step: workers as u32,
                    };
                    scope.spawn(move || serve(job, gateway, numbers, series))
                })
                .collect();
            drop(sink);
            let (source, clock_of_loader) = (self.source, clock.clone());
            let over = &over;
            let loading = scope.spawn(move || {
                let starts = || !stop.arrivals.is_cancelled();
                let audio = || !over.load(Ordering::SeqCst) && !stop.calls.is_cancelled();
                let loaded = match source {
                    Source::Plan(loader) => loader.run(&clock_of_loader, gauges, || Reading {
                        starts: starts(),
                        audio: audio(),
                    }),
                    Source::Users(producer) => producer.run(|| starts() && audio()),
                };
                if loaded.is_err() {
                    stop.stop_calls();
                }
                loaded
            });
            let books = result_sink::keep(writer, &entries, workers, &run, &clock, gauges, each);
            if books.is_err() {
                stop.stop_calls();
            }
            drop(entries);
            let accounts = threads.into_iter().map(|thread| match thread.join() {
                Ok(account) => account,
                Err(_) => Err(ReplayError::Worker),
            });
            let accounts = accounts.collect::<Vec<_>>();
            let ended_ns = clock.now().0;
            over.store(true, Ordering::SeqCst);
            loading.join().map_err(|_| ReplayError::Worker)??;
            let served = accounts.into_iter().collect::<Result<Vec<_>, _>>()?;
            let (accounts, tried): (Vec<_>, Vec<_>) = served.into_iter().unzip();
            let books = books?;
            let (lag, mut totals) = add_up(&books, &accounts);
            let calibration = manifest.calibration.as_ref();
            totals.timer_error_p99_ns = calibration.map_or(0, |found| found.timer_error_p99_ns);
            Ok(Outcome {
                writer: books.writer,
                ended_ns,
                lag,
                verdict: books.watch.verdict(&totals),
                stream_limit: accounts.iter().filter_map(|a| a.stream_limit).min(),
                address_changes: address_changes(
                    &self.gateway.connector,
                    manifest.epoch.monotonic_ns,
                ),
                connections: Book::sum(tried),
                scheduling: accounts.into_iter().find_map(|account| account.scheduling),
            })
        })
    }
}

/// How the gateway's name moved in the run that began at `epoch_ns`.
fn address_changes(connector: &Connector, epoch_ns: i64) -> Vec<AddressChange> {
    let changes = connector.address_changes().into_iter();
    let in_run = changes.map(|change| AddressChange {
        at_ns: change.at_ns - epoch_ns,
        address: change.address.to_string(),
        came: change.came,
    });
    in_run.filter(|change| change.at_ns >= 0).collect()
}

/// What the books and all workers say.
fn add_up(books: &Books, accounts: &[Account]) -> (Option<LagSummary>, Totals) {
    let lag = &books.lag;
    let mut start_lag = lag_histogram();
    for account in accounts {
        // All have the same bounds, so that adding cannot fail.
        let _ = start_lag.add(&account.start_lag);
    }
    let at = |q: f64| i64::try_from(lag.value_at_quantile(q)).unwrap_or(i64::MAX);
    let summary = (!lag.is_empty()).then(|| LagSummary {
        p50_ns: at(0.5),
        p99_ns: at(0.99),
        p999_ns: at(0.999),
        max_ns: i64::try_from(lag.max()).unwrap_or(i64::MAX),
        late_chunks: books.late_chunks,
        blocked_chunks: books.blocked_chunks,
        chunks: lag.len(),
    });
    let sum = |of: fn(&Account) -> u64| accounts.iter().map(of).sum();
    let intervals = accounts.iter().filter_map(|account| account.interval_ns);
    let totals = Totals {
        lag_p99_ns: summary.map_or(0, |summary| summary.p99_ns),
        start_lag_p99_ns: i64::try_from(start_lag.value_at_quantile(0.99)).unwrap_or(i64::MAX),
        interval_ns: intervals.min().unwrap_or(20 * NS_PER_MS),
        rows_lost: sum(|account| account.rows_lost),
        audio_misses: sum(|account| account.audio_misses),
        not_started: sum(|account| account.not_started),
        limit: accounts.iter().find_map(|account| account.limit.clone()),
        ..Totals::default()
    };
    (summary, totals)
}

/// One worker's thread; returns its account, and what came of its connections, which have these `numbers`, or
/// those of the `series` where each session has its own.
fn serve(
    job: Assignment,
    gateway: Gateway,
    numbers: Range<u32>,
    series: Series,
) -> Result<(Account, Book), ReplayError> {
    let system = |what| move |source| ReplayError::System { what, source };
    let (source, connect_ns) = (
        connections::Source::of(gateway.connector),
        gateway.connect_ns,
    );
    let source = source.map_err(system("start a thread that opens connections"))?;
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let job = Assignment {
        idle: Idle::watch(&mut runtime),
        ..job
    };
    let runtime = runtime.enable_all().build();
    let runtime = runtime.map_err(system("start a worker"))?;
    let local = tokio::task::LocalSet::new();
    let opening = job.spec.opening;
    let granted = scheduling::request();
    local.block_on(&runtime, async move {
        // The timer comes first: connections may take every descriptor that is left.
        let pacer = Pacer::new(job.spec.pacer, job.clock.clone(), job.spec.spin_ns);
        let pacer = pacer.map_err(system("make a timer"))?;
        let connections = source.begin(numbers, series, opening, connect_ns);
        let worked = worker::work(job, pacer, connections.clone()).await;
        let mut account = worked.map_err(system("keep time"))?;
        account.scheduling = Some(granted);
        account.stream_limit = connections.stream_limit();
        Ok((account, connections.close()))
    })
}

/// Time between the run's epoch and its first session, for threads and connections to be ready, of which
/// each batch takes as long as the one that was opened before the run. What takes longer than that is
/// not waited for, nor is anything longer than a second or so: the first sessions then take what is
/// open.
#[must_use]
pub fn lead_ns(connections: u32, connect_ns: i64) -> i64 {
    let batches = i64::from(connections.div_ceil(connections::BATCH));
    let connect_ns = batches.saturating_mul(connect_ns).min(MOST_CONNECT_NS);
    NS_PER_S / 5 + i64::from(connections) * NS_PER_MS * 2 + connect_ns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_session_waits_for_connections_of_ordinary_speed_and_no_longer() {
        let at_once = lead_ns(8, 0);
        assert_eq!(lead_ns(8, 20 * NS_PER_MS) - at_once, 20 * NS_PER_MS);
        assert_eq!(lead_ns(40, 20 * NS_PER_MS) - lead_ns(40, 0), 40 * NS_PER_MS);
        assert!(lead_ns(8, 10 * NS_PER_S) < 11 * NS_PER_S / 10);
        assert!(lead_ns(u32::MAX, i64::MAX) > lead_ns(8, 0));
    }
}
