//! What the runs of a search for the capacity showed, load by load.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::capacity::{Bounds, Probe};
use crate::report::Summary;
use crate::report::require::{Judged, Judgement};
use crate::report::stats::Level;
use crate::units::{Human, counted, grouped, share_percent};

/// The version of the curve's shape.
const CURVE_SCHEMA: &str = "1.0";

/// All of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The version of this shape.
    pub schema_version: String,
    /// What loads are counted in, such as `users`.
    pub unit: String,
    /// How many of `unit` a load of 1 is.
    pub step: f64,
    /// The highest load at which all held, in `unit`; null when it held at none.
    pub capacity: Option<f64>,
    /// The lowest load above it at which something did not hold; null when none was found.
    pub too_much: Option<f64>,
    /// The lowest load above it that could not be made; null when all could.
    pub not_makeable: Option<f64>,
    /// The runs, from the lowest load to the highest.
    pub points: Vec<Point>,
}

/// One run of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The load, in the curve's unit.
    pub load: f64,
    /// Name of its run directory.
    pub run: String,
    /// Largest number of sessions open at once; null where not known.
    pub peak_sessions: Option<u64>,
    /// Turns that the time to the answer is over.
    pub turns: u64,
    /// Sessions started a second; null where not known.
    pub sessions_per_s: Option<f64>,
    /// Median of the time to the answer, which is the response time where servers answer with audio; null where
    /// not enough turns or answers tell.
    pub response_p50_ns: Option<i64>,
    /// 95th percentile of the time to the answer; null where not enough turns or answers tell.
    pub response_p95_ns: Option<i64>,
    /// Share of the requests of the steady phase that were no success, as `errors` is judged; null
    /// without any.
    pub errors: Option<f64>,
    /// What was required, and what became of it.
    pub requirements: Vec<Judged>,
}

impl Point {
    /// What a run at this load showed.
    #[must_use]
    pub fn of(load: f64, summary: &Summary, requirements: Vec<Judged>) -> Point {
        let response = summary.answer_figures();
        Point {
            load,
            run: summary.run.name.clone(),
            peak_sessions: summary.load.peak_sessions,
            turns: response.map_or(0, |figures| figures.n),
            sessions_per_s: summary
                .load
                .rates
                .map(|rates| rates.achieved_sessions_per_s),
            response_p50_ns: response.and_then(|figures| figures.p50_ns),
            response_p95_ns: response.and_then(|figures| figures.p95_ns),
            errors: summary.steady.errors(),
            requirements,
        }
    }

    /// Whether all held; `None` where the run does not tell.
    #[must_use]
    pub fn probe(&self) -> Option<Probe> {
        let is = |judgement| self.requirements.iter().any(|r| r.judgement == judgement);
        match (is(Judgement::NotMet), is(Judgement::NotJudged)) {
            (true, _) => Some(Probe::NotMet),
            (false, true) => None,
            (false, false) => Some(Probe::Met),
        }
    }
}

/// What a load of a search is in its unit, where one is so much as `step`, a whole part of 1.
///
/// Divided by the parts, since 17 × 0.1 is not 1.7.
#[must_use]
pub fn in_unit(load: u32, step: f64) -> f64 {
    f64::from(load) / step.recip().round()
}

impl Curve {
    /// The curve of a search that found `bounds`, in steps of so many `unit`.
    #[must_use]
    pub fn new(unit: &str, step: f64, bounds: Bounds, mut points: Vec<Point>) -> Curve {
        points.sort_by(|a, b| a.load.total_cmp(&b.load));
        let load = |load: Option<u32>| load.map(|load| in_unit(load, step));
        Curve {
            schema_version: CURVE_SCHEMA.to_owned(),
            unit: unit.to_owned(),
            step,
            capacity: load(bounds.met),
            too_much: load(bounds.not_met),
            not_makeable: load(bounds.untrusted),
            points,
        }
    }

    /// For people: a line a load, and what it comes to.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:>10}{:>9}{:>12}{:>8}{:>10}{:>10}{:>9}  requirements",
            self.unit, "at once", "sessions/s", "turns", "p50", "p95", "errors"
        );
        for point in &self.points {
            text += &line(point);
        }
        text += "\n";
        text += &self.sentence();
        text += "turns, latencies and errors are those of the steady phase, as what is required is judged\n";
        text
    }

    fn sentence(&self) -> String {
        let unit = &self.unit;
        let mut said = match self.capacity {
            Some(load) => format!("capacity: {load} {unit}"),
            None => "capacity: none: what is required does not hold at any load that was tried"
                .to_owned(),
        };
        if let Some(load) = self.too_much {
            let _ = write!(said, "; at {load} {unit} what is required does not hold");
        }
        let fewest = self.points.iter().map(|point| point.turns).min();
        // Said of loads that do not even tell a p90.
        if let Some(turns) = fewest.filter(|turns| *turns < Level::P90.min_rows()) {
            let _ = write!(
                said,
                "; a load had {} only, so that chance may have decided: let each last longer",
                counted(turns, "turn")
            );
        }
        if let Some(load) = self.not_makeable {
            let _ = write!(
                said,
                "; this machine could not make {load} {unit}, so that the gateway may take more"
            );
        }
        said + "\n"
    }
}

fn line(point: &Point) -> String {
    let human = |ns: Option<i64>| ns.map_or("–".to_owned(), |ns| Human(ns).to_string());
    let verdict = match point.probe() {
        Some(Probe::Met) => "met",
        Some(Probe::NotMet) => "NOT MET",
        _ => "not judged",
    };
    format!(
        "{:>10}{:>9}{:>12}{:>8}{:>10}{:>10}{:>9}  {verdict}\n",
        point.load,
        point
            .peak_sessions
            .map_or("–".to_owned(), |peak| peak.to_string()),
        point
            .sessions_per_s
            .map_or("–".to_owned(), |rate| format!("{rate:.2}")),
        grouped(point.turns),
        human(point.response_p50_ns),
        human(point.response_p95_ns),
        point
            .errors
            .map_or("–".to_owned(), |share| share_percent(share, 1)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::require::Unit;

    fn point(load: u32, errors: f64, judgements: &[Judgement]) -> Point {
        let judged = |judgement: &Judgement| Judged {
            requirement: "errors < 1%".to_owned(),
            judgement: *judgement,
            observed: Some(errors),
            limit: 0.01,
            unit: Unit::Share,
            said: "errors".to_owned(),
        };
        Point {
            load: load.into(),
            run: format!("r-{load}"),
            peak_sessions: Some(load.into()),
            turns: 40,
            sessions_per_s: None,
            response_p50_ns: Some(250_000_000),
            response_p95_ns: None,
            errors: Some(errors),
            requirements: judgements.iter().map(judged).collect(),
        }
    }

    #[test]
    fn a_run_meets_what_is_required_or_does_not_or_does_not_tell() {
        use Judgement::{Met, NotJudged, NotMet};
        let probe = |judgements: &[Judgement]| point(1, 0.0, judgements).probe();
        assert_eq!(probe(&[Met, Met]), Some(Probe::Met));
        assert_eq!(probe(&[Met, NotMet, NotJudged]), Some(Probe::NotMet));
        assert_eq!(probe(&[Met, NotJudged]), None);
    }

    #[test]
    fn a_load_is_the_decimal_number_that_it_is_called() {
        let called: Vec<String> = [1, 6, 12, 17, 19, 20]
            .map(|load| in_unit(load, 0.1).to_string())
            .into();
        assert_eq!(called, ["0.1", "0.6", "1.2", "1.7", "1.9", "2"]);
        assert_eq!(in_unit(7, 1.0).to_string(), "7");
    }

    #[test]
    fn the_curve_is_told_from_the_lowest_load_on() {
        let bounds = Bounds {
            met: Some(4),
            not_met: Some(5),
            untrusted: None,
        };
        let points = vec![
            point(8, 0.9, &[Judgement::NotMet]),
            point(4, 0.0, &[Judgement::Met]),
        ];
        let text = Curve::new("users", 1.0, bounds, points).text();
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[1].trim_start().starts_with('4') && lines[1].ends_with("  met"),
            "{text}"
        );
        assert!(lines[2].ends_with("90.0 %  NOT MET"), "{text}");
        assert_eq!(
            lines[4],
            "capacity: 4 users; at 5 users what is required does not hold"
        );
    }
}
