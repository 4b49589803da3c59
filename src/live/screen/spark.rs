//! A row of small bars.

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A bar for each value, from 0 to the greatest, and that one; a gap where there is no value.
/// `None` without any value above 0.
pub(super) fn sparkline(values: &[Option<f64>]) -> Option<(String, f64)> {
    let most = values.iter().flatten().copied().fold(0.0, f64::max);
    if most <= 0.0 {
        return None;
    }
    let bar = |value: &Option<f64>| match value {
        Some(value) => {
            let step = (value / most * BARS.len() as f64).ceil() as usize;
            BARS[step.clamp(1, BARS.len()) - 1]
        }
        None => ' ',
    };
    Some((values.iter().map(bar).collect(), most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion_and_gaps_stay() {
        let values = [Some(0.0), Some(1.0), None, Some(4.0), Some(8.0)];
        assert_eq!(sparkline(&values), Some(("▁▁ ▄█".to_owned(), 8.0)));
        assert_eq!(sparkline(&[None, Some(0.0)]), None);
        assert_eq!(sparkline(&[]), None);
    }
}
