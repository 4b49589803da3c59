//! Bars of block characters, for a terminal without graphics.

/// From empty to full.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A bar for each value in proportion to the greatest, `lines` lines high, the topmost first; a gap
/// where there is no value. A bar is always visible.
#[must_use]
pub fn bars(values: &[Option<f64>], lines: usize) -> Vec<String> {
    let steps = lines * (BLOCKS.len() - 1);
    let most = values.iter().flatten().copied().fold(0.0, f64::max);
    let height = |value: &Option<f64>| match value {
        Some(value) if most > 0.0 => ((value * steps as f64 / most).ceil() as usize).max(1),
        Some(_) => 1,
        None => 0,
    };
    let line = |below: usize| {
        let heights = values.iter().map(height);
        let blocks = heights.map(|height| BLOCKS[height.saturating_sub(below).min(8)]);
        blocks.collect()
    };
    (0..lines).rev().map(|k| line(k * 8)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion_and_gaps_stay() {
        let values = [Some(0.0), Some(1.0), None, Some(4.0), Some(8.0)];
        assert_eq!(bars(&values, 1), ["▁▁ ▄█"]);
        let values = [Some(1.0), None, Some(12.0), Some(24.0)];
        assert_eq!(bars(&values, 3), ["   █", "  ▄█", "▁ ██"]);
        assert_eq!(bars(&[None, Some(0.0)], 2), ["  ", " ▁"]);
        assert_eq!(bars(&[], 1), [""]);
    }
}
