//! `--find-capacity`: runs at one load after the other, up to the highest that is still met.

use std::time::Duration;

use super::{Finished, LoadArgs, rest};
use crate::campaign::search::{Sought, Undecided, find};
use crate::cli::exit::{BadInput, Outcome};
use crate::cli::outputs::{Format, write_json};
use crate::cli::stderr::say;
use crate::cli::stdout;
use crate::trace::extent::Extent;
use crate::units::Human;

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

impl From<Undecided> for Ended {
    fn from(error: Undecided) -> Ended {
        Ended::Failed(BadInput(error.into()).into())
    }
}

/// Searches for the highest load, with a run that `make` makes of each that is tried, and prints the
/// curve. `size` is what a load comes to.
///
/// # Errors
/// Those of `size` and `make`, and a run that is too short to judge what is required.
pub(crate) fn find_capacity(
    args: &LoadArgs,
    sought: &Sought<'_>,
    quiet: bool,
    mut size: impl FnMut(u32) -> anyhow::Result<Option<Extent>>,
    mut make: impl FnMut(u32, Extent) -> anyhow::Result<Option<Finished>>,
) -> anyhow::Result<Outcome> {
    let mut is_first = true;
    let size = |load| size(load).map_err(Ended::from);
    let (curve, ended) = find(sought, size, |load, extent| {
        if !std::mem::take(&mut is_first) {
            cool_down(args, quiet)?;
        }
        let Some(run) = make(load, extent)? else {
            return Ok(None);
        };
        match run.interrupted {
            Some(outcome) => Err(Ended::Interrupted(outcome)),
            None => Ok(Some(run.told.summary().clone())),
        }
    });
    let outcome = match ended {
        Ok(()) if curve.capacity.is_some() => Outcome::Ok,
        Ok(()) if curve.too_much.is_some() => Outcome::NotMet,
        Ok(()) => Outcome::Untrusted,
        Err(Ended::Interrupted(outcome)) => outcome,
        Err(Ended::Failed(error)) => return Err(error),
    };
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
