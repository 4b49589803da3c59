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
