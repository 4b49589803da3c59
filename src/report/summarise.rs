//! How a run becomes its summary: from its rows, complete at once.

use super::accumulator::Accumulator;
use super::diagnosis::Case;
use super::guidance::{Surroundings, advise};
use super::lag::{self, LagBasis, ScheduleLag};
use super::rates::Rates;
use super::ready_wait::{ReadyWait, ReadyWaits};
use super::require::{Requirement, judge};
use super::server::{self, ServerSeries};
use super::summary::{Load, RunFacts, SUMMARY_SCHEMA, Summary};
use super::wer::{Wer, WerAccumulator, WerAsked};
use crate::results::ResultsError;
use crate::results::lag::LagSummary;
use crate::results::manifest::{Planned, RunManifest};
use crate::results::metrics::headline;
use crate::results::reader::RunDir;
use crate::results::row::{RequestRow, TimelineRow};

/// What a summary is made of besides the turns, and what is asked of it; of what is left out, it says
/// nothing.
#[derive(Debug, Default)]
pub struct Asked<'a> {
    /// The lag over all chunks; where it is null, that of the summary in `run.json`, since rows do not have
    /// it, else upper bounds by the timeline.
    pub lag: Option<LagSummary>,
    /// What must hold.
    pub requirements: &'a [Requirement],
    /// Whether what must hold is not judged where the verdict is invalid.
    pub held: bool,
    /// What lies around the run, for rules of thumb.
    pub around: Option<&'a Surroundings>,
    /// What is asked of the words.
    pub wer: WerAsked,
}

/// What is read of a run besides its turns.
#[derive(Debug, Default)]
struct Read<'a> {
    timeline: &'a [TimelineRow],
    ready_wait: Option<ReadyWait>,
    server: Vec<ServerSeries>,
    wer: Option<Wer>,
    unreadable: Vec<String>,
}

impl Summary {
    /// The summary of a run's rows, with the lag over all chunks where it is known.
    #[must_use]
    pub fn of(
        run: &RunManifest,
        rows: &[RequestRow],
        timeline: &[TimelineRow],
        lag: Option<LagSummary>,
    ) -> Summary {
        let mut counts = Accumulator::of(run, &Requirement::kept_by(run));
        rows.iter().for_each(|row| counts.add(row));
        let asked = Asked {
            lag,
            ..Asked::default()
        };
        let read = Read {
            timeline,
            ..Read::default()
        };
        Summary::complete(run, counts, read, &asked)
    }

    /// The summary of a run directory, from its rows as they are now; each request is also handed to
    /// `each`, so that it is read once.
    ///
    /// # Errors
    /// Tables that are missing or cannot be read; damaged parts of an unfinished run are listed instead.
    pub fn of_run(
        run: &RunDir,
        asked: &Asked<'_>,
        mut each: impl FnMut(&RequestRow),
    ) -> Result<Summary, ResultsError> {
        run.check_tables()?;
        // A report of a damaged run is none, whether or not its clips are asked for.
        let clips = run.clips()?;
        let server = server::series(&run.server()?);
        let required = match asked.requirements {
            [] => Requirement::kept_by(run.manifest()),
            asked => asked.to_vec(),
        };
        let mut counts = Accumulator::of(run.manifest(), &required);
        let compared = asked.wer.compared;
        let mut words = compared.then(|| WerAccumulator::of(run.manifest(), &clips));
        let mut unreadable = run.for_each_request(|row| {
            counts.add(&row);
            words.iter_mut().for_each(|words| words.add(&row));
            each(&row);
        })?;
        let timeline = run.timeline()?;
        unreadable.extend(timeline.unreadable);
        let (ready_wait, unread) = ready_wait(run)?;
        // Starts are read for turns and for sessions.
        unreadable.extend(
            unread
                .into_iter()
                .filter(|unread| !unreadable.contains(unread))
                .collect::<Vec<_>>(),
        );
        unreadable.extend(run.changed_tables());
        let read = Read {
            timeline: &timeline.rows,
            ready_wait,
            server,
            wer: words.map(|words| words.finish(asked.wer.texts)),
            unreadable,
        };
        Ok(Summary::complete(run.manifest(), counts, read, asked))
    }

    fn complete(
        run: &RunManifest,
        counts: Accumulator,
        read: Read<'_>,
        asked: &Asked<'_>,
    ) -> Summary {
        let timeline = read.timeline;
        let lag = asked.lag.or_else(|| kept_lag(run));
        let lag = lag.map(|figures| ScheduleLag {
            basis: LagBasis::Measured,
            figures,
        });
        let planned = planned(run, &counts, timeline);
        let turns = counts.turns(planned.turns);
        let measured = counts.selection.measured.clone();
        let load = load(&planned, counts.sessions_started(), timeline);
        let answers_by = counts.selection.answers();
        let latencies = counts.selection.all();
        let ready_wait = read.ready_wait.as_ref();
        let case = Case {
            run,
            timeline,
            ready_wait_max_ns: ready_wait.and_then(|wait| wait.figures.max_ns).unwrap_or(0),
            response: latencies.get(headline(answers_by).name).copied(),
        };
        let diagnosis = counts.evidence.findings(case);
        let seconds = timeline.iter().map(|row| row.second_ns);
        let last_ns = seconds.max().max(counts.last_ns).max(run.ended_ns);
        let last_ns = last_ns.unwrap_or(0);
        let steady = counts.steady.finish(last_ns);
        let figures = Summary {
            schema_version: SUMMARY_SCHEMA.to_owned(),
            run: run_facts(run, last_ns),
            verdict: run.verdict.clone(),
            turns,
            measured,
            load,
            lag: lag.or_else(|| lag::from_timeline(timeline)),
            blocked_ns: counts.blocked_ns,
            answers_by,
            latencies,
            shares: counts.shares.finish(),
            goodput: counts.goodput.finish(&steady),
            sections: counts.sections.finish(),
            ready_wait: read.ready_wait,
            steady,
            growth: counts.growth.finish(),
            wer: read.wer,
            server: read.server,
            error_breakdown: counts.errors.finish(),
            peers: counts.peers.finish(),
            replicas: counts.replicas.finish(),
            diagnosis,
            unreadable: read.unreadable,
            requirements: Vec::new(),
            guidance: Vec::new(),
        };
        Summary {
            requirements: judge(asked.requirements, &figures, asked.held),
            guidance: asked
                .around
                .map_or_else(Vec::new, |around| advise(&figures, around)),
            ..figures
        }
    }
}

/// How long servers took to be ready, and one message for each part of a run that could not be read; only
/// where each session has a connection of its own is there such a wait.
fn ready_wait(run: &RunDir) -> Result<(Option<ReadyWait>, Vec<String>), ResultsError> {
    let mut waits = ReadyWaits::default();
    let unread = match run.manifest().spec.dialect().is_websocket() {
        true => run.for_each_session(|row| waits.add(&row))?,
        false => Vec::new(),
    };
    Ok((waits.finish(), unread))
}

/// The lag over all chunks, as it was summed up when the run ended.
fn kept_lag(run: &RunManifest) -> Option<LagSummary> {
    let lag = run.summary.as_ref()?.get("lag")?.clone();
    let lag: ScheduleLag = serde_json::from_value(lag).ok()?;
    (lag.basis == LagBasis::Measured).then_some(lag.figures)
}

fn run_facts(run: &RunManifest, last_ns: i64) -> RunFacts {
    RunFacts {
        run_id: run.run_id.clone(),
        name: run.name.clone(),
        trace: run.trace.name.clone(),
        trace_blake3: run.trace.content_blake3.clone(),
        target: run.spec.target.get().cloned(),
        dialect: run.spec.dialect(),
        description: run.spec.description.get().cloned(),
        profile: run.spec.profile.get().copied(),
        wire_format: run.spec.wire_format.get().copied(),
        endpointing: run.spec.endpointing.get().copied(),
        exit_reason: run.exit_reason,
        started_at: run.started_at.clone(),
        elapsed_ns: last_ns,
        labels: run.labels.clone(),
        closed_loop: run.closed_loop.clone(),
        reactive: run.spec.reactive.is_set(),
        allow_invalid: run.spec.allow_invalid.is_set(),
    }
}

/// What the plan asked for; where there is none, what the users asked for as they went.
fn planned(run: &RunManifest, accumulator: &Accumulator, timeline: &[TimelineRow]) -> Planned {
    match &run.closed_loop {
        None => run.planned.clone(),
        Some(users) => Planned {
            sessions: accumulator.sessions_started(),
            turns: accumulator.rows(),
            chunks: timeline.iter().map(|row| row.offered_chunks).sum(),
            peak_sessions: users.users.into(),
            ..Planned::default()
        },
    }
}

fn load(planned: &Planned, sessions_started: u64, timeline: &[TimelineRow]) -> Load {
    let known = !timeline.is_empty();
    let peak = timeline.iter().map(|row| row.active_sessions).max();
    Load {
        sessions_planned: planned.sessions,
        sessions_started,
        peak_sessions_planned: planned.peak_sessions,
        peak_sessions: peak.map(u64::from),
        chunks_planned: planned.chunks,
        chunks_sent: known.then(|| timeline.iter().map(|row| row.achieved_chunks).sum()),
        rates: Rates::of(timeline),
    }
}
