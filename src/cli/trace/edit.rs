//! `voicelt trace cut`, `scale`, `merge` and `shuffle`: a new trace of whole sessions.

use std::path::PathBuf;
use std::str::FromStr;

use clap::ArgGroup;

use super::bundles::{EditArgs, OutputArg, of_edit, open, say_made};
use crate::cli::shape::{factor, window};
use crate::cli::span::Span;
use crate::trace::edit::cut::{Choice, Named};
use crate::trace::edit::filter::Condition;
use crate::trace::edit::{cut, merge, scale, shuffle};
use crate::units::TraceTime;

/// Make a trace of some of the sessions: those that fit all that is said
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("choice").required(true).multiple(true), after_help = "\
Examples:
  voicelt trace cut calls.vtrace --window 30s..2m -o part.vtrace
  voicelt trace cut calls.vtrace --sessions 0..9 -o first-ten.vtrace
  voicelt trace cut calls.vtrace --where 'turns>1' --where 'duration<30s' -o short.vtrace")]
pub(super) struct CutArgs {
    /// Sessions that start in this stretch, which becomes the new trace's time
    #[arg(long, value_name = "A..B", value_parser = window, group = "choice")]
    window: Option<(i64, i64)>,
    /// Sessions of these names, or of these numbers from 0
    #[arg(long, value_name = "ID,ID|N..M", group = "choice")]
    sessions: Option<NamedArg>,
    /// Sessions of which this holds, such as turns>1, duration<30s, start>=1m, language=en-US,
    /// sample_rate=8000, microphone=open or status!=OK; may be repeated
    #[arg(long = "where", value_name = "CONDITION", group = "choice")]
    conditions: Vec<Condition>,
    #[command(flatten)]
    edit: EditArgs,
}

/// Make a trace of so many times the sessions; copies are shifted a little, bursts stay bursts
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  voicelt trace scale calls.vtrace 3 -o busy.vtrace
  voicelt trace scale calls.vtrace 0.1 --seed 7 -o tenth.vtrace")]
pub(super) struct ScaleArgs {
    /// How many times the sessions
    #[arg(index = 2, value_parser = factor)]
    factor: f64,
    /// What shifts and thinning derive from, as in a replay
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    edit: EditArgs,
}

/// Make a trace of the sessions of several, each at its time since the start of its trace
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  voicelt trace merge monday.vtrace tuesday.vtrace -o both.vtrace")]
pub(super) struct MergeArgs {
    /// First trace bundle
    first: PathBuf,
    /// Further trace bundles
    #[arg(required = true)]
    others: Vec<PathBuf>,
    #[command(flatten)]
    output: OutputArg,
}

/// Draw anew which session starts when; the arrival process stays as it is
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  voicelt trace shuffle calls.vtrace --seed 7 -o shuffled.vtrace")]
pub(super) struct ShuffleArgs {
    /// What the order derives from
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    edit: EditArgs,
}

/// Sessions, as `ID,ID` or `N..M`.
#[derive(Debug, Clone)]
struct NamedArg(Named);

impl FromStr for NamedArg {
    type Err = String;

    fn from_str(text: &str) -> Result<NamedArg, String> {
        let numbers = text.contains("..").then(|| text.parse::<Span<u32>>());
        if let Some(Ok(numbers)) = numbers {
            return Ok(NamedArg(Named::Numbers(numbers.map(|number| number))));
        }
        let ids = text.split(',').filter(|id| !id.is_empty());
        Ok(NamedArg(Named::Ids(ids.map(str::to_owned).collect())))
    }
}

pub(super) fn cut(args: &CutArgs, quiet: bool) -> anyhow::Result<()> {
    let window = args.window.map(|(from, to)| TraceTime(from)..TraceTime(to));
    let choice = Choice {
        window,
        named: args.sessions.clone().map(|NamedArg(named)| named),
        conditions: args.conditions.clone(),
    };
    args.edit
        .make(quiet, |from, output| cut::cut(from, &choice, output))
}

pub(super) fn scale(args: &ScaleArgs, quiet: bool) -> anyhow::Result<()> {
    args.edit.make(quiet, |from, output| {
        scale::scale(from, args.factor, args.seed, output)
    })
}

pub(super) fn merge(args: &MergeArgs, quiet: bool) -> anyhow::Result<()> {
    let first = open(&args.first)?;
    let others = args.others.iter().map(open);
    let others = others.collect::<anyhow::Result<Vec<_>>>()?;
    let output = args.output.of(others.iter().chain([&first]))?;
    let made = merge::merge(&first, &others, &output).map_err(of_edit)?;
    say_made(&made, quiet)
}

pub(super) fn shuffle(args: &ShuffleArgs, quiet: bool) -> anyhow::Result<()> {
    args.edit.make(quiet, |from, output| {
        shuffle::shuffle(from, args.seed, output)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_numbers_in_a_range_and_names_otherwise() {
        let named = |text: &str| text.parse::<NamedArg>().unwrap().0;
        let ids = |ids: &[&str]| Named::Ids(ids.iter().map(|id| (*id).to_owned()).collect());
        assert_eq!(named("3..5"), Named::Numbers(3..=5));
        assert_eq!(named("7"), ids(&["7"]));
        assert_eq!(named("a,b"), ids(&["b", "a"]));
        assert_eq!(named("a..b"), ids(&["a..b"]));
    }
}
