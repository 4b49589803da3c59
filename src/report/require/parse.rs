//! Requirements as people write them; what cannot be read says what was wrong, where, and what is
//! possible.

use std::str::FromStr;

use super::comparison::Comparison;
use super::conditions::{Condition, Conditions};
use super::limit::{Unit, limit};
use super::part::{Part, RequirementError, possible};
use super::requirement::{LagStatistic, Metric, Requirement, Statistic};
use crate::results::manifest::RunManifest;
use crate::results::metrics::{LATENCIES, Latency, SHARES, Share};

/// What signs are written with.
const SIGNS: [char; 4] = ['<', '>', '=', '!'];

impl FromStr for Requirement {
    type Err = RequirementError;

    fn from_str(text: &str) -> Result<Requirement, RequirementError> {
        let (left, rest) = at_sign(
            Part::whole(text).trimmed(),
            "write what must hold, such as `response.p95 < 800ms`, with <, <=, > or >=",
        )?;
        let metric = metric(left)?;
        let (comparison, rest) = comparison(rest)?;
        let written = rest.trimmed();
        let units: &[Unit] = match metric {
            Metric::GoodShare(_) => &[Unit::Share, Unit::PerS],
            _ => &[metric.unit()],
        };
        let (unit, limit) = limit(&metric, units, written)?;
        Ok(Requirement {
            metric: match metric {
                Metric::GoodShare(conditions) if unit == Unit::PerS => Metric::GoodRate(conditions),
                metric => metric,
            },
            comparison,
            limit,
            limit_text: written.text.to_owned(),
        })
    }
}

impl Requirement {
    /// What was required of a run, as far as it can be read.
    #[must_use]
    pub fn kept_by(run: &RunManifest) -> Vec<Requirement> {
        let texts = run.spec.require.get().into_iter().flatten();
        let read = texts.filter_map(|text| Requirement::kept(text.get()?).ok());
        read.collect()
    }

    /// A requirement as a run directory keeps it: in those of earlier versions a bare number of a
    /// latency is seconds.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn kept(text: &str) -> Result<Requirement, RequirementError> {
        let is_bare = text.trim_end().ends_with(|c: char| c.is_ascii_digit());
        let in_seconds = || format!("{}s", text.trim_end()).parse::<Requirement>().ok();
        text.parse::<Requirement>()
            .or_else(|refused| in_seconds().filter(|_| is_bare).ok_or(refused))
    }
}

impl FromStr for Conditions {
    type Err = RequirementError;

    fn from_str(text: &str) -> Result<Conditions, RequirementError> {
        conditions(Part::whole(text))
    }
}

/// What lies before the first sign of `whole` that is in no parentheses, and the sign with what follows.
fn at_sign<'a>(whole: Part<'a>, advice: &str) -> Result<(Part<'a>, Part<'a>), RequirementError> {
    let mut open = Vec::new();
    for (at, c) in whole.text.char_indices() {
        match c {
            '(' => open.push(at),
            ')' => drop(open.pop()),
            c if open.is_empty() && SIGNS.contains(&c) => {
                let (left, rest) = whole.split_at(at);
                return Ok((left.trimmed(), rest));
            }
            _ => {}
        }
    }
    match open.first() {
        Some(open) => Err(whole
            .split_at(*open)
            .1
            .error("`(` is not closed", "write `)` after the last condition")),
        None => Err(whole.end().error("there is no comparison", advice)),
    }
}

/// What is measured.
fn metric(part: Part<'_>) -> Result<Metric, RequirementError> {
    if let Some(open) = part.text.find('(') {
        let (name, rest) = part.split_at(open);
        return goodput(name.trimmed(), rest.after("("));
    }
    let (name, statistic) = match part.text.split_once('.') {
        Some((name, _)) => (name, Some(part.after(name).after("."))),
        None => (part.text, None),
    };
    let plain = |metric: Metric| match statistic {
        None => Ok(metric),
        Some(statistic) => Err(statistic.error(
            format!(
                "`{name}` has no statistics, so `{}` means nothing",
                statistic.text
            ),
            format!("write `{name}` alone"),
        )),
    };
    if let Some(latency) = Latency::named(name) {
        return statistic_of(&Statistic::ALL, name, part, statistic)
            .map(|statistic| Metric::Latency(latency.name, statistic));
    }
    if let Some(share) = Share::named(name) {
        return plain(Metric::Share(share.name));
    }
    match name {
        "lag" => statistic_of(&LagStatistic::ALL, name, part, statistic).map(Metric::Lag),
        "throughput" => plain(Metric::Throughput),
        "wer" => plain(Metric::Wer),
        "goodput" => Err(part.after(name).error(
            "`goodput` lacks what makes a turn good",
            "write conditions in parentheses, such as `goodput(response < 800ms and final < 1s)`",
        )),
        _ => {
            let latencies = LATENCIES.iter().map(|latency| latency.name);
            let shares = SHARES.iter().map(|share| share.name);
            let all = latencies
                .chain(shares)
                .chain(["lag", "throughput", "wer", "goodput"]);
            let what = format!("there is no metric `{name}`");
            Err(part.error(what, possible("metrics", name, &all.collect::<Vec<_>>())))
        }
    }
}

/// The metric `name` of what follows its `(`.
fn goodput(name: Part<'_>, rest: Part<'_>) -> Result<Metric, RequirementError> {
    if name.text != "goodput" {
        return Err(name.error(
            format!(
                "there is no metric `{}` that conditions are written behind",
                name.text
            ),
            possible("metrics", name.text, &["goodput"]),
        ));
    }
    // Whatever is open is closed where a sign was found behind it.
    let (inner, rest) = rest.split_at(rest.text.find(')').unwrap_or(rest.text.len()));
    let rest = rest.after(")").trimmed();
    match rest.text {
        "" => conditions(inner).map(Metric::GoodShare),
        text => Err(rest.error(
            format!("`{text}` means nothing"),
            "write the comparison after `)`",
        )),
    }
}

/// Conditions joined by `and`.
fn conditions(part: Part<'_>) -> Result<Conditions, RequirementError> {
    let mut all = Vec::new();
    let mut rest = part;
    while let Some(and) = next_and(rest.text) {
        let (one, behind) = rest.split_at(and);
        all.push(condition(one.trimmed())?);
        rest = behind.after("and");
    }
    all.push(condition(rest.trimmed())?);
    Ok(Conditions(all))
}

/// Where the next word `and` begins.
fn next_and(text: &str) -> Option<usize> {
    let mut found = text.match_indices("and").map(|(at, _)| at);
    found.find(|at| {
        let (before, behind) = text.split_at(*at);
        before.ends_with(char::is_whitespace) && behind[3..].starts_with(char::is_whitespace)
    })
}

/// One condition: `LATENCY OP DURATION`.
fn condition(part: Part<'_>) -> Result<Condition, RequirementError> {
    let (left, rest) = at_sign(
        part,
        "write conditions as `response < 800ms`, joined by `and`",
    )?;
    let (name, statistic) = match left.text.split_once('.') {
        Some((name, _)) => (name, Some(left.after(name))),
        None => (left.text, None),
    };
    let Some(latency) = Latency::named(name) else {
        let names = LATENCIES.each_ref().map(|latency| latency.name);
        let what = format!("there is no latency `{name}`");
        return Err(left.error(what, possible("latencies", name, &names)));
    };
    if let Some(statistic) = statistic {
        return Err(statistic.error(
            format!(
                "each turn has one `{name}`, so `{}` means nothing",
                statistic.text
            ),
            format!("write `{name}` alone"),
        ));
    }
    let (comparison, rest) = comparison(rest)?;
    let written = rest.trimmed();
    let (_, limit_ns) = limit(&name, &[Unit::Ns], written)?;
    Ok(Condition {
        latency,
        comparison,
        limit_ns,
        limit_text: written.text.to_owned(),
    })
}

fn statistic_of<T: Copy>(
    named: &[(&'static str, T)],
    metric: &str,
    whole: Part<'_>,
    part: Option<Part<'_>>,
) -> Result<T, RequirementError> {
    let names: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
    let Some(part) = part else {
        return Err(whole.end().error(
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
    let end = part
        .text
        .find(|c| !SIGNS.contains(&c))
        .unwrap_or(part.text.len());
    let (sign, rest) = part.split_at(end);
    let found = Comparison::ALL
        .iter()
        .find(|(known, _)| *known == sign.text);
    match found {
        Some((_, comparison)) => Ok((*comparison, rest)),
        None => Err(part.error(
            format!("`{}` is no comparison", sign.text),
            "write <, <=, > or >=",
        )),
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
            ("errors < 0.7%", Metric::Share("errors"), Less, 0.007),
            ("success >= 99 %", Metric::Share("success"), AtLeast, 0.99),
            ("wer < 20%", Metric::Wer, Less, 0.2),
            ("throughput > 300/m", Metric::Throughput, Greater, 5.0),
            ("throughput > 7.5 / s", Metric::Throughput, Greater, 7.5),
        ];
        for (text, metric, comparison, limit) in table {
            assert_eq!(read(text), (metric, comparison, limit), "{text}");
        }
        let good: Conditions = "response < 800ms".parse().unwrap();
        let (share, rate) = (Metric::GoodShare(good.clone()), Metric::GoodRate(good));
        let table = [
            (
                "goodput(response < 800ms) >= 95%",
                share.clone(),
                AtLeast,
                0.95,
            ),
            ("goodput ( response<0.8s )>=95 %", share, AtLeast, 0.95),
            ("goodput(response < 800ms) > 300/m", rate, Greater, 5.0),
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
        for share in &SHARES {
            let text = format!("{} > 1%", share.name);
            assert_eq!(parsed(&text).to_string(), text);
        }
        for (statistic, _) in LagStatistic::ALL {
            let text = format!("lag.{statistic} > 1ms");
            assert_eq!(parsed(&text).to_string(), text);
        }
        assert_eq!(parsed("errors<1%").to_string(), "errors < 1%");
        let goodput = "goodput(response < 800ms and final <= 1s)";
        for limit in [">= 95%", "> 5/s"] {
            let text = format!("{goodput} {limit}");
            assert_eq!(parsed(&text).to_string(), text);
        }
    }

    #[test]
    fn what_cannot_be_read_says_what_where_and_what_is_possible() {
        let said = |text: &str| text.parse::<Requirement>().unwrap_err().to_string();
        #[rustfmt::skip]
        let table = [
            ("", "there is no comparison (at character 1); write what must hold, such as"),
            ("response.p95", "there is no comparison (at character 13)"),
            ("respnse.p95 < 1s", "there is no metric `respnse` (at character 1); did you mean `response`? Possible metrics: response, audible, first_text, final,"),
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
            ("underruns < 2", "`2` has no unit (at character 13); write `2%`"),
            ("early_endpoints < 2%", "there is no metric `early_endpoints` (at character 1); did you mean `early_endpoint`?"),
            ("final < 1s", "`final` lacks its statistic (at character 6)"),
            ("goodput >= 95%", "`goodput` lacks what makes a turn good (at character 8); write conditions in parentheses, such as `goodput(response < 800ms and final < 1s)`"),
            ("goodput(response < 1s >= 95%", "`(` is not closed (at character 8); write `)` after the last condition"),
            ("goodput(response < 1s)", "there is no comparison (at character 23)"),
            ("goodput(response < 1s).p95 > 1%", "`.p95` means nothing (at character 23); write the comparison after `)`"),
            ("goodputs(response < 1s) > 1%", "there is no metric `goodputs` that conditions are written behind (at character 1); did you mean `goodput`?"),
            ("errors(response < 1s) > 1%", "there is no metric `errors` that conditions are written behind (at character 1); possible metrics: goodput"),
            ("goodput() > 1%", "there is no comparison (at character 9); write conditions as `response < 800ms`, joined by `and`"),
            ("goodput(response) > 1%", "there is no comparison (at character 17)"),
            ("goodput(respnse < 1s) > 1%", "there is no latency `respnse` (at character 9); did you mean `response`? Possible latencies: response,"),
            ("goodput(final < 1s and errors < 1%) > 1%", "there is no latency `errors` (at character 24); possible latencies: response,"),
            ("goodput(response.p95 < 1s) > 1%", "each turn has one `response`, so `.p95` means nothing (at character 17); write `response` alone"),
            ("goodput(response == 1s) > 1%", "`==` is no comparison (at character 18)"),
            ("goodput(response < 800) > 1%", "`800` has no unit (at character 20); write `800ms` or `800s`"),
            ("goodput(response < 1s and ) > 1%", "there is no comparison (at character 27); write conditions as"),
            ("goodput(response < 1s and final < 5%) > 1%", "`5%` is a share, and `final` is a duration (at character 35)"),
            ("goodput(response < 1s) > 5", "`5` has no unit (at character 26); write `5%` or `5/s` or `5/m`"),
            ("goodput(response < 1s) > 5s", "`5s` is a duration, and `goodput(response < 1s)` is a share, or a rate (at character 26)"),
        ];
        for (text, expected) in table {
            let said = said(text);
            assert!(said.starts_with(expected), "{text}\n{said}\n{expected}");
        }
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
