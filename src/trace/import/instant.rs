//! Times in logs: dates with and without a zone, and plain numbers whose unit is stated, that of the
//! format, or told by their size. What was decided is kept, so that it can be shown.

use std::str::FromStr;

use jiff::civil::Time;
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;

use super::ImportError;
use super::log::Fault;
use super::number::{EARLIEST_NS, Number, Unit, in_range};

/// A time zone: a name such as `Europe/Berlin`, or an offset such as `+02:00`.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl FromStr for Zone {
    type Err = String;

    fn from_str(text: &str) -> Result<Zone, String> {
        let offset = || {
            let date = format!("1970-01-01T00:00:00{text}");
            Some(TimeZone::fixed(
                Pieces::parse(&date).ok()?.to_numeric_offset()?,
            ))
        };
        let zone = TimeZone::get(text).ok().or_else(offset);
        let zone = zone.ok_or_else(|| {
            format!("`{text}` is no time zone; use UTC, a name such as Europe/Berlin, or an offset such as +02:00")
        })?;
        Ok(Zone {
            name: text.to_owned(),
            zone,
        })
    }
}

/// How the timestamps of a log are written: the first that can be read decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Dates,
    Numbers {
        unit: Unit,
        told: Told,
        since_1970: bool,
    },
}

/// How a unit is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Stated,
    ByFormat,
    BySize,
}

/// Reads the timestamps of one log.
#[derive(Debug)]
pub(super) struct Timestamps {
    stated: Option<Unit>,
    usual: Option<Unit>,
    zone: Option<Zone>,
    form: Option<Form>,
    without_zone: u64,
}

impl Timestamps {
    /// A reader for plain numbers of the unit that is `stated`, or else `usual`, and for dates that
    /// lie in `zone`, or else in UTC, unless they name their own.
    pub(super) fn new(stated: Option<Unit>, usual: Option<Unit>, zone: Option<Zone>) -> Timestamps {
        Timestamps {
            stated,
            usual,
            zone,
            form: None,
            without_zone: 0,
        }
    }

    /// Nanoseconds since 1970, or since the log began.
    ///
    /// # Errors
    /// What is wrong with `text`, or with the whole log: a unit that is not known.
    pub(super) fn read(&mut self, line: u64, text: &str) -> Result<i64, Fault> {
        match Number::parse(text) {
            Some(number) => self.read_number(line, text, number),
            None => self.read_date(line, text),
        }
    }

    fn read_number(&mut self, line: u64, text: &str, number: Number<'_>) -> Result<i64, Fault> {
        let unit = match self.form {
            Some(Form::Numbers { unit, .. }) => unit,
            Some(Form::Dates) => return Err(Fault::Row("a plain number among dates".to_owned())),
            None => {
                let known = [(self.stated, Told::Stated), (self.usual, Told::ByFormat)];
                let known = known
                    .into_iter()
                    .find_map(|(unit, told)| Some((unit?, told)));
                let by_size = || Some((number.unit_since_1970()?, Told::BySize));
                let (unit, told) = known.or_else(by_size).ok_or_else(|| ImportError::Unit {
                    line,
                    text: text.to_owned(),
                })?;
                let since_1970 = number.ns(unit)? >= EARLIEST_NS;
                self.form = Some(Form::Numbers {
                    unit,
                    told,
                    since_1970,
                });
                unit
            }
        };
        number.ns(unit)
    }

    fn read_date(&mut self, line: u64, text: &str) -> Result<i64, Fault> {
        let wrong = |what: &str| Fault::Row(what.to_owned());
        let pieces = Pieces::parse(text).map_err(|_| wrong("neither a date nor a number"))?;
        match self.form {
            Some(Form::Numbers { .. }) => return Err(wrong("a date among plain numbers")),
            None if self.stated.is_some() => {
                return Err(ImportError::UnitOfDate {
                    line,
                    text: text.to_owned(),
                }
                .into());
            }
            _ => {}
        }
        let at = pieces
            .date()
            .to_datetime(pieces.time().unwrap_or(Time::midnight()));
        let offset = pieces.to_numeric_offset();
        let instant = match (offset, &self.zone) {
            (Some(offset), _) => offset.to_timestamp(at),
            (None, Some(zone)) => zone.zone.to_timestamp(at),
            (None, None) => TimeZone::UTC.to_timestamp(at),
        };
        let ns = instant
            .ok()
            .and_then(|instant| in_range(instant.as_nanosecond()));
        let ns = ns.ok_or_else(|| wrong("not between 1970 and 2100"))?;
        self.form = Some(Form::Dates);
        self.without_zone += u64::from(offset.is_none());
        Ok(ns)
    }

    /// Whether instants count from 1970.
    pub(super) fn since_1970(&self) -> bool {
        matches!(
            self.form,
            Some(
                Form::Dates
                    | Form::Numbers {
                        since_1970: true,
                        ..
                    }
            )
        )
    }

    /// What the timestamps were taken for, as a sentence without its end.
    pub(super) fn described(&self) -> String {
        match (self.form, &self.zone) {
            (None, _) => "none".to_owned(),
            (Some(Form::Dates), _) if self.without_zone == 0 => {
                "dates, each with its zone".to_owned()
            }
            (Some(Form::Dates), Some(zone)) => {
                format!(
                    "dates, {} of them without zone: taken as {}, as stated",
                    self.without_zone, zone.name
                )
            }
            (Some(Form::Dates), None) => format!(
                "dates, {} of them with no zone: taken as UTC; say otherwise with --zone",
                self.without_zone
            ),
            (
                Some(Form::Numbers {
                    unit,
                    told,
                    since_1970,
                }),
                _,
            ) => {
                let since = if since_1970 { "1970" } else { "the log began" };
                let told = match told {
                    Told::Stated => "as stated",
                    Told::ByFormat => "as the format or --map says",
                    Told::BySize => "told by their size; say otherwise with --unit",
                };
                format!("{} since {since}, {told}", unit.words())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::NS_PER_S;

    fn read(text: &str, stated: Option<Unit>) -> Result<(i64, String), String> {
        let mut timestamps = Timestamps::new(stated, None, None);
        match timestamps.read(1, text) {
            Ok(ns) => Ok((ns, timestamps.described())),
            Err(Fault::Row(reason)) => Err(reason),
            Err(Fault::Log(error)) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_unit_of_an_instant_of_this_century_is_told_by_its_size() {
        for (text, words) in [
            ("1700000000", "seconds since 1970, told"),
            ("1700000000000", "milliseconds since 1970, told"),
            ("1700000000000000", "microseconds since 1970, told"),
            ("1700000000000000000", "nanoseconds since 1970, told"),
        ] {
            let (ns, said) = read(text, None).unwrap();
            assert_eq!(ns, 1_700_000_000 * NS_PER_S);
            assert!(said.starts_with(words), "{said}");
        }
        assert!(read("86400", None).unwrap_err().contains("--unit"));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for (text, what) in [
            ("nan", "not finite"),
            ("inf", "not finite"),
            ("-1", "negative"),
            ("1e300", "too large"),
            ("99999999999999999999999999", "too large"),
            ("soon", "neither a date"),
            ("2026-13-01 00:00:00", "neither a date"),
            ("1969-12-31 23:59:59", "between 1970"),
            ("9999-12-31T23:59:59Z", "between 1970"),
        ] {
            let stated = Number::parse(text).map(|_| Unit::Seconds);
            let said = read(text, stated).unwrap_err();
            assert!(said.contains(what), "{text}: {said}");
        }
    }

    #[test]
    fn zones_are_names_and_offsets() {
        for (zone, hours) in [
            ("UTC", 0),
            ("Europe/Berlin", 1),
            ("+02:00", 2),
            ("-05:30", -5),
        ] {
            let zone: Zone = zone.parse().unwrap();
            let mut timestamps = Timestamps::new(None, None, Some(zone));
            let ns = timestamps.read(1, "2026-01-15 12:00:00").ok().unwrap();
            let noon = 1_768_478_400 * NS_PER_S;
            assert_eq!((noon - ns) / (3600 * NS_PER_S), hours);
        }
        assert!(
            "Mars"
                .parse::<Zone>()
                .unwrap_err()
                .contains("Europe/Berlin")
        );
    }
}
