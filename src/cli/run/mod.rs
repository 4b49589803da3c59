//! `voicelt run`: virtual users in a closed loop against a gateway, and what came of it.

mod args;
mod behaviour;
mod emit;
mod repeated;
mod scenario;
mod speech;
mod test_audio;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::anyhow;
use rand::RngExt;

use super::exit::{BadInput, Outcome};
use super::load::{
    Feasibility, Finished, Job, LoadArgs, Scale, Target, Watch, conduct, find_capacity, judge,
    number_of, present, rest, routed, survey,
};
use super::stderr::say;
use crate::replay::population::Population;
use crate::replay::request_producer::ClosedLoopSpec;
use crate::replay::requests::RequestSpec;
use crate::replay::{Traffic, TurnTiming};
use crate::results::manifest::{Campaign, ClosedLoop, Planned};
use crate::results::settings::{Command, Settings};
use crate::trace::extent::Extent;
use crate::units::{Human, NS_PER_S, RunTime, SampleRate, counted};
pub use args::Args;
use behaviour::{Behaviour, Resolved};
use scenario::Scenario;
pub(crate) use scenario::text as scenario_text;
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
    if args.test_audio.instead(behaviour.audio.as_deref())? {
        return Ok(ExitCode::SUCCESS);
    }
    let resolved = behaviour.resolve()?;
    let mut load = args.load.placed()?;
    load.timeout = load.timeout.or(behaviour.timeout);
    load.outputs.check()?;
    let speech = Speech::find(&audio(&behaviour)?, quiet)?;
    speech.check(&resolved)?;
    let watch = Watch::begin(&load, quiet)?;
    let target = Target::open(&load.to)?;
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

fn users(resolved: &Resolved, first: RunTime) -> Population {
    Population {
        stages: resolved.stages.clone(),
        think_ns: resolved.think_ns.clone(),
        requests_per_user: resolved.requests_per_user,
        seed: resolved.seed,
        first,
    }
}

fn audio(behaviour: &Behaviour) -> Result<PathBuf, BadInput> {
    behaviour.audio.clone().ok_or_else(|| {
        BadInput(anyhow!(
            "say what users say with --audio: a folder of audio, or a trace such as calls.vtrace"
        ))
    })
}

impl Loop<'_> {
    /// Makes the run, as often as was asked for; the outcome is the gravest.
    fn run_all(&self) -> anyhow::Result<Outcome> {
        let (of, cool_down_ns) = (self.args.repeat, self.load.cool_down.ns);
        if !self.load.find_capacity.is_empty() {
            return self.find_capacity();
        }
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
        let time_ns = self.load.cool_down.ns;
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
        let dir = self.load.place.run_dir.as_ref().map(numbered);
        let feasibility = self.survey(&self.resolved)?;
        let finished = self.make(&self.resolved, &feasibility, campaign, dir)?;
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

    /// Makes runs of more and more users, up to those that the gateway can take.
    fn find_capacity(&self) -> anyhow::Result<Outcome> {
        let stages = self.resolved.stages.iter();
        let mut with_users = stages.filter(|stage| stage.users > 0);
        let first = with_users.next().map_or(1, |stage| stage.users);
        if with_users.next().is_some() {
            return Err(BadInput(anyhow!(
                "--find-capacity changes the number of users, and the scenario has several stages of them; use one of one stage"
            ))
            .into());
        }
        let scale = Scale {
            unit: "users",
            step: 1.0,
            first,
        };
        let resolved = |users| {
            let mut resolved = self.resolved.clone();
            for stage in resolved.stages.iter_mut().filter(|stage| stage.users > 0) {
                stage.users = users;
            }
            resolved
        };
        let size = |users| Ok(Some(self.extent(&resolved(users))));
        find_capacity(
            &self.load,
            &self.target,
            &scale,
            self.quiet,
            size,
            |users| {
                let resolved = resolved(users);
                let feasibility = self.survey(&resolved)?;
                if let Err(why) = feasibility.judge(self.load.force) {
                    say(&format!("{users} users: {why}\n"));
                    return Ok(None);
                }
                let dir = self.load.place.run_dir.as_deref();
                let dir = dir.map(|dir| number_of(dir, users));
                self.make(&resolved, &feasibility, None, dir).map(Some)
            },
        )
    }

    /// What this machine can do about so much load.
    fn survey(&self, resolved: &Resolved) -> anyhow::Result<Feasibility> {
        survey(
            &self.load,
            self.extent(resolved),
            self.target.stream_limit(),
        )
    }

    /// Makes one run.
    fn make(
        &self,
        resolved: &Resolved,
        feasibility: &Feasibility,
        campaign: Option<Campaign>,
        dir: Option<PathBuf>,
    ) -> anyhow::Result<Finished> {
        let extent = &feasibility.extent;
        judge(&self.load, feasibility, self.quiet)?;
        if !self.quiet {
            let route = routed(&self.load, feasibility, self.target.stream_limit());
            say(&format!("{} on {route}\n", self.announced(extent)));
        }
        let first = self.target.first_start(feasibility.connections);
        let users = users(resolved, first);
        let spec = self.load.spec(
            &self.speech.bundle,
            feasibility,
            TurnTiming::Reactive { barge_in_ns: None },
            users.phases(),
        );
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
            closed_loop: Some(self.closed_loop(resolved, extent)),
            campaign,
        };
        conduct(job, &self.load, &self.target, feasibility, &self.watch)
    }

    fn name(&self) -> Option<&str> {
        Some(&self.scenario.as_ref()?.name)
    }

    /// The most that the users can ask of this machine: all of them speaking at once.
    fn extent(&self, resolved: &Resolved) -> Extent {
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

    fn closed_loop(&self, resolved: &Resolved, extent: &Extent) -> ClosedLoop {
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
    fn settings(&self) -> Settings {
        let call = &self.resolved.call;
        // The same for all clips, unless their rates differ.
        let clips = self.speech.bundle.clips.iter();
        let rates = clips.map(|clip| SampleRate(clip.sample_rate_hz));
        let chunks = rates.map(|rate| call.pace.chunks(call.chunk_ns, rate));
        let chunks: BTreeSet<(u64, i64)> = chunks.collect();
        let chunk = chunks.first().filter(|_| chunks.len() == 1);
        Settings {
            command: Command::Run.into(),
            scenario: self.name().map(str::to_owned).into(),
            pick: self.resolved.pick.name().into(),
            pace: call.pace.to_string().into(),
            chunk_ns: call.chunk_ns.into(),
            chunk_bytes: chunk.map(|(samples, _)| samples * 2).into(),
            chunk_interval_ns: chunk.map(|(_, interval_ns)| *interval_ns).into(),
            language_code: call.language_code.clone().into(),
            seed: self.resolved.seed.into(),
            audio: self.speech.named.display().to_string().into(),
            ..Settings::default()
        }
    }

    /// What the users will do, in part of a line.
    fn announced(&self, extent: &Extent) -> String {
        let purpose = self.scenario.as_ref();
        let purpose = purpose.and_then(|scenario| scenario.behaviour.purpose.as_deref());
        let purpose = purpose.map_or(String::new(), |purpose| format!(" ({purpose})"));
        format!(
            "{}{purpose}: up to {} over {}, {} at {} pace,",
            self.name().unwrap_or(UNNAMED),
            counted(extent.peak_sessions, "user"),
            Human(extent.duration_ns),
            counted(self.speech.bundle.clips.len() as u64, "clip"),
            self.resolved.call.pace
        )
    }
}
