//! The comparison itself: what is set beside what, and what comes of it.

use std::collections::{HashMap, HashSet};

use super::columns::Column;
use super::events::{Events, rates, shares};
use super::gather::{ComparedShare, Input, NEVER, Turn};
use super::model::{Against, Blocks, COMPARISON_SCHEMA, Change, Comparison, Difference, Pairing};
use super::model::{Reading, Unit};
use super::resample::{DRAWS, MOST_BLOCKS, Match, difference, draw};
use super::significance::{Judged, LIMIT, by_draws, holm};
use super::{load, wording};
use crate::report::clusters::BlockKind;
use crate::report::stats::Level;
use crate::results::answer::AnswerKind;
use crate::results::manifest::VerdictLevel;
use crate::results::metrics::{Compared, LATENCIES};
use crate::units::{NS_PER_S, grouped};

/// Why runs cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A run did not keep its schedule.
    #[error(
        "{name} is invalid ({reasons}), so that its figures are not to be trusted; make the run again on a larger or quieter machine, or compare it all the same with --allow-invalid"
    )]
    Invalid {
        /// The run.
        name: String,
        /// Why.
        reasons: String,
    },
    /// The runs spoke different protocols, or one contains the server's endpointing and the other does not.
    #[error(
        "{base} and {run} differ in {differs}, so that their figures do not mean the same; compare them all the same with --across-dialects"
    )]
    Dialect {
        /// The base.
        base: String,
        /// The other run.
        run: String,
        /// What differs, with both values: `dialect (stream-audio and realtime)`, joined by commas.
        differs: String,
    },
    /// The runs sent audio at different paces.
    #[error(
        "{base} was made with --pace {base_pace} and {run} with --pace {run_pace}, whose figures do not mean the same; compare them all the same with --allow-different-pace"
    )]
    Pace {
        /// The base.
        base: String,
        /// Its pace.
        base_pace: String,
        /// The other run.
        run: String,
        /// Its pace.
        run_pace: String,
    },
}

/// What is compared all the same.
#[derive(Debug, Clone, Copy, Default)]
pub struct Leniency {
    /// Runs that did not keep their schedule.
    pub invalid: bool,
    /// Runs of users who sent at different paces.
    pub different_pace: bool,
    /// Runs of different dialects, profiles, wire formats, or endpointing.
    pub across_dialects: bool,
}

/// Compares each of `runs` with `base`.
///
/// # Errors
/// Runs that are not to be compared; see [`CompareError`].
pub fn compare(
    base: &Input,
    runs: &[Input],
    leniency: Leniency,
) -> Result<Comparison, CompareError> {
    for input in std::iter::once(base).chain(runs) {
        refuse_invalid(input, leniency)?;
    }
    for run in runs {
        refuse_paces(base, run, leniency)?;
        refuse_dialects(base, run, leniency)?;
    }
    let mut against: Vec<Against> = runs.iter().map(|run| beside(base, run)).collect();
    let tested = adjust(&mut against);
    Ok(Comparison {
        schema_version: COMPARISON_SCHEMA.to_owned(),
        base: base.side.clone(),
        against,
        tested,
        resamples: DRAWS,
    })
}

fn refuse_invalid(input: &Input, leniency: Leniency) -> Result<(), CompareError> {
    let held = !leniency.invalid && !input.may_be_invalid;
    match &input.side.verdict {
        Some(verdict) if held && verdict.level == VerdictLevel::Invalid => {
            Err(CompareError::Invalid {
                name: input.side.run.name.clone(),
                reasons: verdict.reasons.join("; "),
            })
        }
        _ => Ok(()),
    }
}

fn refuse_paces(base: &Input, run: &Input, leniency: Leniency) -> Result<(), CompareError> {
    let pace = |input: &Input| {
        let closed_loop = input.manifest.closed_loop.as_ref();
        closed_loop.map_or("realtime".to_owned(), |users| users.pace.clone())
    };
    let (base_pace, run_pace) = (pace(base), pace(run));
    match base_pace == run_pace || leniency.different_pace {
        true => Ok(()),
        false => Err(CompareError::Pace {
            base: base.side.run.name.clone(),
            base_pace,
            run: run.side.run.name.clone(),
            run_pace,
        }),
    }
}

fn refuse_dialects(base: &Input, run: &Input, leniency: Leniency) -> Result<(), CompareError> {
    let differs = load::protocol(base, run);
    let differs = differs.into_iter().filter(|item| !item.equal);
    let differs = differs.map(|item| format!("{} ({} and {})", item.name, item.base, item.run));
    let differs: Vec<String> = differs.collect();
    match differs.is_empty() || leniency.across_dialects {
        true => Ok(()),
        false => Err(CompareError::Dialect {
            base: base.side.run.name.clone(),
            run: run.side.run.name.clone(),
            differs: differs.join(", "),
        }),
    }
}

/// Adjusts the p-values of all differences, and says what each amounts to.
fn adjust(against: &mut [Against]) -> u64 {
    let all = against.iter().flat_map(|one| &one.differences);
    let p_values: Vec<f64> = all.map(|difference| difference.p_value).collect();
    let adjusted = holm(&p_values);
    let differences = against.iter_mut().flat_map(|one| &mut one.differences);
    for (difference, adjusted) in differences.zip(adjusted) {
        difference.p_adjusted = adjusted;
        difference.change = match (adjusted < LIMIT, difference.is_to_the_worse()) {
            (false, _) => Change::NotSignificant,
            (true, true) => Change::Worse,
            (true, false) => Change::Better,
        };
    }
    p_values.len() as u64
}

/// The rows of both runs, as they are set beside each other.
struct Rows<'a> {
    paired: bool,
    base: Vec<Row<'a>>,
    run: Vec<Row<'a>>,
    /// Paired: requests that count in one run only.
    without_partner: u64,
    clusters: [u32; 2],
    /// Of each share that the base is asked for.
    events: Vec<[Events; 2]>,
    ended: [Events; 2],
}

/// A request of the headline figures, and the number of the cluster that it is like.
struct Row<'a> {
    turn: &'a Turn,
    cluster: u32,
}

fn beside(base: &Input, run: &Input) -> Against {
    let pairing = load::pairing(base, run);
    let rows = rows(base, run, pairing.is_ok());
    let mut against = Against {
        side: run.side.clone(),
        pairing: Pairing {
            paired: rows.paired,
            reason: match pairing {
                Ok(reason) | Err(reason) => reason,
            },
            base_rows: rows.base.len() as u64,
            run_rows: rows.run.len() as u64,
            without_partner: rows.without_partner,
            base_blocks: blocks(base.kind, rows.clusters[0]),
            run_blocks: blocks(run.kind, rows.clusters[1]),
        },
        load: load::check(base, run),
        differences: Vec::new(),
        left_out: Vec::new(),
        warnings: load::warnings(base, run),
    };
    if rows.clusters.contains(&0) || rows.clusters.contains(&1) {
        let what = wording::blocks(base.kind, 2);
        let needed = format!("everything: chance is computed over {what} or more of each run");
        against.left_out.push(needed);
        return against;
    }
    latencies(base.answers, &rows, &mut against);
    events(&base.asked, &rows, &mut against);
    throughput(base, run, &rows, &mut against);
    against
}

fn blocks(by: BlockKind, count: u32) -> Blocks {
    Blocks {
        by,
        count: count.into(),
    }
}

fn rows<'a>(base: &'a Input, run: &'a Input, paired: bool) -> Rows<'a> {
    let mut numbers = [HashMap::new(), HashMap::new()];
    let mut rows = Rows {
        paired,
        base: Vec::new(),
        run: Vec::new(),
        without_partner: 0,
        clusters: [0; 2],
        events: vec![Default::default(); base.asked.len()],
        ended: Default::default(),
    };
    for (side, input) in [base, run].into_iter().enumerate() {
        // Sessions of a pair of runs have one number in both.
        let numbers = &mut numbers[if paired { 0 } else { side }];
        let place =
            |asked: &ComparedShare| input.asked.iter().position(|own| own.name == asked.name);
        let places: Vec<Option<usize>> = base.asked.iter().map(place).collect();
        for turn in &input.turns {
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            let cluster = *numbers.entry(turn.block).or_insert(next);
            for (events, place) in rows.events.iter_mut().zip(&places) {
                if let Some(is_event) = place.and_then(|place| turn.event(place)) {
                    events[side].add(cluster, is_event);
                }
            }
            if turn.ended {
                rows.ended[side].add(cluster, true);
            }
            if turn.measured {
                let to = if side == 0 {
                    &mut rows.base
                } else {
                    &mut rows.run
                };
                to.push(Row { turn, cluster });
            }
        }
    }
    let count = |of: &HashMap<u64, u32>| u32::try_from(of.len()).unwrap_or(u32::MAX);
    rows.clusters = match paired {
        true => [count(&numbers[0]); 2],
        false => [count(&numbers[0]), count(&numbers[1])],
    };
    if paired {
        keep_pairs(&mut rows);
    }
    rows
}

/// Leaves the turns that count in both runs, in one order.
fn keep_pairs(rows: &mut Rows<'_>) {
    let all = rows.base.len() + rows.run.len();
    let keys = |of: &[Row<'_>]| of.iter().map(|row| row.turn.key).collect::<HashSet<_>>();
    let (base, run) = (keys(&rows.base), keys(&rows.run));
    rows.base.retain(|row| run.contains(&row.turn.key));
    rows.run.retain(|row| base.contains(&row.turn.key));
    rows.base.sort_by_key(|row| row.turn.key);
    rows.run.sort_by_key(|row| row.turn.key);
    rows.without_partner = (all - rows.base.len() - rows.run.len()) as u64;
}

/// The columns of a latency in both runs; of pairs, those that have it in both.
fn columns(rows: &Rows<'_>, latency: usize) -> [Column; 2] {
    let value = |row: &Row<'_>| Some((row.turn.value(latency)?, row.cluster));
    let (base, run): (Vec<_>, Vec<_>) = match rows.paired {
        true => {
            let pairs = rows.base.iter().zip(&rows.run);
            pairs
                .filter_map(|(base, run)| Some((value(base)?, value(run)?)))
                .unzip()
        }
        false => (
            rows.base.iter().filter_map(value).collect(),
            rows.run.iter().filter_map(value).collect(),
        ),
    };
    [base, run].map(|rows| Column::of(&rows, MOST_BLOCKS))
}

fn latencies(answers: AnswerKind, rows: &Rows<'_>, against: &mut Against) {
    let compared = LATENCIES.iter().enumerate();
    let compared = compared.filter(|(_, latency)| !latency.compared(answers).is_empty());
    let columns: Vec<_> = compared
        .map(|(place, latency)| (latency, columns(rows, place)))
        .collect();
    let mut names = Vec::new();
    let mut matches = Vec::new();
    for (latency, [base, run]) in &columns {
        if base.rows() == 0 && run.rows() == 0 {
            continue;
        }
        for percent in latency.compared(answers) {
            let (metric, level) = (format!("{} p{percent}", latency.name), Level(percent * 100));
            match enough(base, run, level) {
                Ok(()) => {
                    names.push((metric, level, base, run));
                    matches.push(Match::of(base, run, level));
                }
                Err(why) => against.left_out.push(format!("{metric}: {why}")),
            }
        }
    }
    draw(&mut matches, rows.paired);
    for ((metric, level, base, run), one) in names.into_iter().zip(matches) {
        let readings = (base.quantile(level), run.quantile(level));
        let (Some(base_ns), Some(run_ns)) = readings else {
            continue;
        };
        let clusters = base.clusters().min(run.clusters());
        let mut draws = one.draws;
        let judged = by_draws(difference(base_ns, run_ns), &mut draws, clusters);
        let read = |ns: i64| match ns {
            NEVER => Reading::NoAnswer,
            ns => Reading::Value(ns as f64),
        };
        against.differences.push(Difference::of(
            (metric, Unit::Nanoseconds, true),
            (read(base_ns), read(run_ns)),
            judged,
        ));
    }
}

fn enough(base: &Column, run: &Column, level: Level) -> Result<(), String> {
    let needed = level.min_rows();
    let there = base.effective(level).min(run.effective(level));
    match base.rows().min(run.rows()) {
        0 => Err("only one of both runs has it".to_owned()),
        _ if there < needed => Err(format!(
            "not enough data (effective n {} of {needed} needed)",
            grouped(there)
        )),
        _ => Ok(()),
    }
}

fn events(asked: &[ComparedShare], rows: &Rows<'_>, against: &mut Against) {
    for (asked, [base, run]) in asked.iter().zip(&rows.events) {
        let is_seen = base.events() + run.events() > 0.0;
        if asked.compared == Compared::WhereAny && !is_seen {
            continue;
        }
        let (Some(base_share), Some(run_share)) = (base.share(), run.share()) else {
            let why = format!("{}: one of both runs has no {}", asked.name, asked.over);
            against.left_out.push(why);
            continue;
        };
        if let Some((_, judged)) = shares(base, run, rows.paired) {
            against.differences.push(Difference::of(
                (asked.name.clone(), Unit::Share, asked.more_is_worse),
                (Reading::Value(base_share), Reading::Value(run_share)),
                judged,
            ));
        }
    }
}

/// Of users alone: how much a replay sends is what its trace says.
fn throughput(base: &Input, run: &Input, rows: &Rows<'_>, against: &mut Against) {
    let of_users = |input: &Input| input.manifest.closed_loop.is_some();
    if !of_users(base) || !of_users(run) {
        return;
    }
    let seconds = |input: &Input| Some(input.span_ns? as f64 / NS_PER_S as f64);
    let (Some(base_s), Some(run_s)) = (seconds(base), seconds(run)) else {
        let why = "throughput: a run does not say how long its steady phase was";
        against.left_out.push(why.to_owned());
        return;
    };
    let [base, run] = &rows.ended;
    if base.events() == 0.0 || run.events() == 0.0 {
        let why = "throughput: no turn of a run ended within its steady phase";
        against.left_out.push(why.to_owned());
        return;
    }
    let (_, judged) = rates((base, base_s), (run, run_s));
    let readings = [base.events() / base_s, run.events() / run_s].map(Reading::Value);
    against.differences.push(Difference::of(
        ("throughput".to_owned(), Unit::PerSecond, false),
        (readings[0], readings[1]),
        judged,
    ));
}

impl Difference {
    /// A metric (its name, its unit, whether more of it is worse) of base and run.
    fn of(
        (metric, unit, more_is_worse): (String, Unit, bool),
        (base, run): (Reading, Reading),
        judged: Judged,
    ) -> Difference {
        let difference = match (base, run) {
            (Reading::Value(base), Reading::Value(run)) => Some(run - base),
            _ => None,
        };
        let share = |difference: f64| match base {
            Reading::Value(base) if base != 0.0 => Some(difference / base.abs()),
            _ => None,
        };
        Difference {
            metric,
            unit,
            more_is_worse,
            base,
            run,
            difference,
            interval: judged.interval.filter(|_| difference.is_some()),
            relative: difference.and_then(share),
            p_value: judged.p_value,
            p_adjusted: judged.p_value,
            change: Change::NotSignificant,
        }
    }
}
