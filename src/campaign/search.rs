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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample::{manifest, row};

    #[derive(Debug)]
    enum Ended {
        Stopped,
        Undecided(String),
    }

    impl From<Undecided> for Ended {
        fn from(error: Undecided) -> Ended {
            Ended::Undecided(error.to_string())
        }
    }

    /// Searches from load 4 on; `make` says how many turns a run has, nothing where this machine cannot
    /// make it. Returns the loads that were tried too.
    fn find_with(
        required: &str,
        size: fn(u32) -> u64,
        make: impl Fn(u32) -> Result<Option<u32>, Ended>,
    ) -> (Curve, Result<(), Ended>, Vec<u32>) {
        let sought = Sought {
            unit: "times",
            step: 0.1,
            first: 4,
            required: &[required.parse().unwrap()],
            held: true,
        };
        let mut tried = Vec::new();
        let size = |load| {
            let extent = Extent {
                sessions: size(load),
                ..Extent::default()
            };
            Ok((extent.sessions > 0).then_some(extent))
        };
        let (curve, ended) = find(&sought, size, |load, _| {
            tried.push(load);
            let rows = |turns| (0..turns).map(row).collect::<Vec<_>>();
            let turns = make(load)?;
            Ok(turns.map(|turns| Summary::of(&manifest(), &rows(turns), &[], None)))
        });
        (curve, ended, tried)
    }

    #[test]
    fn loads_of_one_size_are_made_once_and_those_of_none_not_at_all() {
        let size = |load| u64::from(load / 8);
        let makeable = |load| Ok((load < 32).then_some(200));
        let (curve, ended, tried) = find_with("errors < 1%", size, makeable);
        ended.unwrap();
        assert_eq!(
            tried,
            [8, 16, 32, 24],
            "what comes to as much is not made again"
        );
        assert_eq!((curve.capacity, curve.not_makeable), (Some(2.4), Some(3.2)));
        assert_eq!((curve.too_much, curve.points.len()), (None, 3));
    }

    #[test]
    fn a_search_that_is_stopped_or_learns_nothing_shows_what_it_has() {
        let stops = |load| match load {
            16 => Err(Ended::Stopped),
            _ => Ok(Some(200)),
        };
        let (curve, ended, tried) = find_with("errors < 1%", u64::from, stops);
        assert!(matches!(ended, Err(Ended::Stopped)), "{ended:?}");
        assert_eq!((curve.points.len(), &*tried), (2, &[4, 8, 16][..]));
        assert_eq!(curve.capacity, Some(0.8));

        let short = |load| Ok(Some(if load == 4 { 200 } else { 3 }));
        let (curve, ended, _) = find_with("response.p95 < 1s", u64::from, short);
        let Err(Ended::Undecided(said)) = ended else {
            panic!("{ended:?}");
        };
        assert!(
            said.starts_with("a run of 0.8 times does not tell"),
            "{said}"
        );
        assert!(
            said.contains("`response.p95 < 1s`: not enough data"),
            "{said}"
        );
        assert_eq!(curve.points.len(), 1);
    }
}
