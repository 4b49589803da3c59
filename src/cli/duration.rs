//! Durations on the command line: `250ms`, `1m30s`, a bare number is seconds.

use std::fmt;
use std::str::FromStr;

use crate::units::{DurationError, duration_ns, duration_text};

/// A duration argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub struct DurationArg {
    /// Nanoseconds.
    pub ns: i64,
}

impl FromStr for DurationArg {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        Ok(DurationArg {
            ns: duration_ns(text)?,
        })
    }
}

impl fmt::Display for DurationArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&duration_text(self.ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_shown_as_it_is_written() {
        for text in ["250ms", "1m30s"] {
            let read: DurationArg = text.parse().expect("a duration");
            assert_eq!(read.to_string(), text);
        }
        assert_eq!("0.5".parse(), Ok(DurationArg { ns: 500_000_000 }));
    }

    #[test]
    fn what_is_none_says_what_one_looks_like() {
        let said = "soon".parse::<DurationArg>().unwrap_err().to_string();
        assert!(
            said.contains("`soon`") && said.contains("`250ms`"),
            "{said}"
        );
    }
}
