//! Plain numbers in logs: times of a known unit, durations and counts, exact to the nanosecond.

use super::ImportError;
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

/// Reads the durations of one log: plain numbers of its unit, and texts such as `1m30s`.
#[derive(Debug)]
pub(super) struct Durations {
    unit: Option<Unit>,
    /// How many there are of which it is known what they count.
    told: u64,
    /// How many of which it is not, and the line and text of the first.
    untold: u64,
    first: Option<(u64, String)>,
}

impl Durations {
    /// A reader of durations that are plain numbers of `unit`, where there is one.
    pub(super) fn new(unit: Option<Unit>) -> Durations {
        Durations {
            unit,
            told: 0,
            untold: 0,
            first: None,
        }
    }

    /// The nanoseconds of a duration.
    ///
    /// # Errors
    /// What is wrong with `text`.
    pub(super) fn read(&mut self, line: u64, text: &str) -> Result<i64, String> {
        let ns = match (Number::parse(text), self.unit) {
            (None, _) => units::duration_ns(text).map_err(|_| "not a duration".to_owned())?,
            (Some(number), Some(unit)) => number.ns(unit)?,
            (Some(_), None) => {
                self.untold += 1;
                self.first.get_or_insert_with(|| (line, text.to_owned()));
                return Err("a plain number among durations with a unit".to_owned());
            }
        };
        self.told += 1;
        Ok(ns)
    }

    /// Whether the log can be read: most durations have a unit.
    ///
    /// # Errors
    /// A unit that must be stated.
    pub(super) fn conclude(self) -> Result<(), ImportError> {
        match self.first {
            Some((line, text)) if self.untold > self.told => Err(ImportError::Unit { line, text }),
            _ => Ok(()),
        }
    }
}

/// A count such as that of tokens.
///
/// # Errors
/// What is wrong with `text`.
pub(super) fn count(text: &str) -> Result<f64, String> {
    let number = Number::parse(text).ok_or("not a number")?;
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
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn ns(self, unit: Unit) -> Result<i64, &'static str> {
        if !self.value.is_finite() {
            return Err("not finite");
        }
        if self.value < 0.0 {
            return Err("negative");
        }
        let scale = i128::from(unit.ns());
        let exact = self
            .exact()
            .map(|nanos| nanos * scale / i128::from(NS_PER_S));
        let rounded = || (self.value * unit.ns() as f64).round() as i128;
        in_range(exact.unwrap_or_else(rounded)).ok_or("too large")
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

    fn number(text: &str, unit: Unit) -> Result<i64, &'static str> {
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
            assert_eq!(number(text, Unit::Seconds), Err(what), "{text}");
        }
    }

    #[test]
    fn durations_are_numbers_of_a_unit_or_texts_with_one() {
        let read = |text, unit| Durations::new(unit).read(1, text).ok();
        assert_eq!(read("1.5", Some(Unit::Milliseconds)), Some(1_500_000));
        assert_eq!(read("1m30s", None), Some(90 * NS_PER_S));
        assert_eq!(read("soon", None), None);
    }

    #[test]
    fn one_plain_number_is_at_fault_and_many_need_a_unit() {
        let conclude = |texts: &[&str]| {
            let mut durations = Durations::new(None);
            for (line, text) in (7..).zip(texts) {
                let _ = durations.read(line, text);
            }
            durations.conclude()
        };
        assert!(conclude(&["5s", "30", "7s"]).is_ok());
        let unknown = conclude(&["30", "5s", "31"]).unwrap_err();
        assert!(
            matches!(unknown, ImportError::Unit { line: 7, .. }),
            "{unknown}"
        );
    }
}
