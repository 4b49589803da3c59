//! `voicelt compare`: a run beside others, and whether chance explains what differs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::exit::{BadInput, Outcome, Untrusted};
use super::outputs::{self, Format};
use super::report::RUNS_DIR;
use super::share::share;
use super::stderr::say;
use super::stdout;
use crate::report::compare::{CompareError, Comparison, Input, Leniency, compare, goodput};
use crate::report::render;
use crate::report::require::conditions::Conditions;
use crate::results::reader::{RunDir, resolve};

/// Compare runs with a base: which differences are more than chance.
///
/// Replays of one trace are compared turn by turn; otherwise each run is taken by itself. Intervals
/// and p-values know that the requests of a session, or of a user, are alike.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What the others are compared with: a run directory, or `latest`
    #[arg(value_name = "BASE")]
    base: PathBuf,
    /// Run directories; `latest` is the newest finished one in runs/
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// Exit 99 when a run is significantly worse than the base by more than this share of it, in any
    /// metric that is shown
    #[arg(long, value_name = "SHARE", value_parser = share)]
    fail_on_regression: Option<f64>,
    /// Compare runs that did not keep their schedule too
    #[arg(long)]
    allow_invalid: bool,
    /// Compare runs that sent audio at different paces too
    #[arg(long)]
    allow_different_pace: bool,
    /// Compare runs of different dialects, profiles, wire formats or endpointing too
    #[arg(long)]
    across_dialects: bool,
    /// What to print: text, or JSON
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Also write the JSON to FILE
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also write Markdown to FILE
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Also write a page with a chart to FILE, which opens from disk without a network
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  voicelt compare runs/monday runs/tuesday
  voicelt compare runs/base latest --fail-on-regression 5%
  voicelt compare runs/base runs/a runs/b --html compare.html --markdown compare.md";

/// Prints the comparison.
///
/// # Errors
/// [`BadInput`] for runs that cannot be read or do not go together, [`Untrusted`] for an invalid one;
/// otherwise a failure to write.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let base = open(&args.base)?;
    let runs = args.runs.iter().map(|run| open(run));
    let runs = runs.collect::<Result<Vec<_>, _>>()?;
    let goodput = goodput(std::iter::once(&base).chain(&runs).map(RunDir::manifest));
    let base = read(&base, &goodput)?;
    let runs = runs.iter().map(|run| read(run, &goodput));
    let runs = runs.collect::<Result<Vec<_>, _>>()?;
    let leniency = Leniency {
        invalid: args.allow_invalid,
        different_pace: args.allow_different_pace,
        across_dialects: args.across_dialects,
    };
    let comparison = compare(&base, &runs, leniency).map_err(refused)?;
    if let Some(file) = &args.json {
        outputs::write_json(file, &comparison)?;
    }
    if let Some(file) = &args.markdown {
        outputs::write_text(file, &render::comparison_markdown(&comparison))?;
    }
    if let Some(file) = &args.html {
        outputs::write_text(file, &render::comparison_html(&comparison))?;
    }
    let text = || render::comparison_text(&comparison, stdout::colour());
    args.format.print(&comparison, text)?;
    Ok(judge(args, &comparison).into())
}

fn open(run: &Path) -> Result<RunDir, BadInput> {
    let path = resolve(run, Path::new(RUNS_DIR));
    RunDir::open(&path).map_err(|error| BadInput(error.into()))
}

fn read(run: &RunDir, goodput: &[Conditions]) -> Result<Input, BadInput> {
    let mut input = Input::of_run(run, goodput).map_err(|error| BadInput(error.into()))?;
    input.may_be_invalid = run.manifest().spec.shares_our_processor();
    Ok(input)
}

fn refused(error: CompareError) -> anyhow::Error {
    match error {
        CompareError::Invalid { .. } => Untrusted(error.into()).into(),
        CompareError::Pace { .. } | CompareError::Dialect { .. } => BadInput(error.into()).into(),
    }
}

fn judge(args: &Args, comparison: &Comparison) -> Outcome {
    let Some(limit) = args.fail_on_regression else {
        return Outcome::Ok;
    };
    let mut outcome = Outcome::Ok;
    for against in &comparison.against {
        for difference in &against.differences {
            if difference.regression().is_some_and(|share| share > limit) {
                let (run, metric) = (&against.side.run.name, &difference.metric);
                // Without what a product of floats adds: 0.07 is 7 %.
                let limit = (limit * 1e9).round() / 1e7;
                say(&format!(
                    "regression: {run}: {metric} is worse by more than {limit} %\n"
                ));
                outcome = Outcome::NotMet;
            }
        }
    }
    outcome
}
