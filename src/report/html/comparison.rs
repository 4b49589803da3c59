//! Runs beside each other, as a page.

use super::axis::Axis;
use super::chart::{Chart, Ink, Layer};
use super::figure::{Columns, Table, put};
use super::markup::Markup;
use super::{facts, page};
use crate::report::compare::model::{
    Against, Change, Comparison, Difference, LoadCheck, Reading, Side, Unit,
};
use crate::report::compare::wording;
use crate::units::grouped;

/// A difference is drawn as far as this share of the base on either side.
const FARTHEST: f64 = 1.0;
/// The chart shows at least this share on either side, so that noise looks like noise.
const NEAREST: f64 = 0.05;
/// Height of a metric's lane, and of what is above and below all.
const LANE: i32 = 22;
const ENDS: i32 = 40;

const LOAD_DIFFERS: &str =
    "they were asked for different loads (see below): differences may be due to that";

/// The page of a comparison.
#[must_use]
pub fn of_comparison(comparison: &Comparison) -> String {
    let mut html = Markup::default();
    html.open("header", "");
    html.element("p", "kicker", "voicelt comparison");
    html.open("h1", "");
    html.text(&comparison.base.run.name);
    html.raw(" and ");
    let others = comparison
        .against
        .iter()
        .map(|against| against.side.run.name.as_str());
    html.text(&others.collect::<Vec<_>>().join(", "));
    html.close("h1");
    html.close("header");
    html.heading("Base");
    side(&mut html, &comparison.base);
    for (number, against) in comparison.against.iter().enumerate() {
        html.raw("<section>");
        beside(&mut html, number, against, comparison);
        html.close("section");
    }
    let title = format!("{} compared – voicelt", comparison.base.run.name);
    page::document(&title, html)
}

fn side(html: &mut Markup, side: &Side) {
    html.open("p", "");
    html.element("strong", "", &side.run.name);
    facts::badge(html, side.verdict.as_ref());
    html.close("p");
    html.element("p", "soft", &wording::side(side));
    let measured = &side.measured;
    let (answered, rows) = (grouped(measured.answered), grouped(measured.rows));
    let answered = format!("answered {answered} of {rows} turns of its headline figures");
    html.element("p", "note", &answered);
}

fn beside(html: &mut Markup, number: usize, against: &Against, comparison: &Comparison) {
    let of = match comparison.against.len() {
        1 => "Beside it".to_owned(),
        several => format!("Beside it, {} of {several}", number + 1),
    };
    html.heading(&of);
    side(html, &against.side);
    summing_up(html, &against.differences);
    let load_differs = (!against.load.equal).then_some(LOAD_DIFFERS);
    let warnings = against.warnings.iter().map(String::as_str);
    let warnings: Vec<&str> = load_differs.into_iter().chain(warnings).collect();
    if !warnings.is_empty() {
        html.open("ul", "guidance");
        for warning in warnings {
            html.element("li", "warn", warning);
        }
        html.close("ul");
    }
    chart(html, number, &against.differences);
    differences(html, &against.differences);
    html.element("p", "note", &wording::rows(against));
    let method = wording::method(comparison.tested, comparison.resamples);
    html.element("p", "note", &method);
    for left_out in &against.left_out {
        html.element("p", "note", &format!("left out: {left_out}"));
    }
    load(html, &against.load);
}

/// How many differences are no chance.
fn summing_up(html: &mut Markup, differences: &[Difference]) {
    let (is_worse, words) = wording::conclusion(differences);
    let class = if is_worse {
        "verdict bad"
    } else {
        "verdict good"
    };
    html.open("div", class);
    html.element("p", "", &words);
    html.close("div");
}

/// The difference of each metric as a share of the base, with its interval.
fn chart(html: &mut Markup, number: usize, differences: &[Difference]) {
    let drawn: Vec<(&Difference, f64, [f64; 2])> =
        differences.iter().filter_map(relative).collect();
    if drawn.is_empty() {
        return;
    }
    let ends = drawn
        .iter()
        .flat_map(|(_, share, ends)| [*share, ends[0], ends[1]])
        // An end that is without limit does not count.
        .filter(|end| end.is_finite())
        .map(|end| end.clamp(-FARTHEST, FARTHEST));
    let (least, most) = ends.fold((-NEAREST, NEAREST), |(least, most), end| {
        (least.min(end), most.max(end))
    });
    let x = Axis::signed_shares(least, most);
    let count = drawn.len();
    let mut layers = vec![Layer::Upright(0.0, Ink::Soft)];
    let mut lanes = Vec::new();
    for (i, (difference, share, [low, high])) in drawn.iter().enumerate() {
        let lane = (count - i) as f64 - 0.5;
        lanes.push((lane, difference.metric.clone()));
        let ink = match difference.change {
            Change::Better => Ink::Accent,
            Change::Worse => Ink::Bad,
            Change::NotSignificant => Ink::Soft,
        };
        layers.push(Layer::Lines(vec![vec![(*low, lane), (*high, lane)]], ink));
        layers.push(Layer::Dots(vec![(*share, lane)], ink, 4.0));
    }
    let words: Vec<String> = drawn
        .iter()
        .filter(|(one, _, _)| one.change != Change::NotSignificant)
        .map(|(one, _, _)| format!("{} {}", one.metric, wording::cells(one).change))
        .collect();
    let description = match words.is_empty() {
        true => "No difference is significant.".to_owned(),
        false => format!("Significant: {}.", words.join(", ")),
    };
    let chart = Chart {
        id: &format!("c{number}-differences"),
        title: "Difference from the base",
        description: &description,
        x,
        y: Axis::lanes(count as f64, lanes),
        height: ENDS + LANE * count as i32,
        left: 150,
        layers,
    };
    let legend = [
        (Ink::Accent, "better"),
        (Ink::Bad, "worse"),
        (Ink::Soft, "no more than chance"),
    ];
    html.open("div", "single");
    put(
        html,
        &chart,
        &legend,
        "As a share of the base, with its 95 % interval.",
        &Table::default(),
    );
    html.close("div");
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

fn differences(html: &mut Markup, differences: &[Difference]) {
    let rows = differences.iter().map(|one| {
        let cells = wording::cells(one);
        let verdict = cells.verdict.to_lowercase();
        vec![
            one.metric.clone(),
            cells.base,
            cells.run,
            cells.change,
            cells.interval,
            cells.p,
            verdict,
        ]
    });
    let head = vec!["metric", "base", "run", "change", "95 % interval", "p", ""];
    Table::of(head, rows.collect())
        .with(Columns::NameAndMeaning)
        .put(html);
}

/// What each run was asked for.
fn load(html: &mut Markup, load: &LoadCheck) {
    let rows = load.items.iter().map(|item| {
        let equal = if item.equal { "same" } else { "different" };
        vec![
            item.name.clone(),
            item.base.clone(),
            item.run.clone(),
            equal.to_owned(),
        ]
    });
    Table::of(vec!["asked for", "base", "run", ""], rows.collect()).put(html);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Summary;
    use crate::report::compare::model::{BlockKind, Blocks, LoadItem, Pairing};
    use crate::results::sample::{manifest, row};
    use crate::units::NS_PER_MS;

    fn side(name: &str) -> Side {
        let rows: Vec<_> = (0..100).map(row).collect();
        let summary = Summary::of(&manifest(), &rows, &[], None);
        let mut run = summary.run;
        run.name = name.to_owned();
        Side {
            run,
            verdict: summary.verdict,
            measured: summary.measured,
        }
    }

    fn difference(metric: &str, base_ms: i64, run_ms: i64, change: Change) -> Difference {
        let (base, run) = ((base_ms * NS_PER_MS) as f64, (run_ms * NS_PER_MS) as f64);
        let width = 10e6;
        Difference {
            metric: metric.to_owned(),
            unit: Unit::Nanoseconds,
            more_is_worse: true,
            base: Reading::Value(base),
            run: Reading::Value(run),
            difference: Some(run - base),
            interval: Some([Some(run - base - width), Some(run - base + width)]),
            relative: Some((run - base) / base),
            p_value: 0.001,
            p_adjusted: 0.004,
            change,
        }
    }

    fn compared(name: &str) -> Comparison {
        let lost = Difference {
            run: Reading::NoAnswer,
            difference: None,
            interval: Some([Some(5e6), None]),
            relative: None,
            ..difference("response p99", 900, 0, Change::Worse)
        };
        let errors = Difference {
            unit: Unit::Share,
            base: Reading::Value(0.01),
            run: Reading::Value(0.0125),
            difference: Some(0.0025),
            interval: Some([Some(-0.001), None]),
            relative: Some(0.25),
            p_adjusted: 0.4,
            change: Change::NotSignificant,
            ..difference("errors", 0, 0, Change::NotSignificant)
        };
        let blocks = Blocks {
            by: BlockKind::Session,
            count: 40,
        };
        Comparison {
            schema_version: "1.0".to_owned(),
            base: side("monday"),
            against: vec![Against {
                side: side(name),
                pairing: Pairing {
                    paired: true,
                    reason: "the same trace".to_owned(),
                    base_rows: 400,
                    run_rows: 400,
                    without_partner: 3,
                    base_blocks: blocks,
                    run_blocks: blocks,
                },
                load: LoadCheck {
                    equal: false,
                    items: vec![LoadItem {
                        name: "sessions".to_owned(),
                        base: "100".to_owned(),
                        run: "120".to_owned(),
                        equal: false,
                    }],
                },
                differences: vec![
                    difference("response p50", 250, 310, Change::Worse),
                    difference("asr p50", 1_250, 1_180, Change::Better),
                    lost,
                    errors,
                ],
                left_out: vec!["tts p99: not enough data".to_owned()],
                warnings: vec!["the base was made on another machine".to_owned()],
            }],
            tested: 4,
            resamples: 2_000,
        }
    }

    #[test]
    fn a_comparison_shows_each_difference_and_names_the_significant() {
        let page = of_comparison(&compared("tuesday"));
        for words in [
            "2 metrics worse, 1 better.",
            "Significant: response p50 +24.0 %, asr p50 -5.6 %.",
            "<td>+24.0 %</td><td>+50.0 ms..+70.0 ms</td><td>0.004</td><td>worse</td>",
            "<td>∞</td><td>–</td><td>+5.00 ms..+∞</td>",
            "<td>1.00 %</td><td>1.25 %</td><td>+0.25 pp</td><td>-0.10 pp..+∞</td>",
            "paired, since the same trace: 400 turns of 40 sessions",
            "asked for different loads (see below)",
        ] {
            assert!(page.contains(words), "{words}\n{page}");
        }
    }

    #[test]
    fn names_of_runs_stay_text() {
        let page = of_comparison(&compared("<script>alert(1)</script>"));
        assert!(!page.contains("<script"));
        assert!(page.contains("&lt;script&gt;"));
    }
}
