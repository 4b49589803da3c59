//! Plots over time with a labelled axis, for a terminal without colour.

use crate::units::bars;

/// Width of the labels on the left.
const LABEL: usize = 8;

/// How many bars fit beside the labels into a terminal of this width.
pub(super) fn columns(width: usize) -> usize {
    width.saturating_sub(LABEL + 2).max(10)
}

/// A bar for each value, `lines` lines high, with the largest value on the left. A value that is
/// not 0 is always visible.
pub(super) fn plot(values: &[u64], lines: usize) -> String {
    let largest = values.iter().copied().max().unwrap_or(0).to_string();
    let visible = |value: &u64| (*value > 0).then_some(*value as f64);
    let bars = bars(&values.iter().map(visible).collect::<Vec<_>>(), lines);
    let mut text = String::new();
    for (line, bars) in (0..lines).rev().zip(bars) {
        let label = match line {
            0 => "0",
            _ if line + 1 == lines => &largest,
            _ => "",
        };
        text.push_str(&format!("{label:>LABEL$} ┤{}\n", bars.trim_end()));
    }
    text
}

/// The axis of time below bars: from 0 to `end`.
pub(super) fn axis(end: &str, columns: usize) -> String {
    format!("{:LABEL$}  0 s{end:>1$}\n", "", columns.saturating_sub(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_their_values() {
        let lines = ["      24 ┤   █", "         ┤  ▄█", "       0 ┤▁ ██", ""];
        assert_eq!(plot(&[1, 0, 12, 24], 3), lines.join("\n"));
    }

    #[test]
    fn nothing_is_flat_and_every_line_fits_the_terminal() {
        assert_eq!(plot(&[0, 0], 2), "       0 ┤\n       0 ┤\n");
        for width in [40, 80, 200] {
            let columns = columns(width);
            let plot = plot(&vec![3; columns], 4) + &axis("2m05s", columns);
            assert!(
                plot.lines().all(|line| line.chars().count() == width),
                "{plot}"
            );
        }
    }
}
