//! Windows and factors on the command line, by which a trace is shaped in a replay or an edit.

use super::duration::DurationArg;

/// Reads `30s..2m` as nanoseconds.
///
/// # Errors
/// What is no window, in a sentence.
pub(crate) fn window(text: &str) -> Result<(i64, i64), String> {
    let end = |text: &str| {
        text.parse::<DurationArg>()
            .map(|d| d.ns)
            .map_err(|e| e.to_string())
    };
    let (from, to) = text
        .split_once("..")
        .ok_or("a window is FROM..TO, such as 30s..2m")?;
    let (from, to) = (end(from)?, end(to)?);
    if from < to {
        Ok((from, to))
    } else {
        Err("the window ends before it begins".to_owned())
    }
}

/// Reads a number of times.
///
/// # Errors
/// What is none, or too small or large.
pub(crate) fn factor(text: &str) -> Result<f64, String> {
    let factor = text.parse::<f64>();
    let usable = factor
        .ok()
        .filter(|factor| (0.001..=1000.0).contains(factor));
    usable.ok_or_else(|| "a factor is a number from 0.001 to 1000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_and_factors_are_read() {
        assert_eq!(window("30s..2m"), Ok((30_000_000_000, 120_000_000_000)));
        assert!(window("2m..30s").unwrap_err().contains("before it begins"));
        assert!(window("2m").unwrap_err().contains("FROM..TO"));
        assert_eq!(factor("2.5"), Ok(2.5));
        for text in ["0", "-1", "nan", "fast"] {
            assert!(factor(text).is_err(), "{text}");
        }
    }
}
