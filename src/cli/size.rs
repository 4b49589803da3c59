//! Sizes on the command line: `64KB`, `256MB`, `2GB`, powers of 1,000 as disks are sold by.

use std::str::FromStr;

/// A size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SizeArg {
    /// Bytes.
    pub(super) bytes: usize,
}

impl FromStr for SizeArg {
    type Err = String;

    fn from_str(text: &str) -> Result<SizeArg, String> {
        let wrong =
            || format!("`{text}` is no size; use a number with KB, MB or GB, such as 256MB");
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let factor = match unit.trim().to_ascii_uppercase().as_str() {
            "B" => 1,
            "KB" | "K" => 1_000,
            "MB" | "M" => 1_000_000,
            "GB" | "G" => 1_000_000_000,
            _ => return Err(wrong()),
        };
        let number: usize = number.parse().map_err(|_| wrong())?;
        let bytes = number.checked_mul(factor).ok_or_else(wrong)?;
        Ok(SizeArg { bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit() {
        let bytes = |text: &str| text.parse::<SizeArg>().map(|size| size.bytes);
        assert_eq!(bytes("256MB"), Ok(256_000_000));
        assert_eq!(bytes("1 kb"), Ok(1_000));
        for text in ["", "256", "MB", "-1MB", "1.5GB", "99999999999999999999GB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
