//! What users do: declared once, read from flags and from a scenario, and resolved.

use std::path::PathBuf;

use anyhow::anyhow;
use serde::Deserialize;

use crate::cli::duration::DurationArg;
use crate::cli::exit::BadInput;
use crate::cli::settings::{name, names, text};
use crate::cli::span::Span;
use crate::replay::population::Population;
use crate::replay::request_producer::ClosedLoopSpec;
use crate::replay::requests::RequestSpec;
use crate::results::manifest::Stage;
use crate::trace::layout::CallSpec;
use crate::trace::model::Microphone;
use crate::trace::pace::Pace;
use crate::trace::pick::Pick;
use crate::units::{NS_PER_S, RunTime};

/// Time that users hold without being told.
const HOLD_NS: i64 = 30 * NS_PER_S;
/// Time that users think without being told.
const THINK_NS: i64 = NS_PER_S;
/// Most users.
const MOST_USERS: u32 = 100_000;

/// What users do; a scenario has the same names, such as `think-time = "1s..3s"`, and `[[stages]]`.
#[derive(Debug, Clone, Default, PartialEq, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Behaviour {
    /// What a scenario is for.
    #[arg(skip)]
    pub(super) purpose: Option<String>,
    /// Users at the same time [default: 1]
    #[arg(short, long, value_name = "N", help_heading = "Users")]
    users: Option<u32>,
    /// How long all users are there, between the ramps [default: 30s]
    #[arg(short, long, value_name = "DURATION", help_heading = "Users")]
    #[serde(deserialize_with = "text")]
    duration: Option<DurationArg>,
    /// Users come evenly over this time [default: 0s]
    #[arg(long, value_name = "DURATION", help_heading = "Users")]
    #[serde(deserialize_with = "text")]
    ramp_up: Option<DurationArg>,
    /// Users leave evenly over this time; requests under way end [default: 0s]
    #[arg(long, value_name = "DURATION", help_heading = "Users")]
    #[serde(deserialize_with = "text")]
    ramp_down: Option<DurationArg>,
    /// Several stages instead, one after the other.
    #[arg(skip)]
    stages: Vec<StageArg>,
    /// Pause between the heard answer and the next request [default: 1s]
    #[arg(long, value_name = "D|A..B", help_heading = "Users")]
    #[serde(deserialize_with = "text")]
    think_time: Option<Span<DurationArg>>,
    /// Requests after which a user leaves; 0 for no limit [default: 0]
    #[arg(long, value_name = "N", help_heading = "Users")]
    requests_per_user: Option<u32>,
    /// Utterances of a request, in one stream with an open microphone [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Users")]
    turns_per_session: Option<u32>,

    /// What users say: a folder of audio, a file, or a trace bundle
    #[arg(
        short,
        long,
        alias = "audio-dir",
        value_name = "DIR|TRACE",
        help_heading = "Speech"
    )]
    pub(super) audio: Option<PathBuf>,
    /// Which clip is spoken next, by each user [default: round-robin]
    #[arg(long, help_heading = "Speech", value_parser = names::<Pick>(Pick::ALL.iter().map(|pick| pick.name())))]
    #[serde(deserialize_with = "name")]
    pick: Option<Pick>,
    /// Audio in one message [default: 20ms]
    #[arg(long, value_name = "DURATION", help_heading = "Speech")]
    #[serde(deserialize_with = "text")]
    chunk: Option<DurationArg>,
    /// How fast audio is sent: realtime, original (4,096 bytes every 10 ms), or fast:FACTOR
    /// [default: realtime]
    #[arg(long, value_name = "PACE", help_heading = "Speech")]
    #[serde(deserialize_with = "text")]
    pace: Option<Pace>,
    /// Language that users announce, BCP 47 [default: en-US]
    #[arg(long, value_name = "CODE", help_heading = "Speech")]
    language: Option<String>,
    /// What every random choice derives from [default: 1]
    #[arg(long, value_name = "N", help_heading = "Speech")]
    seed: Option<u64>,
    /// As --timeout.
    #[arg(skip)]
    #[serde(deserialize_with = "text")]
    pub(super) timeout: Option<DurationArg>,
}

/// One stage of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct StageArg {
    /// Users at its end.
    users: u32,
    /// How long the way there takes.
    #[serde(default, deserialize_with = "text")]
    ramp: Option<DurationArg>,
    /// How long they stay so many.
    #[serde(default, deserialize_with = "text")]
    hold: Option<DurationArg>,
}

impl Behaviour {
    /// What is set here, and otherwise what the scenario says.
    ///
    /// # Errors
    /// Flags that say something of the only stage, where there are several.
    pub(super) fn or(self, scenario: Behaviour) -> Result<Behaviour, BadInput> {
        let of_one = [self.duration, self.ramp_up, self.ramp_down];
        let says_of_one = self.users.is_some() || of_one.iter().any(Option::is_some);
        if says_of_one && !scenario.stages.is_empty() {
            return Err(BadInput(anyhow!(
                "the scenario has several stages, so --users, --duration, --ramp-up and --ramp-down say nothing; change its file"
            )));
        }
        Ok(Behaviour {
            purpose: scenario.purpose,
            users: self.users.or(scenario.users),
            duration: self.duration.or(scenario.duration),
            ramp_up: self.ramp_up.or(scenario.ramp_up),
            ramp_down: self.ramp_down.or(scenario.ramp_down),
            stages: scenario.stages,
            think_time: self.think_time.or(scenario.think_time),
            requests_per_user: self.requests_per_user.or(scenario.requests_per_user),
            turns_per_session: self.turns_per_session.or(scenario.turns_per_session),
            audio: self.audio.or(scenario.audio),
            pick: self.pick.or(scenario.pick),
            chunk: self.chunk.or(scenario.chunk),
            pace: self.pace.or(scenario.pace),
            language: self.language.or(scenario.language),
            seed: self.seed.or(scenario.seed),
            timeout: self.timeout.or(scenario.timeout),
        })
    }

    /// What users do, with what was not said filled in.
    ///
    /// # Errors
    /// Stages that make no sense, or chunks that are not possible.
    pub(super) fn resolve(&self) -> Result<ClosedLoopSpec, BadInput> {
        let stages = self.stages()?;
        let peak = stages.iter().map(|stage| stage.users).max().unwrap_or(0);
        let length_ns: i64 = stages.iter().map(|s| s.ramp_ns + s.hold_ns).sum();
        if !(1..=MOST_USERS).contains(&peak) || length_ns <= 0 {
            return Err(BadInput(anyhow!(
                "there must be from 1 to {MOST_USERS} users at some time, and a --duration or ramp that is longer than nothing"
            )));
        }
        let ns = |time: DurationArg| time.ns;
        let usual = CallSpec::default();
        let turns = self.turns_per_session.unwrap_or(1);
        let call = CallSpec {
            microphone: (turns > 1).then_some(Microphone::Open),
            chunk_ns: self.chunk.map_or(usual.chunk_ns, ns),
            pace: self.pace.unwrap_or_default(),
            language_code: self.language.clone().unwrap_or(usual.language_code),
            ..CallSpec::default()
        };
        call.check().map_err(|error| BadInput(error.into()))?;
        let think_ns = self.think_time;
        let think_ns = think_ns.map_or(THINK_NS..=THINK_NS, |span| span.map(ns));
        let seed = self.seed.unwrap_or(1);
        Ok(ClosedLoopSpec {
            users: Population {
                stages,
                think_ns: think_ns.clone(),
                requests_per_user: self.requests_per_user.filter(|limit| *limit > 0),
                seed,
                first: RunTime(0),
            },
            requests: RequestSpec {
                call,
                pick: self.pick.unwrap_or(Pick::RoundRobin),
                turns,
                think_ns,
                seed,
            },
        })
    }

    fn stages(&self) -> Result<Vec<Stage>, BadInput> {
        let ns = |time: Option<DurationArg>| time.map_or(0, |time| time.ns);
        if !self.stages.is_empty() {
            let of_one = [self.duration, self.ramp_up, self.ramp_down];
            if self.users.is_some() || of_one.iter().any(Option::is_some) {
                return Err(BadInput(anyhow!(
                    "a scenario has either [[stages]] or users, duration, ramp-up and ramp-down, not both"
                )));
            }
            let stages = self.stages.iter();
            return Ok(stages
                .map(|stage| Stage {
                    users: stage.users,
                    ramp_ns: ns(stage.ramp),
                    hold_ns: ns(stage.hold),
                })
                .collect());
        }
        let mut stages = vec![Stage {
            users: self.users.unwrap_or(1),
            ramp_ns: ns(self.ramp_up),
            hold_ns: self.duration.map_or(HOLD_NS, |hold| hold.ns),
        }];
        let ramp_down_ns = ns(self.ramp_down);
        if ramp_down_ns > 0 {
            stages.push(Stage {
                users: 0,
                ramp_ns: ramp_down_ns,
                hold_ns: 0,
            });
        }
        Ok(stages)
    }
}
