//! The search for the highest load, with a run for each that is tried. Pure: whoever calls makes them.

use super::capacity::{Bounds, Probe, search};
use super::curve::{Curve, Point, in_unit};
use crate::report::Summary;
use crate::report::require::{Requirement, judge};
use crate::trace::extent::Extent;

/// What is searched for.
#[derive(Debug, Clone)]
pub struct Sought<'a> {
    /// What loads are counted in, in the plural.
    pub unit: &'static str,
    /// How many of it a load of 1 is.
    pub step: f64,
    /// The first load to try.
    pub first: u32,
    /// What must hold.
    pub required: &'a [Requirement],
    /// Whether runs are held to their verdict.
    pub held: bool,
}

/// A run that is too short to judge what is required.
#[derive(Debug, thiserror::Error)]
#[error(
    "a run of {load} {unit} does not tell whether what is required holds ({why}); make runs longer, or begin with a higher load"
)]
pub struct Undecided {
    load: f64,
    unit: &'static str,
    why: String,
}

/// Searches for the highest load at which all that is required holds, with a run that `make` makes of
/// each load that is tried (`None`: this machine cannot make it).
///
/// `size` is what a load comes to, `None` where that is no session: loads that come to the same are
/// tried once, and nothing is not tried at all.
///
/// Returns what the runs showed, and why it went no further where it did not come to its end: an error
/// of `size` or `make`, or a run that does not tell.
pub fn find<E: From<Undecided>>(
    sought: &Sought<'_>,
    mut size: impl FnMut(u32) -> Result<Option<Extent>, E>,
    mut make: impl FnMut(u32, Extent) -> Result<Option<Summary>, E>,
) -> (Curve, Result<(), E>) {
    let mut points: Vec<Point> = Vec::new();
    let mut known = Bounds::default();
    let mut tried: Vec<(Extent, Probe)> = Vec::new();
    let found = search(sought.first, |load| {
        let Some(extent) = size(load)? else {
            // Whatever is required holds of it, so that the search goes on above.
            return Ok(Probe::Met);
        };
        if let Some((_, probe)) = tried.iter().find(|(known, _)| *known == extent) {
            return Ok(*probe);
        }
        let probe = match make(load, extent)? {
            None => Probe::Untrusted,
            Some(summary) => {
                let judged = judge(sought.required, &summary, sought.held);
                let point = Point::of(in_unit(load, sought.step), &summary, judged);
                let probe = probe(&point, summary.is_invalid() && sought.held, sought)?;
                points.push(point);
                probe
            }
        };
        match probe {
            Probe::Met => known.met = Some(load),
            Probe::NotMet => known.not_met = Some(load),
            Probe::Untrusted => known.untrusted = Some(load),
        }
        tried.push((extent, probe));
        Ok(probe)
    });
    let curve = Curve::new(sought.unit, sought.step, known, points);
    (curve, found.map(drop))
}

/// What a run showed of what is required.
fn probe(point: &Point, is_untrusted: bool, sought: &Sought<'_>) -> Result<Probe, Undecided> {
    if is_untrusted {
        return Ok(Probe::Untrusted);
    }
    point.probe().ok_or_else(|| {
        let mut judged = point.requirements.iter();
        let why = judged.find(|judged| judged.observed.is_none());
        let why = why.map_or(String::new(), |judged| {
            format!("`{}`: {}", judged.requirement, judged.said)
        });
        Undecided {
            load: point.load,
            unit: sought.unit,
            why,
        }
    })
}
