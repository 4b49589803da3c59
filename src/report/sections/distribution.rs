//! Charts of distributions: of the time to the answer and its stages, and of that time by load.

use super::collect::Distribution;
use super::line_chart::{LineChart, highest};
use super::{Collected, Report};
use crate::report::answer_titles::AnswerTitles;
use crate::report::axis::Axis;
use crate::report::chart::{Ink, Layer, stretches};
use crate::report::document::{Block, Figure, Table, human};
use crate::report::stats::Percentiles;
use crate::results::answer::AnswerKind;
use crate::results::metrics::LATENCIES;
use crate::units::{counted, grouped};

/// Points of a curve.
const MOST_POINTS: usize = 200;
/// Rows of a chart's table.
const MOST_ROWS: usize = 24;
/// Curves are cut where all but so many of the values lie to the left.
const CUT: f64 = 0.995;
/// The latency that is drawn beside that of the answer.
const BESIDE: &str = "e2e";

pub(super) fn blocks(report: &Report<'_>) -> Vec<Block> {
    let Some(pictures) = &report.pictures else {
        return Vec::new();
    };
    let name = report.summary.answer_latency().name;
    let figures = report.summary.answer_figures();
    let figures = [
        cumulative(&pictures.collected, name, figures),
        by_load(&pictures.collected, report.summary.answers_by),
    ];
    let figures: Vec<Figure> = figures.into_iter().flatten().collect();
    match figures.is_empty() {
        true => Vec::new(),
        false => vec![
            Block::Heading("Distribution and load"),
            Block::Figures(figures),
        ],
    }
}

/// Half the width of the band around a distribution function that lies within it as a whole with a
/// probability of 95 %, by the inequality of Dvoretzky, Kiefer and Wolfowitz with Massart's constant;
/// `n` is the number of values that have nothing to do with each other.
fn band(n: u64) -> f64 {
    ((2.0_f64 / 0.05).ln() / (2.0 * n.max(1) as f64)).sqrt()
}

/// How many turns that have nothing to do with each other say as much, at the level at which they say
/// least.
fn independent(figures: &Percentiles) -> Option<u64> {
    let effective = figures.effective_n?;
    let levels = [effective.p50, effective.p90, effective.p95, effective.p99];
    levels.into_iter().min()
}

/// Cumulative distributions with the band of the first.
fn cumulative(
    collected: &Collected,
    first: &'static str,
    figures: Option<&Percentiles>,
) -> Option<Figure> {
    let find = |name: &str| LATENCIES.iter().position(|latency| latency.name == name);
    let curves = [(first, Ink::Accent), (BESIDE, Ink::Second)];
    let curves = curves.into_iter().filter_map(|(name, ink)| {
        let distribution = &collected.distributions[find(name)?];
        (distribution.values.n() > 0).then_some((name, ink, distribution))
    });
    let curves: Vec<_> = curves.collect();
    let ends = curves
        .iter()
        .filter_map(|(.., one)| one.values.quantile(CUT));
    let end = ends.max()? as f64;
    let independent = figures.and_then(independent);
    let mut lines = Vec::new();
    let mut under = Vec::new();
    for (name, ink, distribution) in &curves {
        let points = curve(distribution, end);
        if let Some(half) = independent.map(band).filter(|_| *name == first) {
            let shifted = |by: f64| {
                let points = points.iter().map(|(x, y)| (*x, (y + by).clamp(0.0, 1.0)));
                points.collect()
            };
            under.push(Layer::Band(shifted(-half), shifted(half), Ink::Area));
        }
        lines.push((*ink, (*name).to_owned(), vec![points]));
    }
    let description = curves.iter().map(|(name, _, one)| {
        let [half, most] = [0.5, 0.9].map(|q| human(one.values.quantile(q)));
        format!("Half of {name} is within {half}, nine tenths within {most}.")
    });
    let description = description.collect::<Vec<_>>().join(" ");
    let mut note = match independent {
        Some(n) => format!(
            "Band of Dvoretzky, Kiefer and Wolfowitz: the true curve lies in it as a whole with 95 % \
             confidence, where the turns say as much as {} that have nothing to do with each other.",
            grouped(n)
        ),
        None => "No band: all turns are of one session or user, so that there is nothing to tell them from."
            .to_owned(),
    };
    let beyond = curves
        .first()
        .map_or(0, |(.., one)| one.values.above(end as i64));
    if beyond > 0 {
        note += &format!(" {} beyond the right edge.", counted(beyond, "answer"));
    }
    let levels = [0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99];
    let rows = levels.into_iter().map(|q| {
        let values = curves.iter().map(|(.., one)| human(one.values.quantile(q)));
        [format!("{:.0} %", q * 100.0)]
            .into_iter()
            .chain(values)
            .collect()
    });
    let names = curves.iter().map(|(name, ..)| *name);
    let table = Table::figures(["share of answers"].into_iter().chain(names), rows);
    let mut figure = LineChart {
        id: "cdf".to_owned(),
        title: "Share of turns answered within a time",
        description,
        x: Axis::lengths(end),
        y: Axis::shares(),
        lines,
        under,
        note,
        table,
    }
    .figure();
    let band = independent.map(|_| (Ink::Area, format!("95 % band of {first}")));
    figure.legend.extend(band);
    Some(figure)
}

/// The cumulative share at each of few points, up to `end`; rows without a value lie beyond all.
fn curve(distribution: &Distribution, end: f64) -> Vec<(f64, f64)> {
    let rows = distribution.rows.max(1) as f64;
    let steps = distribution.values.steps();
    let steps: Vec<_> = steps.map(|(ns, n)| (ns as f64, n as f64 / rows)).collect();
    let inside = steps.partition_point(|(ns, _)| *ns <= end);
    let every = inside.div_ceil(MOST_POINTS).max(1);
    let last = inside.saturating_sub(1);
    let kept = steps[..inside].iter().enumerate();
    let kept = kept.filter(|(i, _)| i % every == 0 || *i == last);
    // Nothing is answered before the first answer.
    let first = steps.first().map_or(0.0, |(ns, _)| ns.min(end));
    let mut points = vec![(0.0, 0.0), (first, 0.0)];
    points.extend(kept.map(|(_, point)| *point));
    points
}

/// Time to the answer by the sessions open at the end of speech.
fn by_load(collected: &Collected, answers: AnswerKind) -> Option<Figure> {
    let bins = &collected.by_load;
    let width = bins.width();
    // Loads that nobody met are no gap.
    let met: Vec<_> = bins.iter().filter(|(_, at)| at.turns() > 0).collect();
    let line = |q: f64| {
        let middle = |start: i64| start as f64 + (width - 1) as f64 / 2.0;
        let value = |ns: i64| ns as f64;
        stretches(
            met.iter()
                .map(|(start, at)| (middle(*start), at.quantile(q).map(value))),
        )
    };
    let (median, p95) = (line(0.5), line(0.95));
    let most = highest([&median, &p95]);
    let (last, _) = met.last().filter(|_| most > 0.0)?;
    let most_sessions = last + width - 1;
    let dots = collected
        .dots()
        .map(|(load, ns)| (f64::from(load), ns as f64));
    let dots = dots.filter(|(_, ns)| *ns <= most * 1.1).collect();
    let note = match width {
        1 => "Sessions open when the end of speech was sent.".to_owned(),
        width => format!("Sessions open when the end of speech was sent, {width} loads together."),
    };
    let every = met.len().div_ceil(MOST_ROWS).max(1);
    let rows = met.iter().step_by(every).map(|(start, at)| {
        let loads = match width {
            1 => start.to_string(),
            width => format!("{start} to {}", start + width - 1),
        };
        let [p50, p95] = [0.5, 0.95].map(|q| human(at.quantile(q)));
        vec![loads, grouped(at.turns()), p50, p95]
    });
    let titles = AnswerTitles::of(answers);
    let mut figure = LineChart {
        id: "by-load".to_owned(),
        title: titles.by_load,
        description: format!(
            "Median and p95 of the {} for up to {} at once.",
            titles.chart.to_lowercase(),
            counted(most_sessions.unsigned_abs(), "session")
        ),
        x: Axis::counts(most_sessions as f64),
        y: Axis::lengths(most * 1.1),
        lines: vec![
            (Ink::Accent, "p50".to_owned(), median),
            (Ink::Second, "p95".to_owned(), p95),
        ],
        under: vec![Layer::Dots(dots, Ink::Soft, 1.5)],
        note,
        table: Table::figures(["sessions", "turns", "p50", "p95"], rows),
    }
    .figure();
    figure.legend.push((Ink::Soft, "some turns".to_owned()));
    Some(figure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::stats::Sample;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn the_band_is_as_wide_as_massart_has_it() {
        // 2·exp(−2·n·ε²) = 0.05.
        assert!((band(1_000) - 0.042_947).abs() < 1e-6);
        assert!((band(100) - 0.135_81).abs() < 1e-5);
    }

    /// The largest distance of a sample's distribution from the even one, from 0 to 1.
    fn distance(mut values: Vec<f64>) -> f64 {
        values.sort_by(f64::total_cmp);
        let n = values.len() as f64;
        let at = |(i, value): (usize, &f64)| (value - i as f64 / n).max((i + 1) as f64 / n - value);
        values.iter().enumerate().map(at).fold(0.0, f64::max)
    }

    #[test]
    fn the_band_holds_where_turns_of_a_session_are_alike() {
        let seeds = 150;
        for alike in [0.0, 0.5, 0.9] {
            let covered = (0..seeds).filter(|seed| {
                let mut rng = ChaCha8Rng::seed_from_u64(*seed);
                let mut values = Vec::new();
                let mut sample = Sample::default();
                for session in 0..80 {
                    let of_session: f64 = rng.random();
                    for _ in 0..6 {
                        // A turn is like its session, or like none; either way its values are even.
                        let is_alike = rng.random::<f64>() < alike;
                        let value = if is_alike { of_session } else { rng.random() };
                        values.push(value);
                        sample.push(Some((value * 1e9) as i64), session);
                    }
                }
                let n = independent(&sample.percentiles()).unwrap();
                distance(values) <= band(n)
            });
            let share = covered.count() as f64 / seeds as f64;
            assert!(share >= 0.94, "{share} at {alike}");
        }
    }
}
