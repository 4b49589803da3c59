//! Plain numbers in logs: times of a known unit, durations and counts, exact to the nanosecond.

use super::ImportError;
use super::log::Fault;
use crate::units::{self, NS_PER_MS, NS_PER_S};

/// Latest instant that is believed, 2100-01-01 UTC: far from overflow in any sum.
const LATEST_NS: i64 = 4_102_444_800 * NS_PER_S;
/// Numbers from this instant on, 2001-01-01 UTC, are taken to count from 1970.
pub(super) const EARLIEST_NS: i64 = 978_307_200 * NS_PER_S;

crate::names! {
    /// What a plain number counts.
    pub enum Unit {
        /// Seconds.
        Seconds = "s",
        /// Milliseconds.
        Milliseconds = "ms",
        /// Microseconds.
        Microseconds = "us",
        /// Nanoseconds.
        Nanoseconds = "ns",
    }
}

impl Unit {
    /// Nanoseconds in one of it.
    const fn ns(self) -> i64 {
        match self {
            Unit::Seconds => NS_PER_S,
            Unit::Milliseconds => NS_PER_MS,
            Unit::Microseconds => 1_000,
            Unit::Nanoseconds => 1,
        }
    }

    /// Its name in a sentence.
    pub(super) fn words(self) -> &'static str {
        match self {
            Unit::Seconds => "seconds",
            Unit::Milliseconds => "milliseconds",
            Unit::Microseconds => "microseconds",
            Unit::Nanoseconds => "nanoseconds",
        }
    }
}

/// The nanoseconds of a duration: a plain number of `unit`, or a text such as `1m30s`.
pub(super) fn duration_ns(line: u64, text: &str, unit: Option<Unit>) -> Result<i64, Fault> {
    let Some(number) = Number::parse(text) else {
        let ns = units::duration_ns(text);
        return ns.map_err(|_| Fault::Row("not a duration".to_owned()));
    };
    let unit = unit.ok_or_else(|| ImportError::Unit {
        line,
        text: text.to_owned(),
    })?;
    number.ns(unit)
}

/// A count such as that of tokens.
pub(super) fn count(text: &str) -> Result<f64, Fault> {
    let number = Number::parse(text).ok_or_else(|| Fault::Row("not a number".to_owned()))?;
    number.ns(Unit::Nanoseconds)?;
    Ok(number.value)
}

/// A text that is a number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number<'a> {
    text: &'a str,
    value: f64,
}

impl<'a> Number<'a> {
    /// `text`, where it is one.
    pub(super) fn parse(text: &'a str) -> Option<Number<'a>> {
        let value = text.parse().ok()?;
        Some(Number { text, value })
    }

    /// So many of `unit` in nanoseconds: exact for decimals, whatever their length.
    pub(super) fn ns(self, unit: Unit) -> Result<i64, Fault> {
        let wrong = |what: &str| Fault::Row(what.to_owned());
        if !self.value.is_finite() {
            return Err(wrong("not finite"));
        }
        if self.value < 0.0 {
            return Err(wrong("negative"));
        }
        let scale = i128::from(unit.ns());
        let exact = self
            .exact()
            .map(|nanos| nanos * scale / i128::from(NS_PER_S));
        let rounded = || (self.value * unit.ns() as f64).round() as i128;
        in_range(exact.unwrap_or_else(rounded)).ok_or_else(|| wrong("too large"))
    }

    /// Billionths of the number; `None` for one with an exponent or one that is far too large.
    fn exact(self) -> Option<i128> {
        let text = self.text.strip_prefix(['+', '-']).unwrap_or(self.text);
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(decimals) || whole.len() > 20 {
            return None;
        }
        let decimals = decimals.get(..9).unwrap_or(decimals);
        format!("{whole}{decimals:0<9}").parse().ok()
    }

    /// The unit in which it would be an instant of this century.
    pub(super) fn unit_since_1970(self) -> Option<Unit> {
        let century = EARLIEST_NS..LATEST_NS;
        let mut units = Unit::ALL.iter().copied();
        units.find(|&unit| self.ns(unit).is_ok_and(|ns| century.contains(&ns)))
    }
}

/// `ns` where it is from 0 to the latest that is believed.
pub(super) fn in_range(ns: i128) -> Option<i64> {
    let ns = i64::try_from(ns).ok()?;
    (0..LATEST_NS).contains(&ns).then_some(ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str, unit: Unit) -> Result<i64, Fault> {
        Number::parse(text).unwrap().ns(unit)
    }

    #[test]
    fn numbers_are_exact_to_the_nanosecond() {
        for (text, unit, ns) in [
            (
                "1700000000.123456789",
                Unit::Seconds,
                1_700_000_000_123_456_789,
            ),
            (
                "1700000000123.456789",
                Unit::Milliseconds,
                1_700_000_000_123_456_789,
            ),
            (
                "1700000000123456789",
                Unit::Nanoseconds,
                1_700_000_000_123_456_789,
            ),
            ("+0.5", Unit::Seconds, 500_000_000),
            (".5", Unit::Microseconds, 500),
            ("1e3", Unit::Seconds, 1_000 * NS_PER_S),
            ("-0", Unit::Seconds, 0),
        ] {
            assert_eq!(number(text, unit).ok(), Some(ns), "{text}");
        }
    }

    #[test]
    fn what_is_no_length_of_time_is_refused() {
        for (text, what) in [
            ("nan", "not finite"),
            ("-inf", "not finite"),
            ("-1", "negative"),
            ("1e300", "too large"),
            ("99999999999999999999999999", "too large"),
        ] {
            let said = number(text, Unit::Seconds).unwrap_err();
            assert!(
                matches!(said, Fault::Row(ref reason) if reason == what),
                "{text}: {said:?}"
            );
        }
    }

    #[test]
    fn durations_are_numbers_of_a_unit_or_texts_with_one() {
        let ns = |text, unit| duration_ns(1, text, unit).ok();
        assert_eq!(ns("1.5", Some(Unit::Milliseconds)), Some(1_500_000));
        assert_eq!(ns("1m30s", None), Some(90 * NS_PER_S));
        assert_eq!(ns("soon", None), None);
        let unknown = duration_ns(7, "30", None).unwrap_err();
        assert!(matches!(
            unknown,
            Fault::Log(ImportError::Unit { line: 7, .. })
        ));
    }
}
