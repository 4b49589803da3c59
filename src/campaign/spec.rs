//! What a run is to be, and what follows from that before it is made.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::error::RunError;
use super::feasibility::Feasibility;
use crate::replay::calibrate::calibrate;
use crate::replay::limits::{local_ports, raise_open_files};
use crate::replay::phases::Phases;
use crate::replay::plan::Shape;
use crate::replay::plan_extent::{SketchError, plan, plan_extent};
use crate::replay::request_producer::ClosedLoopSpec;
use crate::replay::{ReplayError, ReplaySpec, Traffic, default_workers};
use crate::results::manifest::{Campaign, ClosedLoop, Planned};
use crate::results::settings::{Command, Settings};
use crate::trace::TraceError;
use crate::trace::extent::Extent;
use crate::trace::model::TraceSource;
use crate::trace::stream::Bundle;
use crate::units::{NS_PER_S, RunTime, SampleRate};

/// Most connections that are opened without being asked for.
const MOST_CONNECTIONS: u64 = 64;

/// One run that is to be made.
#[derive(Debug, Clone)]
pub struct RunSpec {
    /// What the run directory is named after, with the time, where `dir` does not say.
    pub name: String,
    /// The run directory; `runs/NAME-TIME` where that is not said.
    pub dir: Option<PathBuf>,
    /// Where what is said comes from.
    pub bundle: Arc<Bundle>,
    /// Who says it, and when.
    pub callers: Callers,
    /// How the engine is set. It has no more workers than there are sessions; its connections and
    /// phases follow from the callers.
    pub engine: ReplaySpec,
    /// Sessions that share a connection at the peak; where that is not said, 1 up to 64 sessions, and
    /// what 64 connections take with more.
    pub sessions_per_connection: Option<u32>,
    /// Settings besides those of the callers and the engine: the target as it is shown, what is
    /// required, and whether it is made though this machine will not keep up.
    pub settings: Settings,
    /// Labels of the run.
    pub labels: BTreeMap<String, String>,
    /// Its place among runs that are made together.
    pub campaign: Option<Campaign>,
    /// Whether those turns are reported with their texts that were heard worst.
    pub texts: bool,
    /// Of the local time in which the Python load test says when a run has ended.
    pub zone: TimeZone,
}

/// Who calls.
#[derive(Debug, Clone)]
pub enum Callers {
    /// Those of the trace, whatever is answered.
    Trace {
        /// Which of them, and how fast they come.
        shape: Shape,
        /// Turns that start before this are left out of the headline.
        warmup_ns: i64,
    },
    /// Users, each after the answer to what was said before. When the first comes is decided when the
    /// run is made.
    Users(ClosedLoopSpec),
}

impl RunSpec {
    /// A replay of the trace `bundle` as it was recorded, with what `voicelt replay` does when it is told
    /// nothing else.
    ///
    /// # Errors
    /// A bundle that cannot be read.
    pub fn of_trace(bundle: &Path) -> Result<RunSpec, TraceError> {
        let bundle = Bundle::open(bundle)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(RunSpec {
            name: bundle.manifest.name.clone(),
            dir: None,
            bundle: Arc::new(bundle),
            callers: Callers::Trace {
                shape: Shape::default(),
                warmup_ns: 0,
            },
            engine: ReplaySpec {
                workers: default_workers(cores),
                ..ReplaySpec::default()
            },
            sessions_per_connection: None,
            settings: Settings::default(),
            labels: BTreeMap::new(),
            campaign: None,
            texts: false,
            zone: TimeZone::system(),
        })
    }

    /// How large the load is: for users the most that they can ask of this machine, all of them
    /// speaking at once.
    ///
    /// # Errors
    /// A trace that cannot be read, or that does not say how long its callers think.
    pub fn extent(&self) -> Result<Extent, RunError> {
        let ClosedLoopSpec { users, requests } = match &self.callers {
            Callers::Trace { shape, .. } => {
                let reactive = self.engine.turn_timing.is_reactive();
                let nature = self.engine.dialect.nature();
                return Ok(plan_extent(&self.bundle, shape, nature, reactive)?);
            }
            Callers::Users(users) => users,
        };
        let peak = u64::from(users.peak());
        let rates = self.bundle.clips.iter().map(|clip| clip.sample_rate_hz);
        let rate = SampleRate(rates.max().unwrap_or(SampleRate::PREPARED.0));
        let (samples, interval_ns) = requests.call.pace.chunks(requests.call.chunk_ns, rate);
        let chunks_per_s = peak * NS_PER_S as u64 / interval_ns.max(1) as u64;
        Ok(Extent {
            sessions: peak,
            peak_sessions: peak,
            peak_chunks_per_s: chunks_per_s,
            peak_bytes_per_s: chunks_per_s * samples * 2,
            duration_ns: users.duration_ns(),
            ..Extent::default()
        })
    }

    /// Has the clips on this machine that are said, where the trace is in a store.
    ///
    /// # Errors
    /// A trace that cannot be read, or the store's.
    pub(super) fn fetch(&self) -> Result<(), RunError> {
        if !self.bundle.is_remote() {
            return Ok(());
        }
        let Callers::Trace { shape, .. } = &self.callers else {
            return Ok(self.bundle.fetch_all().map_err(SketchError::from)?);
        };
        let nature = self.engine.dialect.nature();
        let mut said = BTreeSet::new();
        for script in plan(&self.bundle, shape, nature, RunTime(0)).map_err(SketchError::from)? {
            let rows = script.map_err(SketchError::from)?.rows;
            said.extend(rows.events.iter().filter_map(|event| event.clip));
        }
        Ok(self.bundle.fetch(said).map_err(SketchError::from)?)
    }

    /// What this machine can do, for a load of this extent on a gateway that takes so many streams on a
    /// connection and has so many addresses.
    ///
    /// # Errors
    /// A system without a timer.
    pub fn survey(
        &self,
        extent: Extent,
        stream_limit: usize,
        addresses: usize,
    ) -> Result<Feasibility, RunError> {
        let open_files = raise_open_files();
        let workers = self
            .engine
            .workers
            .clamp(1, extent.sessions.max(1) as usize);
        Ok(Feasibility {
            extent,
            workers,
            connections: self.connections(&extent, stream_limit),
            calibration: calibrate(self.engine.pacer, self.engine.spin_ns, &self.engine.dialect)?,
            open_files,
            local_ports: match self.engine.shares_connections() {
                true => None,
                false => local_ports().map(|ports| ports * addresses.max(1) as u64),
            },
        })
    }

    /// How many connections the sessions share, when at most `stream_limit` fit on one.
    fn connections(&self, extent: &Extent, stream_limit: usize) -> u32 {
        let peak = extent.peak_sessions.max(1);
        let share = match self.sessions_per_connection {
            Some(share) => u64::from(share),
            None => peak.div_ceil(MOST_CONNECTIONS),
        };
        let share = match self.engine.shares_connections() {
            true => share.min(stream_limit as u64).max(1),
            false => 1,
        };
        u32::try_from(peak.div_ceil(share)).unwrap_or(u32::MAX)
    }

    /// What is sent, its first session at `first`, and how the engine is set for a load that was found
    /// feasible.
    pub(super) fn lay_out(
        &self,
        feasibility: &Feasibility,
        first: RunTime,
    ) -> Result<(Traffic, ReplaySpec), ReplayError> {
        let (traffic, phases) = match &self.callers {
            Callers::Trace { shape, warmup_ns } => {
                // From the warm-up to the trace's ramp-down.
                let at = |ns: i64| RunTime(first.0 + ns);
                let steady = at(*warmup_ns)..at(feasibility.extent.drain_ns.max(1));
                let plan = plan(&self.bundle, shape, self.engine.dialect.nature(), first)?;
                (Traffic::Plan(plan), Phases::steady(steady))
            }
            Callers::Users(spec) => {
                let mut spec = spec.clone();
                spec.users.first = first;
                let phases = spec.users.phases();
                (Traffic::Users(spec), phases)
            }
        };
        let is_recorded = self.bundle.manifest.source == TraceSource::Recorded.name();
        let engine = ReplaySpec {
            workers: feasibility.workers,
            connections: feasibility.connections,
            keep_text: self.engine.keep_text && !is_recorded,
            phases,
            ..self.engine.clone()
        };
        Ok((traffic, engine))
    }

    /// What the plan asks for; nothing where users decide as they go.
    pub(super) fn planned(&self, extent: &Extent) -> Planned {
        match self.callers {
            Callers::Users(_) => Planned::default(),
            Callers::Trace { .. } => Planned {
                sessions: extent.sessions,
                turns: extent.turns,
                chunks: extent.chunks,
                peak_sessions: extent.peak_sessions,
                peak_chunks_per_s: extent.peak_chunks_per_s,
                peak_bytes_per_s: extent.peak_bytes_per_s,
                duration_ns: extent.duration_ns,
            },
        }
    }

    /// What the users do.
    pub(super) fn closed_loop(&self) -> Option<ClosedLoop> {
        let Callers::Users(ClosedLoopSpec { users, requests }) = &self.callers else {
            return None;
        };
        Some(ClosedLoop {
            scenario: self.settings.scenario.get().cloned(),
            users: users.peak(),
            pace: requests.call.pace.to_string(),
            think_ns: [*users.think_ns.start(), *users.think_ns.end()],
            requests_per_user: users.requests_per_user,
            turns_per_session: requests.turns,
            stages: users.stages.clone(),
        })
    }

    /// All settings but those of the engine, as `run.json` shows them.
    pub(super) fn shown(&self) -> Settings {
        let others = self.settings.clone();
        match &self.callers {
            Callers::Trace { shape, warmup_ns } => Settings {
                command: Command::Replay.into(),
                window_ns: shape
                    .window
                    .as_ref()
                    .map(|of| (of.start.0, of.end.0))
                    .into(),
                limit: shape.limit.into(),
                speed: shape.speed.into(),
                scale: shape.scale.into(),
                looped: shape.looped.into(),
                until_ns: shape.until_ns.into(),
                seed: shape.seed.into(),
                warmup_ns: (*warmup_ns).into(),
                ..others
            },
            Callers::Users(ClosedLoopSpec { requests, .. }) => {
                let call = &requests.call;
                // The same for all clips, unless their rates differ.
                let clips = self.bundle.clips.iter();
                let rates = clips.map(|clip| SampleRate(clip.sample_rate_hz));
                let chunks = rates.map(|rate| call.pace.chunks(call.chunk_ns, rate));
                let chunks: BTreeSet<(u64, i64)> = chunks.collect();
                let chunk = chunks.first().filter(|_| chunks.len() == 1);
                Settings {
                    command: Command::Run.into(),
                    pick: requests.pick.name().into(),
                    pace: call.pace.to_string().into(),
                    chunk_ns: call.chunk_ns.into(),
                    chunk_bytes: chunk.map(|(samples, _)| samples * 2).into(),
                    chunk_interval_ns: chunk.map(|(_, interval_ns)| *interval_ns).into(),
                    language_code: call.language_code.as_str().into(),
                    seed: requests.seed.into(),
                    ..others
                }
            }
        }
    }
}
