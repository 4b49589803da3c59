//! `voicelt run`: virtual users in a closed loop against a gateway, and what came of it.

mod args;
mod behaviour;
mod emit;
mod repeated;
mod scenario;
mod speech;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::anyhow;
use rand::RngExt;
use serde_json::json;

use super::exit::{BadInput, Outcome};
use super::load::{
    Finished, Job, LoadArgs, Target, Watch, conduct, first_start, judge, present, rest, routed,
    survey,
};
use super::stderr::say;
use crate::replay::requests::RequestSpec;
use crate::replay::supply::ClosedLoopSpec;
use crate::replay::users::Users;
use crate::replay::{Traffic, TurnTiming};
use crate::results::manifest::{Campaign, ClosedLoop, Planned};
use crate::trace::extent::Extent;
use crate::units::{Human, NS_PER_S, SampleRate};
pub use args::Args;
use behaviour::{Behaviour, Resolved};
use scenario::Scenario;
use speech::Speech;

/// What runs without a scenario are named after.
const UNNAMED: &str = "run";

/// A closed loop that is ready to be run, once or several times.
struct Loop<'a> {
    args: &'a Args,
    load: LoadArgs,
    scenario: Option<Scenario>,
    resolved: Resolved,
    speech: Speech,
    target: Target,
    watch: Watch,
    quiet: bool,
}

/// Runs, writes the run directory and prints its summary.
///
/// # Errors
/// [`BadInput`], [`super::exit::Unreachable`], or our own failure.
pub fn run(args: &Args, quiet: bool) -> anyhow::Result<ExitCode> {
    let scenario = args.scenario.as_deref().map(Scenario::find).transpose()?;
    let behaviour = match &scenario {
        Some(scenario) => args.behaviour.clone().or(scenario.behaviour.clone())?,
        None => args.behaviour.clone(),
    };
    let resolved = behaviour.resolve()?;
    let speech = Speech::find(&audio(&behaviour)?, quiet)?;
    speech.check(&resolved)?;
    let mut load = args.load.clone();
    load.timeout = load.timeout.or(behaviour.timeout);
    args.name_outputs(&mut load.outputs);
    load.outputs.check()?;
    let watch = Watch::begin(&load, quiet)?;
    let target = Target::open(&load)?;
    let looped = Loop {
        args,
        load,
        scenario,
        resolved,
        speech,
        target,
        watch,
        quiet,
    };
    let outcome = looped.run_all();
    let Loop { target, watch, .. } = looped;
    target.close()?;
    let outcome = outcome?;
    watch.end(outcome)?;
    Ok(outcome.into())
}

fn audio(behaviour: &Behaviour) -> Result<PathBuf, BadInput> {
    behaviour.audio.clone().ok_or_else(|| {
        BadInput(anyhow!(
            "say what users say with --audio: a folder of audio, or a trace such as calls.vtrace"
        ))
    })
}

/// `path` for run number `number` of several: with the number at the end of its name.
fn number_of(path: &Path, number: u32) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = match path.extension() {
        Some(extension) => format!("{stem}-{number}.{}", extension.to_string_lossy()),
        None => format!("{stem}-{number}"),
    };
    path.with_file_name(name)
}

impl Loop<'_> {
    /// Makes the run, as often as was asked for; the outcome is the gravest.
    fn run_all(&self) -> anyhow::Result<Outcome> {
        let (of, cool_down_ns) = (self.args.repeat, self.args.cool_down.ns);
        if of == 1 {
            return present(vec![self.run_once(None)?], &self.load);
        }
        let campaign_id = format!("{:032x}", rand::rng().random::<u128>());
        let (mut runs, mut stopped) = (Vec::new(), None);
        for number in 1..=of {
            if number > 1 {
                stopped = self.cool_down(number)?;
            }
            if stopped.is_some() {
                break;
            }
            let run = self.run_once(Some(Campaign {
                campaign_id: campaign_id.clone(),
                number,
                of,
                cool_down_ns,
            }))?;
            stopped = run.interrupted;
            runs.push(run);
        }
        let summaries: Vec<_> = runs
            .iter()
            .map(|run| run.told.document.ours.clone())
            .collect();
        let outcome = present(runs, &self.load)?;
        if !self.quiet {
            say(&repeated::text(&summaries));
        }
        Ok(outcome.max(stopped.unwrap_or(Outcome::Ok)))
    }

    /// Rests before run number `number`; returns the signal that ends it all.
    fn cool_down(&self, number: u32) -> anyhow::Result<Option<Outcome>> {
        let time_ns = self.args.cool_down.ns;
        if !self.quiet {
            let of = self.args.repeat;
            say(&format!(
                "cooling down for {}, then run {number} of {of}\n",
                Human(time_ns)
            ));
        }
        rest(Duration::from_nanos(time_ns.unsigned_abs()))
    }

    /// Makes a run, and the trace of it if that was asked for.
    fn run_once(&self, campaign: Option<Campaign>) -> anyhow::Result<Finished> {
        let number = campaign.as_ref().map(|campaign| campaign.number);
        let numbered = |path: &PathBuf| match number {
            Some(number) => number_of(path, number),
            None => path.clone(),
        };
        let dir = self.args.run_dir.as_ref().map(numbered);
        let finished = self.make(campaign, dir)?;
        if let Some(place) = self.args.emit_trace.as_ref().map(numbered) {
            let (bundle, call) = (&self.speech.bundle, &self.resolved.call);
            let sessions = emit::emit(&finished.dir, bundle, call, &place)?;
            if !self.quiet {
                say(&format!(
                    "trace: {} ({sessions} sessions)\n",
                    place.display()
                ));
            }
        }
        Ok(finished)
    }

    /// Makes one run.
    fn make(&self, campaign: Option<Campaign>, dir: Option<PathBuf>) -> anyhow::Result<Finished> {
        let stream_limit = self.target.stream_limit();
        let extent = self.extent();
        let feasibility = survey(&self.load, extent, stream_limit)?;
        judge(&self.load, &feasibility, self.quiet)?;
        if !self.quiet {
            let route = routed(&self.load, &feasibility, stream_limit);
            say(&format!("{} on {route}\n", self.announced()));
        }
        let users = self.users(&feasibility);
        let spec = self.load.spec(
            &self.speech.bundle,
            &feasibility,
            TurnTiming::Reactive { barge_in_ns: None },
            users.phases(),
        );
        let resolved = &self.resolved;
        let requests = RequestSpec {
            call: resolved.call.clone(),
            pick: resolved.pick,
            turns: resolved.turns,
            think_ns: resolved.think_ns.clone(),
            seed: resolved.seed,
        };
        let job = Job {
            name: self.name().unwrap_or(UNNAMED).to_owned(),
            dir,
            bundle: self.speech.bundle.clone(),
            traffic: Traffic::Users(ClosedLoopSpec { users, requests }),
            spec,
            settings: self.settings(),
            planned: Planned::default(),
            closed_loop: Some(self.closed_loop(&extent)),
            campaign,
        };
        conduct(job, &self.load, &self.target, &feasibility, &self.watch)
    }

    fn name(&self) -> Option<&str> {
        Some(&self.scenario.as_ref()?.name)
    }

    fn users(&self, feasibility: &super::load::Feasibility) -> Users {
        Users {
            stages: self.resolved.stages.clone(),
            think_ns: self.resolved.think_ns.clone(),
            requests_per_user: self.resolved.requests_per_user,
            seed: self.resolved.seed,
            first: first_start(feasibility),
        }
    }

    /// The most that the users can ask of this machine: all of them speaking at once.
    fn extent(&self) -> Extent {
        let resolved = &self.resolved;
        let peak = resolved.stages.iter().map(|stage| stage.users).max();
        let peak = u64::from(peak.unwrap_or(0));
        let rates = self
            .speech
            .bundle
            .clips
            .iter()
            .map(|clip| clip.sample_rate_hz);
        let rate = SampleRate(rates.max().unwrap_or(SampleRate::PREPARED.0));
        let (samples, interval_ns) = resolved.call.pace.chunks(resolved.call.chunk_ns, rate);
        let chunks_per_s = peak * NS_PER_S as u64 / interval_ns.max(1) as u64;
        Extent {
            sessions: peak,
            peak_sessions: peak,
            peak_chunks_per_s: chunks_per_s,
            peak_bytes_per_s: chunks_per_s * samples * 2,
            duration_ns: resolved.stages.iter().map(|s| s.ramp_ns + s.hold_ns).sum(),
            ..Extent::default()
        }
    }

    fn closed_loop(&self, extent: &Extent) -> ClosedLoop {
        let resolved = &self.resolved;
        ClosedLoop {
            scenario: self.name().map(str::to_owned),
            users: u32::try_from(extent.peak_sessions).unwrap_or(u32::MAX),
            pace: resolved.call.pace.to_string(),
            think_ns: [*resolved.think_ns.start(), *resolved.think_ns.end()],
            requests_per_user: resolved.requests_per_user,
            turns_per_session: resolved.turns,
            stages: resolved.stages.clone(),
        }
    }

    /// The settings as `run.json` shows them, besides those of any load.
    fn settings(&self) -> serde_json::Value {
        let call = &self.resolved.call;
        json!({
            "command": "run",
            "scenario": self.name(),
            "pick": self.resolved.pick.name(),
            "pace": call.pace.to_string(),
            "chunk_ns": call.chunk_ns,
            "language_code": call.language_code,
            "seed": self.resolved.seed,
        })
    }

    /// What the users will do, in part of a line.
    fn announced(&self) -> String {
        let purpose = self.scenario.as_ref();
        let purpose = purpose.and_then(|scenario| scenario.behaviour.purpose.as_deref());
        let purpose = purpose.map_or(String::new(), |purpose| format!(" ({purpose})"));
        let extent = self.extent();
        format!(
            "{}{purpose}: up to {} users over {}, {} clips at {} pace,",
            self.name().unwrap_or(UNNAMED),
            extent.peak_sessions,
            Human(extent.duration_ns),
            self.speech.bundle.clips.len(),
            self.resolved.call.pace
        )
    }
}
