//! `voicelt run`: virtual users in a closed loop against a gateway, and what came of it.

mod args;
mod behaviour;
mod emit;
mod repeated;
mod speech;
mod test_audio;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::anyhow;
use rand::RngExt;

use super::exit::{BadInput, Outcome};
use super::load::{
    Finished, LoadArgs, Target, Watch, find_capacity, make, not_made, number_of, present, rest,
    routed,
};
use super::scenario::name_of;
use super::stderr::say;
use crate::campaign::feasibility::Feasibility;
use crate::campaign::search::Sought;
use crate::campaign::{Callers, RunError, RunSpec};
use crate::replay::TurnTiming;
use crate::replay::request_producer::ClosedLoopSpec;
use crate::results::manifest::Campaign;
use crate::results::settings::Settings;
use crate::trace::extent::Extent;
use crate::units::{Human, counted};
pub use args::Args;
use behaviour::resolve;
use speech::Speech;

/// What runs without a scenario are named after.
const UNNAMED: &str = "run";

/// A closed loop that is ready to be run, once or several times.
struct Loop<'a> {
    args: &'a Args,
    load: LoadArgs,
    /// What the scenario is called, if there is one.
    scenario: Option<String>,
    users: ClosedLoopSpec,
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
    let audio = args.speech.audio.as_deref();
    if args.test_audio.instead(audio)? {
        return Ok(ExitCode::SUCCESS);
    }
    let users = resolve(&args.users, &args.speech)?;
    let load = args.load.placed()?;
    load.outputs.check()?;
    let audio = audio.ok_or_else(|| {
        BadInput(anyhow!(
            "say what users say with --audio: a folder of audio, or a trace such as calls.vtrace"
        ))
    })?;
    let speech = Speech::find(audio, quiet)?;
    speech.check(&users.requests)?;
    let watch = Watch::begin(&load, quiet)?;
    let target = Target::open(&load.to)?;
    let looped = Loop {
        args,
        load,
        scenario: args.scenario.as_deref().map(name_of),
        users,
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
        let spec = RunSpec {
            dir: self.load.place.run_dir.as_ref().map(numbered),
            campaign,
            ..self.spec(&self.users)
        };
        let finished = self
            .make(&spec, spec.extent().map_err(not_made)?)
            .map_err(not_made)?;
        if let Some(place) = self.args.emit_trace.as_ref().map(numbered) {
            let (bundle, call) = (&self.speech.bundle, &self.users.requests.call);
            let sessions = emit::emit(finished.told.dir(), bundle, call, &place)?;
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
        let stages = self.users.users.stages.iter();
        let mut with_users = stages.filter(|stage| stage.users > 0);
        let first = with_users.next().map_or(1, |stage| stage.users);
        if with_users.next().is_some() {
            return Err(BadInput(anyhow!(
                "--find-capacity changes the number of users, and the scenario has several stages of them; use one of one stage"
            ))
            .into());
        }
        let sought = Sought {
            unit: "users",
            step: 1.0,
            first,
            required: &self.load.find_capacity,
            held: !self.spec(&self.users).settings.may_be_invalid(),
        };
        let spec = |users| {
            let mut of = self.users.clone();
            let stages = of.users.stages.iter_mut();
            for stage in stages.filter(|stage| stage.users > 0) {
                stage.users = users;
            }
            let dir = self.load.place.run_dir.as_deref();
            RunSpec {
                dir: dir.map(|dir| number_of(dir, users)),
                ..self.spec(&of)
            }
        };
        let size = |users| spec(users).extent().map(Some).map_err(not_made);
        find_capacity(
            &self.load,
            &sought,
            self.quiet,
            size,
            |users, extent| match self.make(&spec(users), extent) {
                Err(why @ RunError::Infeasible(_)) => {
                    say(&format!("{users} users: {why}\n"));
                    Ok(None)
                }
                made => made.map(Some).map_err(not_made),
            },
        )
    }

    /// What is to be made of these users.
    fn spec(&self, users: &ClosedLoopSpec) -> RunSpec {
        let settings = Settings {
            scenario: self.scenario.clone().into(),
            audio: self.speech.named.display().to_string().into(),
            ..Settings::default()
        };
        self.load.spec(
            self.name(),
            &self.speech.bundle,
            Callers::Users(users.clone()),
            TurnTiming::Reactive { barge_in_ns: None },
            settings,
        )
    }

    /// Makes one run.
    fn make(&self, spec: &RunSpec, extent: Extent) -> Result<Finished, RunError> {
        let announced = |feasibility: &Feasibility| {
            let route = routed(&self.load, feasibility, &self.target);
            format!("{} on {route}\n", self.announced(&feasibility.extent))
        };
        make(spec, extent, &self.target, &self.watch, &announced)
    }

    fn name(&self) -> &str {
        self.scenario.as_deref().unwrap_or(UNNAMED)
    }

    /// What the users will do, in part of a line.
    fn announced(&self, extent: &Extent) -> String {
        let purpose = self.args.purpose.as_ref();
        let purpose = purpose.map_or(String::new(), |purpose| format!(" ({purpose})"));
        format!(
            "{}{purpose}: up to {} over {}, {} at {} pace,",
            self.name(),
            counted(extent.peak_sessions, "user"),
            Human(extent.duration_ns),
            counted(self.speech.bundle.clips.len() as u64, "clip"),
            self.users.requests.call.pace
        )
    }
}
