//! Times in logs: dates with and without a zone, and plain numbers whose unit is stated, that of the
//! format, or told by their size. What was decided is kept, so that it can be shown.

use std::str::FromStr;

use jiff::civil::Time;
use jiff::fmt::temporal::Pieces;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::ImportError;
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

/// How a timestamp is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Date,
    Number {
        unit: Unit,
        told: Told,
        since_1970: bool,
    },
    /// A plain number of which it cannot be told what it counts.
    Untold,
}

/// How a unit is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Stated,
    ByFormat,
    BySize,
}

/// How many timestamps have a form, and the line and text of the first.
#[derive(Debug)]
struct Seen {
    form: Form,
    count: u64,
    line: u64,
    text: String,
}

/// How many dates the clocks of their zone did not show once, and the line of the first.
#[derive(Debug, Clone, Copy, Default)]
struct Odd {
    count: u64,
    line: u64,
}

impl Odd {
    fn take_in(&mut self, line: u64) {
        if self.count == 0 {
            self.line = line;
        }
        self.count += 1;
    }

    /// What is said of them; nothing where there are none.
    fn described(self, what: &str) -> String {
        match self {
            Odd { count: 0, .. } => String::new(),
            Odd { count, line } => format!("; {count} of them, from line {line} on, {what}"),
        }
    }
}

/// Reads the timestamps of one log. All are to have one form, at first that of the first; which one most of them have is
/// known at the end, and others are at fault.
#[derive(Debug)]
pub(super) struct Timestamps {
    stated: Option<Unit>,
    usual: Option<Unit>,
    zone: Option<Zone>,
    form: Option<Form>,
    seen: Vec<Seen>,
    without_zone: u64,
    /// Dates of the hour that comes twice when summer time ends.
    twice: Odd,
    /// Dates of the hour that is left out when it begins.
    left_out: Odd,
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
            seen: Vec::new(),
            without_zone: 0,
            twice: Odd::default(),
            left_out: Odd::default(),
        }
    }

    /// Nanoseconds since 1970, or since the log began.
    ///
    /// # Errors
    /// What is wrong with `text`.
    pub(super) fn read(&mut self, line: u64, text: &str) -> Result<i64, String> {
        let number = Number::parse(text);
        let (form, date) = match number {
            Some(number) => (self.form_of(number)?, None),
            None => {
                let pieces = Pieces::parse(text).map_err(|_| "neither a date nor a number")?;
                (Form::Date, Some(pieces))
            }
        };
        self.take_in(form, line, text);
        match (self.form, form) {
            (None, Form::Untold) => {
                return Err("a plain number, and it cannot be told of what".to_owned());
            }
            (None, Form::Date) if self.stated.is_some() => {
                return Err(
                    "a date, but --unit is for timestamps that are plain numbers".to_owned(),
                );
            }
            (None, form) => self.form = Some(form),
            (Some(usual), form) if usual != form => return Err(other(usual, form)),
            _ => {}
        }
        match (form, number, date) {
            (Form::Number { unit, .. }, Some(number), _) => Ok(number.ns(unit)?),
            (_, _, Some(pieces)) => Ok(self.instant(line, &pieces)?),
            _ => Err("neither a date nor a number".to_owned()),
        }
    }

    /// What a plain number is taken for.
    fn form_of(&self, number: Number<'_>) -> Result<Form, &'static str> {
        let known = [(self.stated, Told::Stated), (self.usual, Told::ByFormat)];
        let known = known
            .into_iter()
            .find_map(|(unit, told)| Some((unit?, told)));
        if let Some((unit, told)) = known {
            let since_1970 = number.ns(unit)? >= EARLIEST_NS;
            return Ok(Form::Number {
                unit,
                told,
                since_1970,
            });
        }
        // No unit makes a length of time of what is negative, or no number.
        number.ns(Unit::Nanoseconds)?;
        Ok(match number.unit_since_1970() {
            Some(unit) => Form::Number {
                unit,
                told: Told::BySize,
                since_1970: true,
            },
            None => Form::Untold,
        })
    }

    fn take_in(&mut self, form: Form, line: u64, text: &str) {
        match self.seen.iter_mut().find(|seen| seen.form == form) {
            Some(seen) => seen.count += 1,
            None => self.seen.push(Seen {
                form,
                count: 1,
                line,
                text: text.to_owned(),
            }),
        }
    }

    fn instant(&mut self, line: u64, pieces: &Pieces<'_>) -> Result<i64, &'static str> {
        let at = pieces
            .date()
            .to_datetime(pieces.time().unwrap_or(Time::midnight()));
        let offset = pieces.to_numeric_offset();
        let instant = match (offset, &self.zone) {
            (Some(offset), _) => offset.to_timestamp(at),
            (None, Some(zone)) => {
                let instant = zone.zone.to_ambiguous_timestamp(at);
                match instant.offset() {
                    AmbiguousOffset::Unambiguous { .. } => {}
                    AmbiguousOffset::Fold { .. } => self.twice.take_in(line),
                    AmbiguousOffset::Gap { .. } => self.left_out.take_in(line),
                }
                instant.compatible()
            }
            (None, None) => TimeZone::UTC.to_timestamp(at),
        };
        let ns = instant
            .ok()
            .and_then(|instant| in_range(instant.as_nanosecond()));
        self.without_zone += u64::from(offset.is_none());
        ns.ok_or("not between 1970 and 2100")
    }

    /// What to read the log with again, from its beginning, where the form of most timestamps is not that of the first.
    ///
    /// # Errors
    /// A log that cannot be read: most of its timestamps are plain numbers of an unknown unit, or dates where the unit
    /// of numbers is stated.
    pub(super) fn conclude(&self) -> Result<Option<Timestamps>, ImportError> {
        // Of equals, the first.
        let most = self.seen.iter().rev().max_by_key(|seen| seen.count);
        let Some(Seen {
            form, line, text, ..
        }) = most
        else {
            return Ok(None);
        };
        let (line, text) = (*line, text.clone());
        match form {
            Form::Untold => Err(ImportError::Unit { line, text }),
            Form::Date if self.stated.is_some() => Err(ImportError::UnitOfDate { line, text }),
            form if self.form == Some(*form) => Ok(None),
            form => Ok(Some(Timestamps {
                form: Some(*form),
                ..Timestamps::new(self.stated, self.usual, self.zone.clone())
            })),
        }
    }

    /// Whether instants count from 1970.
    pub(super) fn since_1970(&self) -> bool {
        matches!(
            self.form,
            Some(
                Form::Date
                    | Form::Number {
                        since_1970: true,
                        ..
                    }
            )
        )
    }

    /// What the timestamps were taken for, as a sentence without its end.
    pub(super) fn described(&self) -> String {
        let dates = self.without_zone;
        match (self.form, &self.zone) {
            (None | Some(Form::Untold), _) => "none".to_owned(),
            (Some(Form::Date), _) if dates == 0 => "dates, each with its zone".to_owned(),
            (Some(Form::Date), Some(zone)) => {
                let twice = self.twice.described(
                    "in the hour that came twice as summer time ended, and taken for the first of the two",
                );
                let left_out = self.left_out.described(
                    "in the hour that was left out as summer time began, and taken for the one behind it",
                );
                let zone = &zone.name;
                format!(
                    "dates, {dates} of them without zone: taken as {zone}, as stated{twice}{left_out}"
                )
            }
            (Some(Form::Date), None) => {
                format!(
                    "dates, {dates} of them with no zone: taken as UTC; say otherwise with --zone"
                )
            }
            (
                Some(Form::Number {
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

/// What is said of a timestamp that has another form than the `usual` one.
fn other(usual: Form, form: Form) -> String {
    match (usual, form) {
        (Form::Number { .. }, Form::Date) => "a date among plain numbers".to_owned(),
        (Form::Date, _) => "a plain number among dates".to_owned(),
        (
            Form::Number { unit, .. },
            Form::Number {
                unit: other,
                told: Told::BySize,
                ..
            },
        ) => format!(
            "in {} by its size, among others in {}",
            other.words(),
            unit.words()
        ),
        (
            Form::Number {
                unit,
                since_1970: true,
                ..
            },
            _,
        ) => {
            format!(
                "before 2001, among later ones in {} since 1970",
                unit.words()
            )
        }
        (_, _) => "after 2001, among others that count from the beginning of the log".to_owned(),
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
            Err(reason) => match timestamps.conclude() {
                Ok(_) => Err(reason),
                Err(error) => Err(error.to_string()),
            },
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

    /// The bad ones among some timestamps, by their line, as they are read at last.
    fn faults(texts: &[&str], stated: Option<Unit>) -> Vec<(u64, String)> {
        let read = |timestamps: &mut Timestamps| {
            let lines = (1..).zip(texts);
            let faults =
                lines.filter_map(|(line, text)| Some((line, timestamps.read(line, text).err()?)));
            faults.collect::<Vec<_>>()
        };
        let mut timestamps = Timestamps::new(stated, None, None);
        let faults = read(&mut timestamps);
        match timestamps.conclude().unwrap() {
            Some(mut again) => {
                let faults = read(&mut again);
                assert!(again.conclude().unwrap().is_none(), "it is settled");
                faults
            }
            None => faults,
        }
    }

    #[test]
    fn the_odd_one_is_at_fault_wherever_it_stands() {
        let seconds = ["1700000000", "1700000001", "1700000002"];
        let dates = ["2026-01-01", "2026-01-02", "2026-01-03"];
        for (usual, odd, what) in [
            (
                seconds,
                "1700000000000",
                "in milliseconds by its size, among others in seconds",
            ),
            (seconds, "5", "before 2001"),
            (seconds, "2026-01-01", "a date among"),
            (dates, "1700000000", "a plain number among dates"),
            (dates, "5", "a plain number among dates"),
        ] {
            for at in 0..=usual.len() {
                let mut texts = usual.to_vec();
                texts.insert(at, odd);
                let faults = faults(&texts, None);
                assert_eq!(faults.len(), 1, "{texts:?}: {faults:?}");
                assert_eq!(faults[0].0 as usize, at + 1);
                assert!(at == 0 || faults[0].1.contains(what), "{}", faults[0].1);
            }
        }
        let since_the_log_began = ["0", "1700000000", "7"];
        let faults = faults(&since_the_log_began, Some(Unit::Seconds));
        assert!(
            faults.len() == 1 && faults[0].1.contains("after 2001"),
            "{faults:?}"
        );
    }

    #[test]
    fn hours_that_come_twice_or_never_are_told() {
        let described = |texts: &[&str]| {
            let mut timestamps = Timestamps::new(None, None, "Europe/Berlin".parse().ok());
            let at = (2..)
                .zip(texts)
                .map(|(line, text)| timestamps.read(line, text).unwrap());
            let at: Vec<_> = at.collect();
            (at, timestamps.described())
        };
        let (at, said) = described(&[
            "2025-10-26 01:59:59",
            "2025-10-26 02:30:00",
            "2025-10-26 02:00:00",
        ]);
        assert_eq!((at[1] - at[0]) / NS_PER_S, 1801, "the first of the two");
        assert!(
            said.contains("2 of them, from line 3 on, in the hour that came twice"),
            "{said}"
        );
        let (_, said) = described(&[
            "2025-03-30 01:59:59",
            "2025-03-30 02:30:00",
            "2025-03-30 03:00:00",
        ]);
        assert!(
            said.contains("1 of them, from line 3 on, in the hour that was left out"),
            "{said}"
        );
        let (_, said) = described(&["2025-10-26 01:59:59", "2025-10-26T02:30:00+02:00"]);
        assert!(!said.contains("twice"), "{said}");
    }
}
