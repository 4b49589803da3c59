//! `--find-capacity`: runs at one load after the other, up to the highest that is still met.

use std::time::Duration;

use anyhow::anyhow;

use super::{Finished, LoadArgs, Target, rest};
use crate::campaign::capacity::{Bounds, Probe, search};
use crate::campaign::curve::{Curve, Point, in_unit};
use crate::cli::exit::{BadInput, Outcome};
use crate::cli::outputs::{Format, write_json};
use crate::cli::stderr::say;
use crate::cli::stdout;
use crate::report::require::judge;
use crate::trace::extent::Extent;
use crate::units::Human;

/// What loads are counted in.
pub(crate) struct Scale {
    /// Their unit, in the plural.
    pub(crate) unit: &'static str,
    /// How many of it a load of 1 is.
    pub(crate) step: f64,
    /// The first load to try.
    pub(crate) first: u32,
}

/// Why a search went no further.
enum Ended {
    /// A signal came.
    Interrupted(Outcome),
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Ended {
    fn from(error: anyhow::Error) -> Ended {
        Ended::Failed(error)
    }
}

/// Searches for the highest load at which all of `--find-capacity` holds, with a run that `make`
/// makes for each load that is tried (`None`: this machine cannot make it), and prints the curve.
///
/// `size` is what a load comes to, `None` where that is no session: loads that come to the same are
/// tried once, and nothing is not tried at all.
///
/// # Errors
/// Those of `make`, and a run that is too short to judge what is required.
pub(crate) fn find_capacity(
    args: &LoadArgs,
    target: &Target,
    scale: &Scale,
    quiet: bool,
    mut size: impl FnMut(u32) -> anyhow::Result<Option<Extent>>,
    mut make: impl FnMut(u32) -> anyhow::Result<Option<Finished>>,
) -> anyhow::Result<Outcome> {
    let held = !(args.allow_invalid || (target.is_embedded() && !args.strict_verdict));
    let mut points: Vec<Point> = Vec::new();
    let mut known = Bounds::default();
    let mut tried: Vec<(Extent, Probe)> = Vec::new();
    let found = search(scale.first, |load| {
        let Some(extent) = size(load)? else {
            // Whatever is required holds of it, so that the search goes on above.
            return Ok(Probe::Met);
        };
        if let Some((_, probe)) = tried.iter().find(|(known, _)| *known == extent) {
            return Ok(*probe);
        }
        if !tried.is_empty() {
            cool_down(args, quiet)?;
        }
        let probe = match make(load)? {
            None => Probe::Untrusted,
            Some(run) => {
                if let Some(interrupted) = run.interrupted {
                    return Err(Ended::Interrupted(interrupted));
                }
                let summary = &run.told.document.ours;
                let judged = judge(&args.find_capacity, summary, held);
                let point = Point::of(in_unit(load, scale.step), summary, judged);
                let probe = probe(&point, summary.is_invalid() && held, scale)?;
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
    let outcome = match found.map(|_| known) {
        Ok(Bounds { met: Some(_), .. }) => Outcome::Ok,
        Ok(Bounds {
            not_met: Some(_), ..
        }) => Outcome::NotMet,
        Ok(_) => Outcome::Untrusted,
        Err(Ended::Interrupted(outcome)) => outcome,
        Err(Ended::Failed(error)) => return Err(error),
    };
    let curve = Curve::new(scale.unit, scale.step, known, points);
    if let Some(file) = &args.outputs.json {
        write_json(file, &curve)?;
    }
    let shown = match args.outputs.format {
        Format::Text => curve.text(),
        Format::Json => serde_json::to_string_pretty(&curve)? + "\n",
    };
    stdout::print(&shown)?;
    Ok(outcome)
}

/// What a run showed of what is required.
fn probe(point: &Point, is_untrusted: bool, scale: &Scale) -> Result<Probe, Ended> {
    if is_untrusted {
        return Ok(Probe::Untrusted);
    }
    point.probe().ok_or_else(|| {
        let why = point.requirements.iter().find(|judged| judged.observed.is_none());
        let why = why.map_or(String::new(), |judged| {
            format!("`{}`: {}", judged.requirement, judged.said)
        });
        let load = point.load;
        let error = BadInput(anyhow!(
            "a run of {load} {} does not tell whether what is required holds ({why}); make runs longer, or begin with a higher load",
            scale.unit
        ));
        Ended::Failed(error.into())
    })
}

fn cool_down(args: &LoadArgs, quiet: bool) -> Result<(), Ended> {
    let time_ns = args.cool_down.ns;
    if !quiet && time_ns > 0 {
        say(&format!("cooling down for {}\n", Human(time_ns)));
    }
    match rest(Duration::from_nanos(time_ns.unsigned_abs()))? {
        Some(outcome) => Err(Ended::Interrupted(outcome)),
        None => Ok(()),
    }
}
