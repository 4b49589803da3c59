//! Bars of block characters, for a terminal without colour.

/// From empty to full.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Width of the labels on the left.
const LABEL: usize = 8;

/// How many bars fit beside the labels into a terminal of this width.
pub(super) fn columns(width: usize) -> usize {
    width.saturating_sub(LABEL + 2).max(10)
}

/// A bar for each value, `lines` lines high, with the largest value on the left. A value that is
/// not 0 is always visible.
pub(super) fn bars(values: &[u64], lines: usize) -> String {
    let largest = values.iter().copied().max().unwrap_or(0);
    let eighths = |value: u64| {
        let full = u128::from(value) * lines as u128 * 8;
        let height = full.div_ceil(u128::from(largest.max(1)));
        usize::try_from(height).unwrap_or(0)
    };
    let mut text = String::new();
    for line in (0..lines).rev() {
        let label = match line {
            0 => "0".to_owned(),
            _ if line + 1 == lines => largest.to_string(),
            _ => String::new(),
        };
        let heights = values.iter().map(|value| eighths(*value));
        let bars = heights.map(|height| BLOCKS[height.saturating_sub(line * 8).min(8)]);
        let bars: String = bars.collect();
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
        assert_eq!(bars(&[1, 0, 12, 24], 3), lines.join("\n"));
    }

    #[test]
    fn nothing_is_flat_and_every_line_fits_the_terminal() {
        assert_eq!(bars(&[0, 0], 2), "       0 ┤\n       0 ┤\n");
        for width in [40, 80, 200] {
            let columns = columns(width);
            let plot = bars(&vec![3; columns], 4) + &axis("2m05s", columns);
            assert!(
                plot.lines().all(|line| line.chars().count() == width),
                "{plot}"
            );
        }
    }
}
