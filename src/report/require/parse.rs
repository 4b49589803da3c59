//! Requirements as people write them; what cannot be read says what was wrong, where, and what is
//! possible.

use std::str::FromStr;

use strsim::levenshtein;

use super::{Comparison, LagStatistic, Metric, Requirement, Statistic};
use crate::report::latencies::LATENCIES;
use crate::units::duration_ns;

/// A text that is no requirement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} (at character {at}); {advice}")]
pub struct RequirementError {
    /// What was wrong.
    pub what: String,
    /// Where: the character that it begins at, from 1.
    pub at: usize,
    /// What is possible.
    pub advice: String,
}

/// A part of the text and where it begins, in characters from 0.
#[derive(Clone, Copy)]
struct Part<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Part<'a> {
    /// Without the spaces around it.
    fn trimmed(self) -> Part<'a> {
        let without_start = self.text.trim_start();
        let spaces = self.text.chars().count() - without_start.chars().count();
        Part {
            text: without_start.trim_end(),
            at: self.at + spaces,
        }
    }

    /// The part after `skipped`, its first piece.
    fn after(self, skipped: &str) -> Part<'a> {
        Part {
            text: self.text.get(skipped.len()..).unwrap_or_default(),
            at: self.at + skipped.chars().count(),
        }
    }

    fn error(self, what: String, advice: String) -> RequirementError {
        let at = self.at + 1;
        RequirementError { what, at, advice }
    }
}

/// The name of `value` among `named`.
pub(super) fn name_of<T: PartialEq + Copy>(named: &[(&'static str, T)], value: T) -> &'static str {
    let found = named.iter().find(|(_, other)| *other == value);
    found.map_or("", |(name, _)| name)
}

impl FromStr for Requirement {
    type Err = RequirementError;

    fn from_str(text: &str) -> Result<Requirement, RequirementError> {
        let whole = Part { text, at: 0 }.trimmed();
        let Some(sign_at) = whole.text.find(['<', '>', '=', '!']) else {
            let end = whole.after(whole.text);
            return Err(end.error(
                "there is no comparison".to_owned(),
                "write what must hold, such as `response.p95 < 800ms`, with <, <=, > or >="
                    .to_owned(),
            ));
        };
        let left = Part {
            text: &whole.text[..sign_at],
            ..whole
        };
        let metric = metric(left.trimmed())?;
        let rest = whole.after(left.text);
        let (comparison, limit) = comparison(rest)?;
        let limit = limit.trimmed();
        Ok(Requirement {
            metric,
            comparison,
            limit: number(metric, limit)?,
            limit_text: limit.text.to_owned(),
        })
    }
}

/// What is measured.
fn metric(part: Part<'_>) -> Result<Metric, RequirementError> {
    let (name, statistic) = match part.text.split_once('.') {
        Some((name, statistic)) => (name, Some(statistic)),
        None => (part.text, None),
    };
    let place = statistic.map(|text| Part {
        text,
        at: part.at + name.chars().count() + 1,
    });
    let plain = |metric: Metric| match place {
        None => Ok(metric),
        Some(place) => Err(place.error(
            format!(
                "`{name}` has no statistics, so `{}` means nothing",
                place.text
            ),
            format!("write `{name}` alone"),
        )),
    };
    match name {
        "errors" => plain(Metric::Errors),
        "success" => plain(Metric::Success),
        "throughput" => plain(Metric::Throughput),
        "wer" => plain(Metric::Wer),
        "lag" => statistic_of(&LagStatistic::ALL, name, part, place).map(Metric::Lag),
        _ => match LATENCIES.iter().find(|latency| latency.name == name) {
            Some(latency) => statistic_of(&Statistic::ALL, name, part, place)
                .map(|statistic| Metric::Latency(latency.name, statistic)),
            None => Err(part.error(
                format!("there is no metric `{name}`"),
                possible("metrics", name, &metrics()),
            )),
        },
    }
}

/// Every name that can stand before the statistic.
fn metrics() -> Vec<&'static str> {
    let latencies = LATENCIES.iter().map(|latency| latency.name);
    let others = ["errors", "success", "lag", "throughput", "wer"];
    latencies.chain(others).collect()
}

fn statistic_of<T: Copy>(
    named: &[(&'static str, T)],
    metric: &str,
    whole: Part<'_>,
    part: Option<Part<'_>>,
) -> Result<T, RequirementError> {
    let names: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
    let Some(part) = part else {
        return Err(whole.after(whole.text).error(
            format!("`{metric}` lacks its statistic"),
            format!("write `{metric}.p99`, or another of {}", names.join(", ")),
        ));
    };
    let found = named.iter().find(|(name, _)| *name == part.text);
    found.map(|(_, statistic)| *statistic).ok_or_else(|| {
        part.error(
            format!("`{metric}` has no statistic `{}`", part.text),
            possible("statistics", part.text, &names),
        )
    })
}

/// The sign at the start of `part`, and what follows it.
fn comparison(part: Part<'_>) -> Result<(Comparison, Part<'_>), RequirementError> {
    let is_sign = |c: char| "<>=!".contains(c);
    let end = part.text.find(|c| !is_sign(c)).unwrap_or(part.text.len());
    let sign = &part.text[..end];
    let found = Comparison::ALL.iter().find(|(known, _)| *known == sign);
    match found {
        Some((_, comparison)) => Ok((*comparison, part.after(sign))),
        None => Err(part.error(
            format!("`{sign}` is no comparison"),
            "write <, <=, > or >=".to_owned(),
        )),
    }
}

/// What a limit is, by its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Duration,
    Share,
    Rate,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Duration, Kind::Share, Kind::Rate];

    fn of(metric: Metric) -> Kind {
        match metric {
            Metric::Latency(..) | Metric::Lag(_) => Kind::Duration,
            Metric::Errors | Metric::Success | Metric::Wer => Kind::Share,
            Metric::Throughput => Kind::Rate,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Duration => "a duration",
            Kind::Share => "a share",
            Kind::Rate => "a rate",
        }
    }

    fn how(self) -> &'static str {
        match self {
            Kind::Duration => "write `250ms`, `1.5s` or `1m30s`",
            Kind::Share => "write it in percent, such as `0.5%`",
            Kind::Rate => {
                "write a number a second, a minute or an hour, such as `5/s`, `300/m`, `1000/h`"
            }
        }
    }

    fn read(self, text: &str) -> Option<f64> {
        match self {
            // A bare number is seconds elsewhere, and milliseconds to those who use other tools.
            Kind::Duration if bare(text).is_some() => None,
            Kind::Duration => duration_ns(text).ok().map(|ns| ns as f64),
            Kind::Share => share(text),
            Kind::Rate => per_second(text),
        }
    }

    /// What a number without a unit may mean.
    fn meant(self, number: &str) -> Vec<String> {
        let units: &[&str] = match self {
            Kind::Duration => &["ms", "s"],
            Kind::Share => &["%"],
            Kind::Rate => &["/s", "/m"],
        };
        let mut meant: Vec<String> = units.iter().map(|unit| format!("{number}{unit}")).collect();
        // `errors < 0.01` is more likely meant to be 1 % than a hundredth of it.
        let as_share = number.parse::<f64>().ok().filter(|share| *share <= 1.0);
        if let Some(share) = as_share.filter(|_| self == Kind::Share) {
            // Without what a product of floats adds.
            meant.insert(0, format!("{}%", (share * 1e9).round() / 1e7));
        }
        meant.retain(|text| self.read(text).is_some());
        meant.dedup();
        meant
    }
}

/// A number without a unit.
fn bare(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// The limit in the unit of `metric`.
fn number(metric: Metric, part: Part<'_>) -> Result<f64, RequirementError> {
    let (kind, text) = (Kind::of(metric), part.text);
    if let Some(number) = kind.read(text) {
        return Ok(number);
    }
    let is_finite = bare(text).is_some_and(f64::is_finite);
    let meant = if is_finite {
        kind.meant(text)
    } else {
        Vec::new()
    };
    let other = Kind::ALL.iter().find(|other| other.read(text).is_some());
    let (what, advice) = match (&meant[..], other) {
        _ if text.is_empty() => (format!("`{metric}` is compared with nothing"), kind.how()),
        ([], Some(other)) => (
            format!(
                "`{text}` is {}, and `{metric}` is {}",
                other.name(),
                kind.name()
            ),
            kind.how(),
        ),
        ([], None) => (format!("`{text}` is not {}", kind.name()), kind.how()),
        (meant, _) => {
            let meant: Vec<String> = meant.iter().map(|text| format!("`{text}`")).collect();
            let what = format!("`{text}` has no unit");
            return Err(part.error(what, format!("write {}", meant.join(" or "))));
        }
    };
    Err(part.error(what, advice.to_owned()))
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

/// What could have been meant, and everything that could.
fn possible(what: &str, written: &str, names: &[&str]) -> String {
    let named = names.iter().map(|name| (levenshtein(written, name), *name));
    let nearest = named.min();
    let all = names.join(", ");
    match nearest {
        Some((edits, name)) if edits * 3 <= name.chars().count().max(3) => {
            format!("did you mean `{name}`? Possible {what}: {all}")
        }
        _ => format!("possible {what}: {all}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Requirement {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn requirements_are_read_in_the_unit_of_their_metric() {
        let read = |text: &str| {
            let read = parsed(text);
            (read.metric, read.comparison, read.limit)
        };
        use Comparison::{AtLeast, AtMost, Greater, Less};
        let response = |statistic| Metric::Latency("response", statistic);
        let table = [
            ("response.p95 < 800ms", response(Statistic::P95), Less, 8e8),
            ("response.mean<=1s", response(Statistic::Mean), AtMost, 1e9),
            (
                " lag.p99.9<1 ms ",
                Metric::Lag(LagStatistic::P999),
                Less,
                1e6,
            ),
            ("errors < 0.7%", Metric::Errors, Less, 0.007),
            ("success >= 99 %", Metric::Success, AtLeast, 0.99),
            ("wer < 20%", Metric::Wer, Less, 0.2),
            ("throughput > 300/m", Metric::Throughput, Greater, 5.0),
            ("throughput > 7.5 / s", Metric::Throughput, Greater, 7.5),
        ];
        for (text, metric, comparison, limit) in table {
            assert_eq!(read(text), (metric, comparison, limit), "{text}");
        }
        assert_eq!(7.0 / 1_000.0, parsed("errors < 0.7%").limit, "as counted");
    }

    #[test]
    fn every_metric_and_statistic_is_read_back_as_it_is_shown() {
        for latency in &LATENCIES {
            for (statistic, _) in Statistic::ALL {
                let text = format!("{}.{statistic} <= 1s", latency.name);
                assert_eq!(parsed(&text).to_string(), text);
            }
        }
        for (statistic, _) in LagStatistic::ALL {
            let text = format!("lag.{statistic} > 1ms");
            assert_eq!(parsed(&text).to_string(), text);
        }
        assert_eq!(parsed("errors<1%").to_string(), "errors < 1%");
    }

    #[test]
    fn what_cannot_be_read_says_what_where_and_what_is_possible() {
        let said = |text: &str| text.parse::<Requirement>().unwrap_err().to_string();
        #[rustfmt::skip]
        let table = [
            ("", "there is no comparison (at character 1); write what must hold, such as"),
            ("response.p95", "there is no comparison (at character 13)"),
            ("respnse.p95 < 1s", "there is no metric `respnse` (at character 1); did you mean `response`? Possible metrics: response, audible, asr,"),
            ("ttfb.p95 < 1s", "there is no metric `ttfb` (at character 1); possible metrics: response,"),
            ("response.p9 < 1s", "`response` has no statistic `p9` (at character 10); did you mean `p90`? Possible statistics: p50, p90, p95, p99, max, mean, min"),
            ("lag.p95 < 1s", "`lag` has no statistic `p95` (at character 5); did you mean"),
            ("  response < 1s", "`response` lacks its statistic (at character 11); write `response.p99`, or another of p50,"),
            ("errors.p95 < 1%", "`errors` has no statistics, so `p95` means nothing (at character 8); write `errors` alone"),
            ("wer.p50 < 1%", "`wer` has no statistics, so `p50` means nothing (at character 5); write `wer` alone"),
            ("errors == 1%", "`==` is no comparison (at character 8); write <, <=, > or >="),
            ("errors =< 1%", "`=<` is no comparison"),
            ("errors < 0.01", "`0.01` has no unit (at character 10); write `1%` or `0.01%`"),
            ("errors < 5", "`5` has no unit (at character 10); write `5%`"),
            ("success >= 1", "`1` has no unit (at character 12); write `100%` or `1%`"),
            ("wer < 200", "`200` is not a share (at character 7); write it in percent"),
            ("errors < 800ms", "`800ms` is a duration, and `errors` is a share (at character 10); write it in percent"),
            ("errors < 5/s", "`5/s` is a rate, and `errors` is a share (at character 10)"),
            ("response.p50 < 800", "`800` has no unit (at character 16); write `800ms` or `800s`"),
            ("lag.max <= 0.5", "`0.5` has no unit (at character 12); write `0.5ms` or `0.5s`"),
            ("response.p50 < -1", "`-1` is not a duration (at character 16)"),
            ("response.p50 < 5%", "`5%` is a share, and `response.p50` is a duration (at character 16); write `250ms`"),
            ("lag.p99 < 5/s", "`5/s` is a rate, and `lag.p99` is a duration"),
            ("throughput > 1s", "`1s` is a duration, and `throughput` is a rate (at character 14); write a number a second"),
            ("errors < 101%", "`101%` is not a share"),
            ("errors < 1e1%", "`1e1%` is not a share"),
            ("errors <", "`errors` is compared with nothing (at character 9); write it in percent"),
            ("response.p95 < 800 bananas", "`800 bananas` is not a duration (at character 16); write `250ms`"),
            ("throughput > 5", "`5` has no unit (at character 14); write `5/s` or `5/m`"),
            ("throughput > inf/s", "`inf/s` is not a rate"),
            ("<1s", "there is no metric `` (at character 1)"),
        ];
        for (text, expected) in table {
            let said = said(text);
            assert!(said.starts_with(expected), "{text}\n{said}\n{expected}");
        }
    }

    #[test]
    fn edits_are_counted() {
        assert_eq!(levenshtein("respnse", "response"), 1);
        assert_eq!(levenshtein("", "abc"), 3);
        assert_eq!(levenshtein("kitten", "sitting"), 3);
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "\\PC{0,40}") {
            if let Err(error) = text.parse::<Requirement>() {
                prop_assert!(error.at <= text.chars().count() + 1, "{error}");
            }
        }
    }
}
