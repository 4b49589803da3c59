//! The summary as a few lines of Markdown, for the pages of continuous integration.

use super::guidance::Standing;
use super::latencies::LATENCIES;
use super::require::Judgement;
use super::stats::Quantile;
use super::summary::Summary;
use crate::results::manifest::{ExitReason, VerdictLevel};
use crate::units::{self, Human, grouped, percent};

/// A short report of a run.
#[must_use]
pub fn render(summary: &Summary) -> String {
    let mut page = String::new();
    for part in [
        heading(summary),
        verdict(summary),
        requirements(summary),
        latencies(summary),
        turns(summary),
        warnings(summary),
    ] {
        if !part.is_empty() {
            page.push_str(&part);
            page.push('\n');
        }
    }
    page
}

fn heading(summary: &Summary) -> String {
    let run = &summary.run;
    let target = run.target.as_deref().unwrap_or("target not known");
    let ended = match run.exit_reason {
        ExitReason::Finished => "",
        ExitReason::Running => ", still running",
        ExitReason::Killed => ", killed",
        ExitReason::Unknown => ", killed or still running elsewhere",
        ExitReason::Interrupted => ", interrupted",
        ExitReason::Failed => ", failed",
    };
    format!(
        "### voicelt: {}\n\nTrace {} → {}, ran {}{ended}\n",
        plain(&run.name),
        plain(&run.trace),
        plain(target),
        Human(run.elapsed_ns)
    )
}

fn verdict(summary: &Summary) -> String {
    let Some(verdict) = &summary.verdict else {
        return "**Verdict** none: it is given when a run ends\n".to_owned();
    };
    let text = match verdict.level {
        VerdictLevel::Valid => "✅ valid: the load kept its schedule",
        VerdictLevel::Degraded => "⚠️ degraded: the figures stand, with a warning",
        VerdictLevel::Invalid => "❌ invalid: do not trust the figures",
    };
    let mut part = format!("**Verdict** {text}\n");
    for reason in &verdict.reasons {
        part.push_str(&format!("- {}\n", plain(reason)));
    }
    part
}

fn requirements(summary: &Summary) -> String {
    let mut part = String::new();
    for judged in &summary.requirements {
        if part.is_empty() {
            part.push_str("| requirement | | observed |\n| --- | --- | --- |\n");
        }
        let judgement = match judged.judgement {
            Judgement::Met => "✅ met",
            Judgement::NotMet => "❌ not met",
            Judgement::NotJudged => "❔ not judged",
        };
        let (requirement, said) = (plain(&judged.requirement), plain(&judged.said));
        part.push_str(&format!("| {requirement} | {judgement} | {said} |\n"));
    }
    part
}

fn latencies(summary: &Summary) -> String {
    let mut part =
        String::from("| latency | p50 | p95 | p99 | max |\n| --- | ---: | ---: | ---: | ---: |\n");
    let known = LATENCIES
        .iter()
        .filter_map(|latency| Some((latency, summary.latencies.get(latency.name)?)))
        .filter(|(latency, figures)| latency.unanswered_counts || figures.n > 0);
    for (latency, figures) in known {
        let [p50, _, p95, p99, max] = figures.quantiles().map(cell);
        let name = latency.name;
        part.push_str(&format!("| {name} | {p50} | {p95} | {p99} | {max} |\n"));
    }
    part
}

fn cell(quantile: Quantile) -> String {
    match quantile {
        Quantile::Value(ns) => Human(ns).to_string(),
        Quantile::NoAnswer => "∞".to_owned(),
        Quantile::NotEnough => "–".to_owned(),
    }
}

fn turns(summary: &Summary) -> String {
    let turns = &summary.turns;
    let in_flight = match turns.in_flight {
        0 => String::new(),
        turns => format!(", {} in flight", grouped(turns)),
    };
    let mut part = format!(
        "{} of {} turns started, {} succeeded ({}){in_flight}\n",
        grouped(turns.started),
        grouped(turns.planned),
        grouped(turns.successes),
        percent(turns.successes, turns.judged())
    );
    for error in &summary.error_breakdown.top {
        part.push_str(&format!(
            "- {} × {}\n",
            grouped(error.turns),
            plain(&error.message)
        ));
    }
    part
}

fn warnings(summary: &Summary) -> String {
    let warnings = summary.guidance.iter();
    let warnings = warnings.filter(|advice| advice.standing == Standing::Warning);
    warnings
        .map(|advice| format!("- ⚠️ {}\n", plain(&advice.said)))
        .collect()
}

/// `text` with what means something in Markdown or HTML made harmless, on one line: messages come
/// from gateways.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in units::plain(text).chars() {
        match c {
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            '&' => plain.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => {
                plain.push('\\');
                plain.push(c);
            }
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::require::judge;
    use crate::results::row::{RequestRow, Status};
    use crate::results::sample::{manifest, row, unanswered};

    #[test]
    fn a_run_on_a_page() {
        let failed = |turn| RequestRow {
            error: Some("upstream | <b>reset</b>\nagain".to_owned()),
            ..unanswered(turn, Status::Error)
        };
        let rows: Vec<_> = (0..98).map(row).chain([failed(98), failed(99)]).collect();
        let mut summary = Summary::of(&manifest(), &rows, &[], None);
        let requirements = ["response.p50 < 300ms", "errors < 1%", "e2e.p99 < 1s"];
        let requirements = requirements.map(|text| text.parse().unwrap());
        summary.requirements = judge(&requirements, &summary, true);
        insta::assert_snapshot!(render(&summary));
    }
}
