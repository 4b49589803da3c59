//! Charts of distributions: of the response time and its stages, and of the response time by load.

use super::axis::Axis;
use super::chart::{Chart, Ink, LEFT, Layer, stretches};
use super::collect::{Collected, Distribution};
use super::figure::{Table, put};
use super::markup::Markup;
use crate::report::latencies::LATENCIES;
use crate::report::sketch::Sketch;
use crate::report::stats::Percentiles;
use crate::units::{Human, counted, grouped};

/// Points of a curve.
const MOST_POINTS: usize = 200;
/// Curves are cut where all but so many of the values lie to the left.
const CUT: f64 = 0.995;
/// The headline and, where it is another, the response time; then stages that are its parts.
const CURVES: [(&str, Ink); 2] = [("response", Ink::Accent), ("e2e", Ink::Second)];

/// Half the width of the band around a distribution function that lies within it as a whole with a
/// probability of 95 %, by the inequality of Dvoretzky, Kiefer and Wolfowitz with Massart's constant;
/// `n` is the number of values that have nothing to do with each other.
fn band(n: u64) -> f64 {
    ((2.0_f64 / 0.05).ln() / (2.0 * n.max(1) as f64)).sqrt()
}

/// How many turns that have nothing to do with each other say as much, at the level at which they say
/// least.
fn independent(response: &Percentiles) -> Option<u64> {
    let effective = response.effective_n?;
    let levels = [effective.p50, effective.p90, effective.p95, effective.p99];
    levels.into_iter().min()
}

/// Cumulative distributions with their bands.
pub(super) fn cumulative(
    html: &mut Markup,
    prefix: &str,
    collected: &Collected,
    response: Option<&Percentiles>,
) {
    let find = |name: &str| LATENCIES.iter().position(|latency| latency.name == name);
    let curves = CURVES.iter().filter_map(|(name, ink)| {
        let distribution = &collected.distributions[find(name)?];
        (distribution.values.n() > 0).then_some((*name, *ink, distribution))
    });
    let curves: Vec<_> = curves.collect();
    let end = curves
        .iter()
        .filter_map(|(_, _, one)| one.values.quantile(CUT))
        .max();
    let Some(end) = end.map(|end| end as f64) else {
        return;
    };
    let x = Axis::lengths(end);
    let independent = response.and_then(independent);
    let mut layers = Vec::new();
    for (name, ink, distribution) in &curves {
        let points = curve(distribution, end);
        let shifted = |by: f64| -> Vec<_> {
            points
                .iter()
                .map(|(x, y)| (*x, (y + by).clamp(0.0, 1.0)))
                .collect()
        };
        if let Some(half) = independent.map(band).filter(|_| *name == "response") {
            layers.push(Layer::Band(shifted(-half), shifted(half), Ink::Area));
        }
        layers.push(Layer::Lines(vec![points], *ink));
    }
    layers.sort_by_key(|layer| !matches!(layer, Layer::Band(..)));
    let description = curves.iter().map(|(name, _, one)| {
        let at = |q| {
            one.values
                .quantile(q)
                .map_or_else(String::new, |ns| Human(ns).to_string())
        };
        format!(
            "Half of {name} is within {}, nine tenths within {}. ",
            at(0.5),
            at(0.9)
        )
    });
    let description = description.collect::<String>();
    let id = format!("{prefix}cdf");
    let chart = Chart {
        id: &id,
        title: "Share of turns answered within a time",
        description: description.trim_end(),
        x,
        y: Axis::shares(),
        height: 240,
        left: LEFT,
        layers,
    };
    let mut legend: Vec<_> = curves.iter().map(|(name, ink, _)| (*ink, *name)).collect();
    legend.extend(independent.map(|_| (Ink::Area, "95 % band of response")));
    let beyond = curves
        .first()
        .map_or(0, |(_, _, one)| one.values.above(end as i64));
    let mut note = match independent {
        Some(n) => format!(
            "Band of Dvoretzky, Kiefer and Wolfowitz: the true curve lies in it as a whole with 95 % confidence, \
             where the turns say as much as {} that have nothing to do with each other.",
            grouped(n)
        ),
        None => "No band: all turns are of one session or user, so that there is nothing to tell them from."
            .to_owned(),
    };
    if beyond > 0 {
        note += &format!(" {} beyond the right edge.", counted(beyond, "answer"));
    }
    let levels = [0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99];
    let mut head = vec!["share of answers"];
    head.extend(curves.iter().map(|(name, _, _)| *name));
    let rows = levels.map(|q| {
        let values = curves.iter().map(|(_, _, one)| quantile(&one.values, q));
        [format!("{:.0} %", q * 100.0)]
            .into_iter()
            .chain(values)
            .collect()
    });
    put(html, &chart, &legend, &note, &Table::of(head, rows.into()));
}

/// The cumulative share at each of few points, up to `end`; rows without a value lie beyond all.
fn curve(distribution: &Distribution, end: f64) -> Vec<(f64, f64)> {
    let rows = distribution.rows.max(1) as f64;
    let steps: Vec<_> = distribution
        .values
        .steps()
        .map(|(ns, n)| (ns as f64, n as f64 / rows))
        .collect();
    let inside = steps.partition_point(|(ns, _)| *ns <= end);
    let every = inside.div_ceil(MOST_POINTS).max(1);
    let last = inside.saturating_sub(1);
    let kept = steps[..inside]
        .iter()
        .enumerate()
        .filter(|(i, _)| i % every == 0 || *i == last);
    // Nothing is answered before the first answer.
    let first = steps.first().map_or(0.0, |(ns, _)| ns.min(end));
    let mut points = vec![(0.0, 0.0), (first, 0.0)];
    points.extend(kept.map(|(_, point)| *point));
    points
}

/// Response time by the sessions open at the end of speech.
pub(super) fn by_load(html: &mut Markup, prefix: &str, collected: &Collected) {
    let bins = &collected.by_load;
    let width = bins.width();
    let middle = |start: i64| start as f64 + (width - 1) as f64 / 2.0;
    let line = |q: f64| {
        let points = bins
            .iter()
            .map(|(start, at)| (middle(start), at.quantile(q).map(|ns| ns as f64)));
        // Loads that nobody met are no gap.
        let met: Vec<_> = points
            .zip(bins.iter())
            .filter(|(_, (_, at))| at.turns() > 0)
            .map(|(point, _)| point)
            .collect();
        stretches(met)
    };
    let (median, p95) = (line(0.5), line(0.95));
    let most = p95
        .iter()
        .chain(&median)
        .flatten()
        .map(|point| point.1)
        .fold(0.0, f64::max);
    if most <= 0.0 {
        return;
    }
    let loads = bins
        .iter()
        .filter(|(_, at)| at.turns() > 0)
        .map(|(start, _)| start + width - 1);
    let most_sessions = loads.max().unwrap_or(0);
    let y = Axis::lengths(most * 1.1);
    let dots = collected.dots().filter(|(_, ns)| *ns as f64 <= most * 1.1);
    let dots = dots
        .map(|(load, ns)| (f64::from(load), ns as f64))
        .collect();
    let description = format!(
        "Median and p95 of the response time for up to {} at once.",
        counted(most_sessions.unsigned_abs(), "session")
    );
    let id = format!("{prefix}by-load");
    let chart = Chart {
        id: &id,
        title: "Response time by sessions open",
        description: &description,
        x: Axis::counts(most_sessions as f64),
        y,
        height: 240,
        left: LEFT,
        layers: vec![
            Layer::Dots(dots, Ink::Soft, 1.5),
            Layer::Lines(p95, Ink::Second),
            Layer::Lines(median, Ink::Accent),
        ],
    };
    let legend = [
        (Ink::Accent, "p50"),
        (Ink::Second, "p95"),
        (Ink::Soft, "some turns"),
    ];
    let note = match width {
        1 => "Sessions open when the end of speech was sent.".to_owned(),
        width => format!("Sessions open when the end of speech was sent, {width} loads together."),
    };
    let shown: Vec<_> = bins.iter().filter(|(_, at)| at.turns() > 0).collect();
    let every = shown.len().div_ceil(24).max(1);
    let rows = shown.iter().step_by(every).map(|(start, at)| {
        let loads = match width {
            1 => start.to_string(),
            width => format!("{start} to {}", start + width - 1),
        };
        let at_level = |q| {
            at.quantile(q)
                .map_or_else(|| "–".to_owned(), |ns| Human(ns).to_string())
        };
        vec![loads, grouped(at.turns()), at_level(0.5), at_level(0.95)]
    });
    let head = vec!["sessions", "turns", "p50", "p95"];
    let table = Table::of(head, rows.collect());
    put(html, &chart, &legend, &note, &table);
}

fn quantile(values: &Sketch, q: f64) -> String {
    values
        .quantile(q)
        .map_or_else(|| "–".to_owned(), |ns| Human(ns).to_string())
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
