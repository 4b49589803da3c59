//! The figures of a comparison in words, as text and Markdown show them.

use super::model::{Against, BlockKind, Change, Difference, LoadCheck, Reading, Unit};
use crate::report::summary::RunFacts;
use crate::units::{Human, counted, grouped, share_percent};

/// A difference, cell by cell.
pub(super) struct Cells {
    pub base: String,
    pub run: String,
    pub change: String,
    pub interval: String,
    pub p: String,
    pub verdict: &'static str,
}

/// The cells of a difference.
pub(super) fn cells(difference: &Difference) -> Cells {
    let unit = difference.unit;
    Cells {
        base: reading(difference.base, unit),
        run: reading(difference.run, unit),
        change: match (difference.relative, difference.difference) {
            // A share of a share would read as the share itself.
            (_, Some(points)) if unit == Unit::Share => signed(points, unit),
            (Some(share), _) => percent(share),
            (None, Some(difference)) if difference != 0.0 => "from 0".to_owned(),
            (None, Some(_)) => percent(0.0),
            (None, None) if difference.base == difference.run => "same".to_owned(),
            (None, None) => "–".to_owned(),
        },
        interval: match difference.interval {
            Some(ends) => {
                let [low, high] = ends;
                let low = low.map_or("-∞".to_owned(), |low| signed(low, unit));
                let high = high.map_or("+∞".to_owned(), |high| signed(high, unit));
                format!("{low}..{high}")
            }
            None => "–".to_owned(),
        },
        p: p_value(difference.p_adjusted),
        verdict: match difference.change {
            Change::Better => "better",
            Change::Worse => "WORSE",
            Change::NotSignificant => "",
        },
    }
}

fn reading(reading: Reading, unit: Unit) -> String {
    match (reading, unit) {
        (Reading::NoAnswer, _) => "∞".to_owned(),
        (Reading::Value(ns), Unit::Nanoseconds) => Human(ns as i64).to_string(),
        (Reading::Value(share), Unit::Share) => share_percent(share, 2),
        (Reading::Value(rate), Unit::PerSecond) => format!("{rate:.2}/s"),
    }
}

fn signed(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Nanoseconds if value < 0.0 => Human(value as i64).to_string(),
        Unit::Nanoseconds => format!("+{}", Human(value as i64)),
        Unit::Share => points(value),
        Unit::PerSecond => format!("{value:+.2}/s"),
    }
}

/// A difference of shares, in percentage points.
fn points(value: f64) -> String {
    match value * 100.0 {
        0.0 => "0.00 pp".to_owned(),
        small if (0.0..0.005).contains(&small) => "<+0.01 pp".to_owned(),
        small if (-0.005..0.0).contains(&small) => ">-0.01 pp".to_owned(),
        // No wider than its column.
        points if points.abs() < 9.995 => format!("{points:+.2} pp"),
        points if points.abs() < 99.95 => format!("{points:+.1} pp"),
        points => format!("{points:+.0} pp"),
    }
}

fn percent(share: f64) -> String {
    match share * 100.0 {
        large if large.abs() >= 999.5 => format!("{large:+.0} %"),
        // Not -0.0.
        small if small.abs() < 0.05 => "0.0 %".to_owned(),
        small => format!("{small:+.1} %"),
    }
}

fn p_value(p: f64) -> String {
    match p {
        p if p < 0.001 => "<0.001".to_owned(),
        p => format!("{p:.3}"),
    }
}

/// What a run was, and what it called.
pub(super) fn facts(run: &RunFacts) -> Vec<String> {
    let users = run.closed_loop.as_ref();
    let scenario = users.and_then(|users| users.scenario.as_ref());
    let scenario = scenario.map(|scenario| format!("scenario {scenario}"));
    let trace = format!("trace {}", run.trace);
    scenario
        .into_iter()
        .chain([trace])
        .chain(run.target.clone())
        .chain(run.spoken())
        .collect()
}

/// Which rows were compared.
pub(super) fn rows(against: &Against) -> String {
    let pairing = &against.pairing;
    let (base, run) = (pairing.base_blocks, pairing.run_blocks);
    match pairing.paired {
        true => {
            let alone = match pairing.without_partner {
                0 => String::new(),
                some => format!("; left out {}, in one run only", grouped(some)),
            };
            format!(
                "paired, since {}: {} of {}{alone}",
                pairing.reason,
                counted(pairing.base_rows, "turn"),
                blocks(base.by, base.count)
            )
        }
        false => format!(
            "unpaired, since {}: {} requests of {} beside {} of {}",
            pairing.reason,
            grouped(pairing.base_rows),
            blocks(base.by, base.count),
            grouped(pairing.run_rows),
            blocks(run.by, run.count)
        ),
    }
}

/// A number of sessions or users.
pub(super) fn blocks(by: BlockKind, count: u64) -> String {
    let noun = match by {
        BlockKind::Session => "session",
        BlockKind::User => "user",
    };
    counted(count, noun)
}

/// Whether the load was the same, and where it differed.
pub(super) fn load(load: &LoadCheck) -> String {
    let told = |equal: bool| {
        let items = load.items.iter().filter(move |item| item.equal == equal);
        let text = items.map(move |item| match equal {
            true => format!("{} {}", item.name, item.base),
            false => format!("{} {} → {}", item.name, item.base, item.run),
        });
        text.collect::<Vec<_>>().join(", ")
    };
    match load.equal {
        true => format!("the same: {}", told(true)),
        false => format!("DIFFERS: {}", told(false)),
    }
}

/// Whether anything is worse, and how many differences are no chance.
pub(super) fn conclusion(differences: &[Difference]) -> (bool, String) {
    let count = |change| {
        let such = differences.iter().filter(|one| one.change == change);
        such.count() as u64
    };
    let (worse, better) = (count(Change::Worse), count(Change::Better));
    let words = match (worse, better) {
        (0, 0) => "No difference is more than chance explains.".to_owned(),
        (0, better) => format!("{} better, none worse.", counted(better, "metric")),
        (worse, better) => format!(
            "{} worse, {} better.",
            counted(worse, "metric"),
            grouped(better)
        ),
    };
    (worse > 0, words)
}

/// What the p-values are.
pub(super) fn method(tested: u64, resamples: u32) -> String {
    format!(
        "95 % intervals of run less base from {} draws of whole sessions or users; p is adjusted \
         over {} (Holm), and below 0.05 is said to be more than chance. Chance between runs is not \
         in it: repeat runs to see that.",
        grouped(resamples.into()),
        counted(tested, "difference")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_of_shares_are_in_points_everywhere() {
        let errors = |base: f64, run: f64| {
            cells(&Difference {
                metric: "errors".to_owned(),
                unit: Unit::Share,
                more_is_worse: true,
                base: Reading::Value(base),
                run: Reading::Value(run),
                difference: Some(run - base),
                interval: Some([Some(run - base - 0.015), None]),
                relative: (base != 0.0).then(|| (run - base) / base),
                p_value: 0.5,
                p_adjusted: 0.5,
                change: Change::NotSignificant,
            })
        };
        let shown = errors(0.02, 0.04);
        assert_eq!(
            [shown.base, shown.run, shown.change, shown.interval],
            ["2.00 %", "4.00 %", "+2.00 pp", "+0.50 pp..+∞"]
        );
        assert_eq!(errors(0.0, 0.04).change, "+4.00 pp");
        assert_eq!(errors(0.04, 0.0).change, "-4.00 pp");
        assert_eq!(errors(0.0, 0.123_4).change, "+12.3 pp");
        assert_eq!(errors(1.0, 0.0).change, "-100 pp");
        assert_eq!(errors(0.0, 0.0).change, "0.00 pp");
        assert_eq!(errors(0.0, 0.000_01).change, "<+0.01 pp");
        assert_eq!(errors(0.000_01, 0.0).change, ">-0.01 pp");
    }
}
