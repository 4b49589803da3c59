//! What the runs of a search for the capacity showed, load by load.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::capacity::{Bounds, Probe};
use crate::report::Summary;
use crate::report::require::{Judged, Judgement};
use crate::units::Human;

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
    /// Sessions started a second; null where not known.
    pub sessions_per_s: Option<f64>,
    /// Median of the response time; null where not enough turns or answers tell.
    pub response_p50_ns: Option<i64>,
    /// 95th percentile of the response time; null where not enough turns or answers tell.
    pub response_p95_ns: Option<i64>,
    /// Share of the requests that were no success; null without any.
    pub errors: Option<f64>,
    /// What was required, and what became of it.
    pub requirements: Vec<Judged>,
}

impl Point {
    /// What a run at this load showed.
    #[must_use]
    pub fn of(load: f64, summary: &Summary, requirements: Vec<Judged>) -> Point {
        let response = summary.latencies.get("response");
        Point {
            load,
            run: summary.run.name.clone(),
            peak_sessions: summary.load.peak_sessions,
            sessions_per_s: summary
                .load
                .rates
                .map(|rates| rates.achieved_sessions_per_s),
            response_p50_ns: response.and_then(|figures| figures.p50_ns),
            response_p95_ns: response.and_then(|figures| figures.p95_ns),
            errors: summary.turns.success_rate.map(|rate| 1.0 - rate),
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

impl Curve {
    /// The curve of a search that found `bounds`, in steps of so many `unit`.
    #[must_use]
    pub fn new(unit: &str, step: f64, bounds: Bounds, mut points: Vec<Point>) -> Curve {
        points.sort_by(|a, b| a.load.total_cmp(&b.load));
        let load = |load: Option<u32>| load.map(|load| f64::from(load) * step);
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
            "{:>10}{:>9}{:>12}{:>10}{:>10}{:>9}  requirements",
            self.unit, "at once", "sessions/s", "p50", "p95", "errors"
        );
        for point in &self.points {
            text += &line(point);
        }
        text += "\n";
        text += &self.sentence();
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
        "{:>10}{:>9}{:>12}{:>10}{:>10}{:>9}  {verdict}\n",
        point.load,
        point
            .peak_sessions
            .map_or("–".to_owned(), |peak| peak.to_string()),
        point
            .sessions_per_s
            .map_or("–".to_owned(), |rate| format!("{rate:.2}")),
        human(point.response_p50_ns),
        human(point.response_p95_ns),
        point
            .errors
            .map_or("–".to_owned(), |share| format!("{:.1} %", share * 100.0)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::require::judge;
    use crate::results::row::Status;
    use crate::results::sample::{manifest, row, unanswered};

    fn point(load: u32, requirement: &str, rows: u32, failed: u32) -> Point {
        let rows: Vec<_> = (0..rows)
            .map(|turn| match turn < failed {
                true => unanswered(turn, Status::Error),
                false => row(turn),
            })
            .collect();
        let summary = Summary::of(&manifest(), &rows, &[], None);
        let judged = judge(&[requirement.parse().unwrap()], &summary, true);
        Point::of(f64::from(load), &summary, judged)
    }

    #[test]
    fn a_run_meets_what_is_required_or_does_not_or_does_not_tell() {
        let probe = |requirement, rows, failed| point(1, requirement, rows, failed).probe();
        assert_eq!(probe("response.p50 < 800ms", 100, 0), Some(Probe::Met));
        assert_eq!(probe("response.p50 < 80ms", 100, 0), Some(Probe::NotMet));
        assert_eq!(probe("errors < 1%", 100, 5), Some(Probe::NotMet));
        assert_eq!(probe("response.p99 < 800ms", 100, 0), None, "too few");
    }

    #[test]
    fn the_curve_is_told_from_the_lowest_load_on() {
        let bounds = Bounds {
            met: Some(4),
            not_met: Some(5),
            untrusted: None,
        };
        let required = "errors < 1%";
        let points = vec![point(8, required, 100, 90), point(4, required, 100, 0)];
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
