//! The limit of a requirement: a number with the unit that its metric has.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

use super::part::{Part, RequirementError};
use crate::units::duration_ns;

/// The unit of a requirement's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Nanoseconds.
    Ns,
    /// A share of 1.
    Share,
    /// A number a second.
    PerS,
}

impl Unit {
    const ALL: [Unit; 3] = [Unit::Ns, Unit::Share, Unit::PerS];

    fn name(self) -> &'static str {
        match self {
            Unit::Ns => "a duration",
            Unit::Share => "a share",
            Unit::PerS => "a rate",
        }
    }

    fn how(self) -> &'static str {
        match self {
            Unit::Ns => "write `250ms`, `1.5s` or `1m30s`",
            Unit::Share => "write it in percent, such as `0.5%`",
            Unit::PerS => {
                "write a number a second, a minute or an hour, such as `5/s`, `300/m`, `1000/h`"
            }
        }
    }

    fn read(self, text: &str) -> Option<f64> {
        match self {
            // A bare number is seconds elsewhere, and milliseconds to those who use other tools.
            Unit::Ns if bare(text).is_some() => None,
            Unit::Ns => duration_ns(text).ok().map(|ns| ns as f64),
            Unit::Share => share(text),
            Unit::PerS => per_second(text),
        }
    }

    /// What a number without a unit may mean.
    fn meant(self, number: &str) -> Vec<String> {
        let units: &[&str] = match self {
            Unit::Ns => &["ms", "s"],
            Unit::Share => &["%"],
            Unit::PerS => &["/s", "/m"],
        };
        let mut meant: Vec<String> = units.iter().map(|unit| format!("{number}{unit}")).collect();
        // `errors < 0.01` is more likely meant to be 1 % than a hundredth of it.
        let as_share = number.parse::<f64>().ok().filter(|share| *share <= 1.0);
        if let Some(share) = as_share.filter(|_| self == Unit::Share) {
            // Without what a product of floats adds.
            meant.insert(0, format!("{}%", (share * 1e9).round() / 1e7));
        }
        meant.retain(|text| self.read(text).is_some());
        meant.dedup();
        meant
    }
}

/// The limit of `metric` that `part` is, in the first of `units` that it can be.
///
/// # Errors
/// What is in none of them.
pub(super) fn limit(
    metric: &impl Display,
    units: &[Unit],
    part: Part<'_>,
) -> Result<(Unit, f64), RequirementError> {
    let text = part.text;
    let read = |unit: &Unit| Some((*unit, unit.read(text)?));
    if let Some(limit) = units.iter().find_map(read) {
        return Ok(limit);
    }
    let all = |what: fn(Unit) -> &'static str| {
        let each: Vec<&str> = units.iter().map(|unit| what(*unit)).collect();
        each.join(", or ")
    };
    let is_finite = bare(text).is_some_and(f64::is_finite);
    let meant = units.iter().filter(|_| is_finite);
    let meant: Vec<String> = meant.flat_map(|unit| unit.meant(text)).collect();
    let other = Unit::ALL.iter().find(|other| other.read(text).is_some());
    let what = match (&meant[..], other) {
        _ if text.is_empty() => format!("`{metric}` is compared with nothing"),
        ([], Some(other)) => {
            let (other, name) = (other.name(), all(Unit::name));
            format!("`{text}` is {other}, and `{metric}` is {name}")
        }
        ([], None) => format!("`{text}` is not {}", all(Unit::name)),
        (meant, _) => {
            let meant: Vec<String> = meant.iter().map(|text| format!("`{text}`")).collect();
            let what = format!("`{text}` has no unit");
            return Err(part.error(what, format!("write {}", meant.join(" or "))));
        }
    };
    Err(part.error(what, all(Unit::how)))
}

/// A number without a unit.
fn bare(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// The share of 1 that `0.5%` is; the decimal point is moved in the text, so that the number is as
/// near as that of a division of counts.
fn share(text: &str) -> Option<f64> {
    let percent = text.strip_suffix('%')?.trim_end();
    let is_plain = |c: char| c.is_ascii_digit() || c == '.';
    if !percent.chars().all(is_plain) {
        return None;
    }
    let share: f64 = format!("{percent}e-2").parse().ok()?;
    (0.0..=1.0).contains(&share).then_some(share)
}

/// The number a second that `300/m` is.
fn per_second(text: &str) -> Option<f64> {
    let (number, unit) = text.split_once('/')?;
    let seconds = match unit.trim_start() {
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        _ => return None,
    };
    let number: f64 = number.trim_end().parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number / seconds)
}
