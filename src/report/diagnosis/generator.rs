//! The load did not leave when it should: what follows in a report is not the gateway's alone.

use super::{Case, Finding, Kind};
use crate::results::manifest::VerdictLevel;
use crate::results::row::TimelineRow;
use crate::units::{Human, counted, grouped, share_percent};

/// Seconds over which the machine's use is averaged.
const WINDOW: usize = 10;

/// Said when the verdict is not valid.
pub(super) fn finding(case: Case<'_>) -> Option<Finding> {
    let verdict = case.run.verdict.as_ref()?;
    let title = match verdict.level {
        VerdictLevel::Valid => return None,
        VerdictLevel::Degraded => "The load generator was not wholly on time",
        VerdictLevel::Invalid => "The load generator was late: figures are not the gateway's alone",
    };
    let mut evidence = vec![match &verdict.reasons[..] {
        [] => "The verdict gives no reason".to_owned(),
        [only] => format!("The verdict's reason: {only}"),
        [first, rest @ ..] => {
            let more = counted(rest.len() as u64, "reason");
            format!("The verdict's first reason: {first} ({more} more)")
        }
    }];
    let seconds = || case.timeline.iter();
    let late: u64 = seconds().map(|second| second.late_chunks).sum();
    let sent: u64 = seconds().map(|second| second.achieved_chunks).sum();
    let latest = seconds().filter_map(|second| second.lag_max_ns).max();
    if let Some(latest) = latest.filter(|_| late > 0) {
        evidence.push(format!(
            "{} of {} late, the latest by {}",
            grouped(late),
            counted(sent, "chunk"),
            Human(latest)
        ));
    }
    let cores = case.run.host.cores;
    if let Some(cpu) = worst(case.timeline, |second| Some(second.cpu_percent)) {
        let cores = match cores {
            0 => "cores".to_owned(),
            cores => format!("of {}", counted(cores.into(), "core")),
        };
        evidence.push(format!(
            "This process used {:.1} {cores} in its busiest {WINDOW} s",
            cpu / 100.0
        ));
    }
    if let Some(steal) = worst(case.timeline, |second| second.steal_percent) {
        evidence.push(format!(
            "The hypervisor took up to {} of the processor in {WINDOW} s",
            share_percent(steal / 100.0, 1)
        ));
    }
    Some(Finding {
        kind: Kind::GeneratorLate,
        title: title.to_owned(),
        evidence: evidence.join(". ") + ".",
        advice: "Run voicelt on a machine of its own with more or faster cores, with more \
                 --workers, or share the load between several machines."
            .to_owned(),
    })
}

/// The largest mean over [`WINDOW`] seconds; `None` where they are not known for so long.
fn worst(timeline: &[TimelineRow], of: impl Fn(&TimelineRow) -> Option<f64>) -> Option<f64> {
    let windows = timeline.windows(WINDOW).filter_map(|window| {
        let known = window.iter().map(&of).collect::<Option<Vec<f64>>>()?;
        Some(known.iter().sum::<f64>() / WINDOW as f64)
    });
    windows.max_by(f64::total_cmp)
}
