//! Which run it is, and how it ended where it did not by itself.

use super::Report;
use crate::report::document::{Block, Words};
use crate::report::summary::Summary;
use crate::results::manifest::ExitReason;
use crate::units::terminal::Tone;
use crate::units::{Human, counted};

pub(super) fn blocks(report: &Report<'_>) -> Vec<Block> {
    let run = &report.summary.run;
    let target = run.target.as_deref().unwrap_or("target not known");
    let elapsed = (run.elapsed_ns > 0).then(|| format!("ran {}", Human(run.elapsed_ns)));
    let trace = format!("trace {} → {target}", run.trace);
    let labels = run
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"));
    let title = Block::Title {
        kind: "run",
        name: run.name.clone(),
        facts: elapsed
            .into_iter()
            .chain([trace])
            .chain(run.spoken())
            .chain([format!("at {}", run.started_at)])
            .collect(),
        labels: labels.collect(),
    };
    let ended = standing(report.summary);
    let ended = ended.map(|how| Block::line("ended", vec![Words::new(Tone::Bad, how)]));
    [title].into_iter().chain(ended).collect()
}

/// How the run ended, where it did not by itself.
fn standing(summary: &Summary) -> Option<String> {
    let (how, verb) = match summary.run.exit_reason {
        ExitReason::Finished => return None,
        ExitReason::Running => ("STILL RUNNING", "are"),
        ExitReason::Killed => ("KILLED", "were"),
        ExitReason::Unknown => ("KILLED, or still running elsewhere", "were"),
        ExitReason::Interrupted => ("INTERRUPTED by a signal", "were"),
        ExitReason::Failed => ("FAILED by an error of voicelt's own", "were"),
    };
    let in_flight = counted(summary.turns.in_flight, "turn");
    Some(format!("{how}: {in_flight} {verb} in flight"))
}
