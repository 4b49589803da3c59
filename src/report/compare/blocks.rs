//! A comparison as a report.

use super::model::{Against, Change, Comparison, Difference, Reading, Side, Unit};
use super::wording;
use crate::report::axis::Axis;
use crate::report::chart::{Chart, Ink, Layer};
use crate::report::document::{Block, Column, Figure, Table, Words};
use crate::report::sections::badge;
use crate::units::grouped;
use crate::units::terminal::Tone;

/// A difference is drawn as far as this share of the base on either side.
const FARTHEST: f64 = 1.0;
/// The chart shows at least this share on either side, so that noise looks like noise.
const NEAREST: f64 = 0.05;
/// Height of a metric's lane, and of what is above and below all.
const LANE: f64 = 22.0;
const ENDS: f64 = 40.0;

/// The comparison, with a part for each run.
pub(in crate::report) fn blocks(comparison: &Comparison) -> Vec<Block> {
    let mut blocks = side("base", &comparison.base);
    for (number, against) in comparison.against.iter().enumerate() {
        blocks.extend(beside(number, against));
    }
    blocks.push(Block::Heading("Method"));
    let method = wording::method(comparison.tested, comparison.resamples);
    blocks.push(Block::note(method));
    blocks
}

fn side(kind: &'static str, side: &Side) -> Vec<Block> {
    let run = &side.run;
    let labels = run
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"));
    let (answered, rows) = (side.measured.answered, side.measured.rows);
    let answered = format!(
        "answered {} of {} turns of its headline figures",
        grouped(answered),
        grouped(rows)
    );
    let verdict = badge(side.verdict.as_ref().map(|verdict| verdict.level));
    vec![
        Block::Title {
            kind,
            name: run.name.clone(),
            facts: wording::facts(run),
            labels: labels.collect(),
        },
        Block::line("", vec![verdict, answered.into()]),
    ]
}

fn beside(number: usize, against: &Against) -> Vec<Block> {
    let mut blocks = side("run", &against.side);
    blocks.push(Block::line("rows", vec![wording::rows(against).into()]));
    let tone = match against.load.equal {
        true => Tone::Plain,
        false => Tone::Warning,
    };
    let load = Words::new(tone, wording::load(&against.load));
    blocks.push(Block::line("load", vec![load]));
    let warnings = against.warnings.iter();
    blocks.extend(
        warnings
            .map(|warning| Block::line("note", vec![Words::new(Tone::Warning, warning.as_str())])),
    );
    if !against.differences.is_empty() {
        let (is_worse, words) = wording::conclusion(&against.differences);
        let tone = if is_worse { Tone::Bad } else { Tone::Good };
        blocks.push(Block::line("result", vec![Words::new(tone, words)]));
        blocks.push(Block::Heading("Differences"));
        blocks.extend(chart(number, &against.differences).map(|chart| Block::Figures(vec![chart])));
        blocks.push(Block::Table(table(&against.differences)));
    }
    let items = against.load.items.iter().map(|item| {
        let equal = if item.equal { "same" } else { "different" };
        [&item.name[..], &item.base, &item.run, equal]
            .map(str::to_owned)
            .into()
    });
    let asked = Table::figures(["asked for", "base", "run", ""], items);
    blocks.push(Block::Details("Load", vec![Block::Table(asked)]));
    let left_out = against.left_out.iter();
    blocks.extend(
        left_out
            .map(|reason| Block::line("left out", vec![Words::new(Tone::Faint, reason.as_str())])),
    );
    blocks
}

fn table(differences: &[Difference]) -> Table {
    let rows = differences.iter().map(|one| {
        let cells = wording::cells(one);
        let tone = match one.change {
            Change::Better => Tone::Good,
            Change::Worse => Tone::Bad,
            Change::NotSignificant => Tone::Plain,
        };
        let figures = [cells.base, cells.run, cells.change, cells.interval, cells.p];
        let mut row = vec![one.metric.as_str().into()];
        row.extend(figures.map(Words::from));
        row.push(Words::new(tone, cells.verdict));
        row
    });
    let figures = ["base", "run", "change", "95 % interval", "p"].map(Column::Figure);
    let columns = [&[Column::Name("metric")][..], &figures, &[Column::Name("")]].concat();
    Table::of(&columns, rows)
}

/// The difference of each metric as a share of the base, with its interval.
fn chart(number: usize, differences: &[Difference]) -> Option<Figure> {
    let drawn: Vec<_> = differences.iter().filter_map(relative).collect();
    let ends = drawn
        .iter()
        .flat_map(|(_, share, ends)| [*share, ends[0], ends[1]]);
    // An end that is without limit does not count.
    let ends = ends.filter(|end| end.is_finite());
    let ends = ends.map(|end| end.clamp(-FARTHEST, FARTHEST));
    let (least, most) = ends.fold((-NEAREST, NEAREST), |(least, most), end| {
        (least.min(end), most.max(end))
    });
    let count = drawn.len();
    let mut layers = vec![Layer::Upright(0.0, Ink::Soft)];
    let mut lanes = Vec::new();
    let mut significant = Vec::new();
    for (i, (difference, share, [low, high])) in drawn.into_iter().enumerate() {
        let lane = (count - i) as f64 - 0.5;
        lanes.push((lane, difference.metric.clone()));
        let ink = match difference.change {
            Change::Better => Ink::Accent,
            Change::Worse => Ink::Bad,
            Change::NotSignificant => Ink::Soft,
        };
        if difference.change != Change::NotSignificant {
            significant.push(format!(
                "{} {}",
                difference.metric,
                wording::cells(difference).change
            ));
        }
        layers.push(Layer::Lines(vec![vec![(low, lane), (high, lane)]], ink));
        layers.push(Layer::Dots(vec![(share, lane)], ink, 4.0));
    }
    let description = match significant.is_empty() {
        true => "No difference is significant.".to_owned(),
        false => format!("Significant: {}.", significant.join(", ")),
    };
    let legend = [
        (Ink::Accent, "better"),
        (Ink::Bad, "worse"),
        (Ink::Soft, "no more than chance"),
    ];
    (count > 0).then(|| Figure {
        chart: Chart {
            id: format!("c{number}-differences"),
            title: "Difference from the base".to_owned(),
            description,
            x: Axis::signed_shares(least, most),
            y: Axis::lanes(count as f64, lanes),
            height: ENDS + LANE * count as f64,
            left: 150.0,
            layers,
        },
        legend: legend.map(|(ink, name)| (ink, name.to_owned())).into(),
        note: "As a share of the base, with its 95 % interval.".to_owned(),
        table: Table::default(),
    })
}

/// A difference and the ends of its interval as shares of the base; none of what is a share itself,
/// whose difference is in points.
fn relative(difference: &Difference) -> Option<(&Difference, f64, [f64; 2])> {
    if difference.unit == Unit::Share {
        return None;
    }
    let share = difference.relative?;
    let Reading::Value(base) = difference.base else {
        return None;
    };
    let [low, high] = difference.interval?;
    let low = low.map_or(f64::NEG_INFINITY, |low| low / base);
    let high = high.map_or(f64::INFINITY, |high| high / base);
    Some((difference, share, [low, high]))
}
