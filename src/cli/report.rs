//! `voicelt report`: the summary of runs, now or later, finished or killed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::exit::BadInput;
use super::outputs::OutputArgs;
use super::stamp;
use crate::campaign::RunReport;
use crate::report::require::Requirement;
use crate::report::wer::WerAsked;
use crate::results::reader::{LATEST, resolve};

/// Where runs are put by default.
pub(super) const RUNS_DIR: &str = "runs";

/// Show the summary of one or more runs.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Run directories; `latest` is the newest finished one in runs/
    #[arg(value_name = "RUN", default_value = LATEST)]
    runs: Vec<PathBuf>,
    #[command(flatten)]
    outputs: OutputArgs,
}

const EXAMPLES: &str = "\
Examples:
  voicelt report
  voicelt report runs/monday --html monday.html
  voicelt report latest --require 'response.p95 < 800ms' --junit report.xml
  voicelt report runs/monday runs/tuesday --format json";

/// Prints the summaries; the exit code is that of the run with the gravest outcome.
///
/// What is required now is judged with what was required when the run was made, in place of what was
/// about the same.
///
/// # Errors
/// [`BadInput`] for a run that cannot be read or a file that cannot be written; otherwise a failure
/// to write.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    args.outputs.check()?;
    let outputs = &args.outputs;
    let runs = args.runs.iter();
    let runs = runs.map(|run| read(run, &outputs.require, outputs.words()));
    let runs = runs.collect::<Result<Vec<_>, _>>()?;
    Ok(outputs.give(&runs)?.into())
}

fn read(run: &Path, asked: &[Requirement], wer: WerAsked) -> Result<RunReport, BadInput> {
    let path = resolve(run, Path::new(RUNS_DIR));
    RunReport::read(&path, asked, wer, &stamp::zone()).map_err(|error| BadInput(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::Outcome;
    use crate::report::Summary;
    use crate::report::lag::LagBasis;
    use crate::results::lag::LagSummary;
    use crate::results::manifest::{RunManifest, VerdictLevel};
    use crate::results::sample::{manifest, row, second};
    use crate::results::settings::EMBEDDED;
    use crate::table::write_all;

    fn run_on_disk(run: &RunManifest) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let text = serde_json::to_string(run).unwrap();
        std::fs::write(dir.path().join("run.json"), text).unwrap();
        write_all(&dir.path().join("requests.parquet"), 1024, &[], &[row(0)]).unwrap();
        write_all(
            &dir.path().join("timeline.parquet"),
            1024,
            &[],
            &[second(0)],
        )
        .unwrap();
        dir
    }

    fn read_back(run: &RunManifest, asked: &[&str]) -> RunReport {
        let asked: Vec<_> = asked.iter().map(|text| text.parse().unwrap()).collect();
        read(run_on_disk(run).path(), &asked, WerAsked::default()).unwrap()
    }

    fn outcome(of: &RunReport) -> Outcome {
        Outcome::of(of.summary(), !of.is_held())
    }

    #[test]
    fn the_lag_over_all_chunks_is_the_one_kept_when_the_run_ended() {
        let figures = LagSummary {
            p50_ns: 11_000,
            p99_ns: 80_000,
            p999_ns: 90_000,
            max_ns: 210_000,
            late_chunks: 0,
            blocked_chunks: 0,
            chunks: 500,
        };
        let mut run = manifest();
        let kept = Summary::of(&run, &[row(0)], &[second(0)], Some(figures));
        run.summary = Some(serde_json::to_value(&kept).unwrap());
        let told = read_back(&run, &[]).document.ours;
        assert_eq!((told.lag, &told.latencies), (kept.lag, &kept.latencies));

        run.summary = None;
        let lag = read_back(&run, &[]).document.ours.lag.unwrap();
        assert_eq!(
            (lag.basis, lag.figures.p50_ns),
            (LagBasis::UpperBound, 12_000)
        );
    }

    #[test]
    fn a_run_is_held_to_its_verdict_as_when_it_was_made() {
        let mut run = manifest();
        run.verdict.as_mut().unwrap().level = VerdictLevel::Invalid;
        assert_eq!(outcome(&read_back(&run, &[])), Outcome::Untrusted);
        let table = [
            (serde_json::json!({ "target": EMBEDDED }), Outcome::Ok),
            (
                serde_json::json!({ "target": EMBEDDED, "strict_verdict": true }),
                Outcome::Untrusted,
            ),
            (serde_json::json!({ "allow_invalid": true }), Outcome::Ok),
        ];
        for (spec, expected) in table {
            run.spec = spec.clone().into();
            assert_eq!(outcome(&read_back(&run, &[])), expected, "{spec}");
        }
    }

    #[test]
    fn what_was_required_of_a_run_is_still_required_and_more_can_be() {
        let mut run = manifest();
        run.spec.require = vec!["response.p50 < 100ms".into(), "errors < 1%".into()].into();
        let shown = |told: &RunReport| -> Vec<String> {
            let judged = told.document.ours.requirements.iter();
            judged.map(|judged| judged.requirement.clone()).collect()
        };
        let told = read_back(&run, &[]);
        assert_eq!(shown(&told), ["response.p50 < 100ms", "errors < 1%"]);
        assert_eq!(outcome(&told), Outcome::NotMet);
        let told = read_back(&run, &["response.p50 < 1s"]);
        assert_eq!(shown(&told), ["errors < 1%", "response.p50 < 1s"]);
        assert_eq!(outcome(&told), Outcome::Ok);

        run.spec.require = vec!["ttfb.p50 < 1s".into()].into();
        let error = read(run_on_disk(&run).path(), &[], WerAsked::default()).unwrap_err();
        let said = error.to_string();
        assert!(
            said.contains("`ttfb.p50 < 1s` cannot be read: there is no metric"),
            "{said}"
        );
    }
}
