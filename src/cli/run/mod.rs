//! `voicelt run`: virtual users in a closed loop against a gateway, and what came of it.

mod args;
mod behaviour;
mod speech;
mod test_audio;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::anyhow;

use super::exit::{BadInput, Outcome};
use super::load::{Bench, LoadArgs, not_made, number_of};
use super::prepare::{name_of, of_trace};
use super::scenario;
use super::stderr::say;
use crate::campaign::emit::emit;
use crate::campaign::repeat::{self, repeat};
use crate::campaign::{Callers, EmitError, RunReport, RunSpec};
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
    load: &'a LoadArgs,
    /// What the scenario is called, if there is one.
    scenario: Option<String>,
    users: ClosedLoopSpec,
    speech: Speech,
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
    let load = &args.load.checked()?;
    let calls = users.users.requests_per_user;
    let calls = calls.map(|each| u64::from(each) * u64::from(users.users.peak()));
    load.protocol.check_calls(calls)?;
    if let Some(place) = &args.emit_trace {
        name_of(place)?;
    }
    let audio = audio.ok_or_else(|| {
        BadInput(anyhow!(
            "say what users say with --audio: a folder of audio, or a trace such as calls.vtrace"
        ))
    })?;
    let speech = Speech::find(audio, quiet)?;
    speech.check(&users.requests)?;
    let looped = Loop {
        args,
        load,
        scenario: args.scenario.as_deref().map(scenario::name_of),
        users,
        speech,
        quiet,
    };
    let bench = Bench::open(load, quiet)?;
    let made = match load.campaign.find_capacity.is_empty() {
        true => looped.run_all(&bench),
        false => looped.find_capacity(&bench),
    };
    bench.close(made)
}

impl Loop<'_> {
    /// Makes the run, as often as was asked for; the outcome is the gravest.
    fn run_all(&self, bench: &Bench<'_>) -> anyhow::Result<Outcome> {
        let of = self.args.repeat;
        let rest = |number| bench.cool_down(&format!(", then run {number} of {of}"));
        let make = |campaign| self.run_once(bench, campaign);
        let runs = repeat(of, self.load.campaign.cool_down.ns, rest, make)?;
        let outcome = bench.present(&runs)?;
        if of > 1 && !self.quiet {
            say(&repeat::text(&runs));
        }
        Ok(outcome)
    }

    /// Makes a run, and the trace of it if that was asked for.
    fn run_once(&self, bench: &Bench<'_>, campaign: Option<Campaign>) -> anyhow::Result<RunReport> {
        let number = campaign.as_ref().map(|campaign| campaign.number);
        let numbered = |path: &PathBuf| match number {
            Some(number) => number_of(path, number),
            None => path.clone(),
        };
        let spec = RunSpec {
            dir: self.load.place.run_dir.as_ref().map(numbered),
            campaign,
            ..self.spec(self.users.clone())
        };
        let extent = spec.extent().map_err(not_made)?;
        let report = bench
            .make(&spec, extent, &|extent| self.announced(extent))
            .map_err(not_made)?;
        if let Some(place) = self.args.emit_trace.as_ref().map(numbered) {
            let (bundle, call) = (&self.speech.bundle, &self.users.requests.call);
            let sessions = emit(&report, bundle, call, &place).map_err(|error| match error {
                EmitError::Trace(error) => of_trace(error),
                EmitError::Results(error) => error.into(),
            })?;
            if !self.quiet {
                say(&format!(
                    "trace: {} ({sessions} sessions)\n",
                    place.display()
                ));
            }
        }
        Ok(report)
    }

    /// Makes runs of more and more users, up to those that the gateway can take.
    fn find_capacity(&self, bench: &Bench<'_>) -> anyhow::Result<Outcome> {
        let stages = self.users.users.stages.iter();
        let mut with_users = stages.filter(|stage| stage.users > 0);
        let first = with_users.next().map_or(1, |stage| stage.users);
        if with_users.next().is_some() {
            return Err(BadInput(anyhow!(
                "--find-capacity changes the number of users, and the scenario has several stages of them; use one of one stage"
            ))
            .into());
        }
        let spec = |users| {
            let mut of = self.users.clone();
            let stages = of.users.stages.iter_mut();
            for stage in stages.filter(|stage| stage.users > 0) {
                stage.users = users;
            }
            self.spec(of)
        };
        let what = |extent: &Extent| self.announced(extent);
        bench.find_capacity(("users", 1.0), first, spec, Ok, &what)
    }

    /// What is to be made of these users.
    fn spec(&self, users: ClosedLoopSpec) -> RunSpec {
        let settings = Settings {
            scenario: self.scenario.clone().into(),
            audio: self.speech.named.display().to_string().into(),
            ..Settings::default()
        };
        self.load.spec(
            self.name(),
            &self.speech.bundle,
            Callers::Users(users),
            TurnTiming::Reactive { barge_in_ns: None },
            settings,
        )
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
