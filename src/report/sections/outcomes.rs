//! Who called, and what became of the turns.

use super::Report;
use crate::report::document::{Block, Table, Words};
use crate::report::summary::Summary;
use crate::report::turns::Turns;
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
    blocks.extend(shares(&summary.turns));
    blocks
}

/// How many turns ended so.
fn count(turns: &Turns, status: Status) -> u64 {
    turns.outcomes.get(status.name()).copied().unwrap_or(0)
}

/// How a turn ended, as people call it.
fn name(status: Status) -> &'static str {
    match status {
        Status::Interrupted => "in flight",
        other => other.name(),
    }
}

/// Turns by how they ended, where they did not all end alike.
fn shares(turns: &Turns) -> Option<Block> {
    let seen = Status::ALL
        .iter()
        .rev()
        .filter(|status| count(turns, **status) > 0);
    let rows = seen.map(|status| {
        let count = count(turns, *status);
        let share = percent(count, turns.rows);
        vec![name(*status).to_owned(), grouped(count), share]
    });
    let table = Table::figures(["status", "turns", "share"], rows);
    (table.rows.len() > 1).then(|| Block::Details("Shares", vec![Block::Table(table)]))
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
        let count = count(turns, *status);
        let tone = match status.is_success() || status.is_in_flight() {
            true => Tone::Plain,
            false => Tone::Bad,
        };
        if count > 0 {
            items.push(Words::new(
                tone,
                format!("{} {}", grouped(count), name(*status)),
            ));
        }
    }
    items
}
