//! Shares on the command line.

/// `1%` as 0.01.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let number = text.trim().strip_suffix('%').map(str::parse::<f64>);
    match number {
        Some(Ok(percent)) if (0.0..=100.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err(format!("`{text}` is no share; write it as 1% or 12.5%")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_written_in_percent() {
        assert_eq!((share("5%"), share(" 12.5% ")), (Ok(0.05), Ok(0.125)));
        for text in ["5", "", "%", "-1%", "101%", "x%", "NaN%"] {
            assert!(
                share(text).unwrap_err().contains("write it as 1%"),
                "{text}"
            );
        }
    }
}
