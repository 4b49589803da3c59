//! How far the quantiles of a latency can be trusted, in words.

use super::stats::Percentiles;
use crate::units::{Human, grouped};

/// Most characters of a line.
const WIDTH: usize = 70;

/// The intervals of the usual quantiles and the effective number of requests, in short lines.
pub(super) fn notes(figures: &Percentiles) -> Vec<String> {
    let Some(effective) = figures.effective_n else {
        return vec!["95 % interval: none, since all turns are of one session or user".to_owned()];
    };
    let ends = &figures.interval_ns;
    let end = |ns: Option<i64>| ns.map_or("∞".to_owned(), |ns| Human(ns).to_string());
    let intervals = [("p50", ends.p50), ("p95", ends.p95), ("p99", ends.p99)];
    let mut items: Vec<String> = intervals
        .into_iter()
        .filter_map(|(name, ends)| {
            let [low, high] = ends?.map(end);
            Some(format!("{name} {low}..{high}"))
        })
        .collect();
    match items.first_mut() {
        Some(first) => first.insert_str(0, "95 % interval "),
        None => items.push("95 % interval: none".to_owned()),
    }
    let of_p50 = grouped(effective.p50);
    let fewer = [("p95", effective.p95), ("p99", effective.p99)];
    let fewer = fewer.into_iter().filter(|(_, n)| *n < effective.p50);
    let fewer: Vec<String> = fewer
        .map(|(level, n)| format!("{level} {}", grouped(n)))
        .collect();
    items.push(match fewer.is_empty() {
        true => format!("effective n {of_p50}"),
        false => format!("effective n {of_p50} ({})", fewer.join(", ")),
    });

    let mut lines: Vec<String> = Vec::new();
    for item in items {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 3 + item.chars().count() <= WIDTH => {
                line.push_str(" · ");
                line.push_str(&item);
            }
            _ => lines.push(item),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::stats::Sample;
    use crate::units::NS_PER_MS;

    #[test]
    fn intervals_are_said_in_lines_that_fit() {
        let answered = |row: i64| (row < 985).then_some(row * NS_PER_MS);
        let sample: Sample = (0..1_000).map(answered).collect();
        assert_eq!(
            notes(&sample.percentiles()),
            [
                "95 % interval p50 468 ms..531 ms · p95 935 ms..963 ms · p99 982 ms..∞",
                "effective n 1,000",
            ]
        );
    }

    #[test]
    fn what_has_no_interval_says_so() {
        let few: Sample = [Some(1), Some(2)].into_iter().collect();
        assert_eq!(
            notes(&few.percentiles()),
            ["95 % interval: none · effective n 2"]
        );
        let mut alone = Sample::default();
        (0..9).for_each(|value| alone.push(Some(value), 0));
        assert!(notes(&alone.percentiles())[0].ends_with("of one session or user"));
    }
}
