//! What users do, as flags say it, and how that is resolved.

use std::path::PathBuf;

use anyhow::anyhow;

use crate::cli::choice::choice;
use crate::cli::duration::DurationArg;
use crate::cli::exit::BadInput;
use crate::cli::span::Span;
use crate::cli::stage::stage;
use crate::replay::population::Population;
use crate::replay::request_producer::ClosedLoopSpec;
use crate::replay::requests::RequestSpec;
use crate::results::manifest::Stage;
use crate::trace::layout::CallSpec;
use crate::trace::model::Microphone;
use crate::trace::pace::Pace;
use crate::trace::pick::Pick;
use crate::units::RunTime;

/// Most users.
const MOST_USERS: u32 = 100_000;

/// How many users there are, and when they call.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Users")]
pub(super) struct UserArgs {
    /// Users at the same time
    #[arg(short, long, value_name = "N", default_value = "1")]
    users: u32,
    /// How long all users are there, between the ramps
    #[arg(short, long, value_name = "DURATION", default_value = "30s")]
    duration: DurationArg,
    /// Users come evenly over this time
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    ramp_up: DurationArg,
    /// Users leave evenly over this time; requests under way end
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    ramp_down: DurationArg,
    /// Several stages instead, one after the other, such as --stage 40:20s:1m: within 20 s to 40
    /// users, who then stay for a minute; repeatable
    #[arg(long = "stage", value_name = "USERS:RAMP:HOLD", value_parser = stage, conflicts_with_all = ["users", "duration", "ramp_up", "ramp_down"])]
    stages: Vec<Stage>,
    /// Pause between the heard answer and the next request
    #[arg(long, value_name = "D|A..B", default_value = "1s")]
    think_time: Span<DurationArg>,
    /// Requests after which a user leaves; 0 for no limit
    #[arg(long, value_name = "N", default_value = "0")]
    requests_per_user: u32,
    /// Utterances of a request, in one stream with an open microphone
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1000))]
    turns_per_session: u32,
}

/// What users say.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Speech")]
pub(super) struct SpeechArgs {
    /// What users say: a folder of audio, a file, or a trace bundle
    #[arg(short, long, alias = "audio-dir", value_name = "DIR|TRACE")]
    pub(super) audio: Option<PathBuf>,
    /// Which clip is spoken next, by each user
    #[arg(long, default_value = "round-robin", value_parser = choice::<Pick>())]
    pick: Pick,
    /// Audio in one message
    #[arg(long, value_name = "DURATION", default_value = "20ms")]
    chunk: DurationArg,
    /// How fast audio is sent: realtime, original (4,096 bytes every 10 ms), or fast:FACTOR
    #[arg(long, value_name = "PACE", default_value = "realtime")]
    pace: Pace,
    /// Language that users announce, BCP 47
    #[arg(long, value_name = "CODE", default_value = "en-US")]
    language: String,
    /// What every random choice derives from
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
}

/// What users do.
///
/// # Errors
/// Stages that make no sense, or chunks that are not possible.
pub(super) fn resolve(users: &UserArgs, speech: &SpeechArgs) -> Result<ClosedLoopSpec, BadInput> {
    let stages = users.stages();
    let peak = stages.iter().map(|stage| stage.users).max().unwrap_or(0);
    let length_ns: i64 = stages.iter().map(|s| s.ramp_ns + s.hold_ns).sum();
    if !(1..=MOST_USERS).contains(&peak) || length_ns <= 0 {
        return Err(BadInput(anyhow!(
            "there must be from 1 to {MOST_USERS} users at some time, and a --duration or ramp that is longer than nothing"
        )));
    }
    let turns = users.turns_per_session;
    let call = CallSpec {
        microphone: (turns > 1).then_some(Microphone::Open),
        chunk_ns: speech.chunk.ns,
        pace: speech.pace,
        language_code: speech.language.clone(),
        ..CallSpec::default()
    };
    call.check().map_err(|error| BadInput(error.into()))?;
    let think_ns = users.think_time.map(|time| time.ns);
    Ok(ClosedLoopSpec {
        users: Population {
            stages,
            think_ns: think_ns.clone(),
            requests_per_user: Some(users.requests_per_user).filter(|limit| *limit > 0),
            seed: speech.seed,
            first: RunTime(0),
        },
        requests: RequestSpec {
            call,
            pick: speech.pick,
            turns,
            think_ns,
            seed: speech.seed,
        },
    })
}

impl UserArgs {
    fn stages(&self) -> Vec<Stage> {
        if !self.stages.is_empty() {
            return self.stages.clone();
        }
        let up = Stage {
            users: self.users,
            ramp_ns: self.ramp_up.ns,
            hold_ns: self.duration.ns,
        };
        let down = Stage {
            users: 0,
            ramp_ns: self.ramp_down.ns,
            hold_ns: 0,
        };
        let mut stages = vec![up];
        stages.extend((down.ramp_ns > 0).then_some(down));
        stages
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::units::NS_PER_S;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        users: UserArgs,
        #[command(flatten)]
        speech: SpeechArgs,
    }

    fn resolved(line: &str) -> Result<ClosedLoopSpec, String> {
        let command = Command::try_parse_from(line.split_whitespace());
        let Command { users, speech } = command.map_err(|error| error.to_string())?;
        resolve(&users, &speech).map_err(|error| error.to_string())
    }

    fn stages(line: &str) -> Vec<[i64; 3]> {
        let stages = resolved(line).unwrap().users.stages.into_iter();
        let stage = |s: Stage| {
            [
                i64::from(s.users),
                s.ramp_ns / NS_PER_S,
                s.hold_ns / NS_PER_S,
            ]
        };
        stages.map(stage).collect()
    }

    #[test]
    fn users_come_stay_and_leave_or_do_so_in_stages() {
        assert_eq!(stages("run"), [[1, 0, 30]]);
        assert_eq!(
            stages("run -u 5 -d 2m --ramp-up 10s --ramp-down 5"),
            [[5, 10, 120], [0, 5, 0]]
        );
        assert_eq!(
            stages("run --stage 10:30s:2m --stage 40:0s:1m --stage 0:20s"),
            [[10, 30, 120], [40, 0, 60], [0, 20, 0]]
        );
    }

    #[test]
    fn without_flags_calls_are_as_the_library_has_them() {
        let resolved = resolved("run").unwrap();
        assert_eq!(resolved.requests.call, CallSpec::default());
        assert_eq!(resolved.users.requests_per_user, None);
        assert_eq!(resolved.users.think_ns, NS_PER_S..=NS_PER_S);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for flags in [
            "-u 0",
            "-d 0s",
            "--chunk 1500us",
            "--stage 0:0s:1s",
            "-u 2 --stage 3:0s:1s",
            "--stage many",
        ] {
            assert!(resolved(&format!("run {flags}")).is_err(), "{flags}");
        }
    }
}
