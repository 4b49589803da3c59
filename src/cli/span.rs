//! One value, or a range of them, on the command line: `3` or `1..4`.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// The values from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span<T> {
    first: T,
    last: T,
}

impl<T> Span<T> {
    /// The range of what `of` makes of both ends.
    pub(crate) fn map<U>(self, of: impl Fn(T) -> U) -> RangeInclusive<U> {
        of(self.first)..=of(self.last)
    }
}

impl<T> FromStr for Span<T>
where
    T: FromStr<Err: Display> + PartialOrd + Clone,
{
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let end = |end: &str| end.parse::<T>().map_err(|e| format!("`{end}`: {e}"));
        let (first, last) = match text.split_once("..") {
            Some((first, last)) => (end(first)?, end(last)?),
            None => {
                let only = end(text)?;
                (only.clone(), only)
            }
        };
        match first <= last {
            true => Ok(Span { first, last }),
            false => Err(format!(
                "`{text}` is no range: the smaller value comes first"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::duration::DurationArg;

    #[test]
    fn one_value_or_two_are_read() {
        let read = |text: &str| text.parse::<Span<u32>>().unwrap().map(|n| n);
        assert_eq!(read("3"), 3..=3);
        assert_eq!(read("1..4"), 1..=4);
        let times: Span<DurationArg> = "500ms..1m".parse().unwrap();
        assert_eq!(times.map(|d| d.ns), 500_000_000..=60_000_000_000);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |text: &str| text.parse::<Span<u32>>().unwrap_err();
        assert!(error("4..1").contains("smaller value comes first"));
        assert!(error("1..x").starts_with("`x`: "));
        assert!(error("..").starts_with("``: "));
    }
}
