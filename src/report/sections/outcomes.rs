//! Who called, and what became of the turns.

use super::Report;
use crate::report::document::{Block, Words};
use crate::report::summary::Summary;
use crate::results::manifest::ClosedLoop;
use crate::results::row::Status;
use crate::units::terminal::Tone;
use crate::units::{Human, counted, grouped, percent};

pub(super) fn blocks(report: &Report<'_>) -> Vec<Block> {
    let summary = report.summary;
    let mut blocks = vec![Block::Heading("Outcomes")];
    blocks.extend(summary.run.closed_loop.as_ref().map(users));
    blocks.push(Block::line("turns", turns(summary)));
    let turns = &summary.turns;
    let started = counted(turns.started, "turn");
    let mut warn = |warning| blocks.push(Block::Note(Words::new(Tone::Warning, warning)));
    if turns.overlapped * 20 > turns.started && !summary.run.reactive {
        warn(format!(
            "{} of {started} began before the answer to the one before had ended; with \
             --turn-timing reactive callers wait for answers",
            grouped(turns.overlapped)
        ));
    }
    if turns.owner_uncertain > 0 {
        warn(format!(
            "{} of {started} may have the answer of a turn beside them: the messages do not tell whose \
             it is (owner_uncertain)",
            grouped(turns.owner_uncertain)
        ));
    }
    blocks
}

/// Who called, in a closed loop.
fn users(users: &ClosedLoop) -> Block {
    let [least, most] = users.think_ns.map(|ns| Human(ns).to_string());
    let think = match least == most {
        true => least,
        false => format!("{least} to {most}"),
    };
    let items = [
        users.scenario.clone().unwrap_or("no scenario".to_owned()),
        format!("up to {} at once", grouped(users.users.into())),
        format!("thinking {think}"),
        format!("{} pace", users.pace),
    ];
    Block::line("users", items.map(Words::from).into())
}

fn turns(summary: &Summary) -> Vec<Words> {
    let turns = &summary.turns;
    let success = match turns.judged() {
        0 => "success –".into(),
        judged => {
            let tone = match turns.successes == judged {
                true => Tone::Good,
                false => Tone::Bad,
            };
            Words::new(
                tone,
                format!("success {}", percent(turns.successes, judged)),
            )
        }
    };
    let (started, planned) = (grouped(turns.started), grouped(turns.planned));
    let mut items = vec![success, format!("{started} of {planned} started").into()];
    for status in Status::ALL.iter().rev() {
        let count = turns.outcomes.get(status.name()).copied().unwrap_or(0);
        let tone = match status.is_success() || status.is_in_flight() {
            true => Tone::Plain,
            false => Tone::Bad,
        };
        let name = match status {
            Status::Interrupted => "in flight",
            other => other.name(),
        };
        if count > 0 {
            items.push(Words::new(tone, format!("{} {name}", grouped(count))));
        }
    }
    items
}
