//! Any table: the columns are named by whoever imports it.

use std::fmt;
use std::str::FromStr;

use super::ImportError;

use super::mapping::{Column, Counts, Kind, Mapping};
use super::number::Unit;

/// Which columns mean what, from `start=COL,unit=ms,session=COL,duration=COL,clip=COL`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MapSpec {
    start: Option<String>,
    unit: Option<Unit>,
    session: Option<String>,
    duration: Option<String>,
    duration_unit: Option<Unit>,
    tokens: Option<String>,
    clip: Option<String>,
}

impl FromStr for MapSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<MapSpec, String> {
        let mut map = MapSpec::default();
        for part in text.split(',') {
            let (key, value) = part.split_once('=').ok_or_else(|| {
                format!("`{part}` names no column: use KEY=COLUMN, such as start=time")
            })?;
            let value = value.trim();
            let unit = || {
                value
                    .parse::<Unit>()
                    .map_err(|known| format!("`{value}` is no unit: {known}"))
            };
            match key.trim() {
                "unit" => map.unit = Some(unit()?),
                "duration-unit" => map.duration_unit = Some(unit()?),
                key => *map.column(key)? = Some(value.to_owned()),
            }
        }
        match (&map.start, &map.duration, &map.tokens) {
            (None, ..) => Err("the column of the start is missing: add start=COLUMN".to_owned()),
            (_, Some(_), Some(_)) => Err("give duration or tokens, not both".to_owned()),
            _ => Ok(map),
        }
    }
}

impl fmt::Display for MapSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = |unit: Option<Unit>| unit.map(|unit| unit.name().to_owned());
        let parts = [
            ("start", self.start.clone()),
            ("unit", unit(self.unit)),
            ("session", self.session.clone()),
            ("duration", self.duration.clone()),
            ("duration-unit", unit(self.duration_unit)),
            ("tokens", self.tokens.clone()),
            ("clip", self.clip.clone()),
        ];
        let parts = parts
            .into_iter()
            .filter_map(|(key, value)| Some(format!("{key}={}", value?)));
        f.write_str(&parts.collect::<Vec<_>>().join(","))
    }
}

impl MapSpec {
    fn column(&mut self, key: &str) -> Result<&mut Option<String>, String> {
        match key {
            "start" => Ok(&mut self.start),
            "session" => Ok(&mut self.session),
            "duration" => Ok(&mut self.duration),
            "tokens" => Ok(&mut self.tokens),
            "clip" => Ok(&mut self.clip),
            _ => Err(format!(
                "`{key}` is none of start, unit, session, duration, duration-unit, tokens, clip"
            )),
        }
    }

    /// The mapping; durations that are plain numbers have the unit of the start unless they have
    /// their own.
    pub(super) fn mapping(&self) -> Result<Mapping, ImportError> {
        let column = |name: &Option<String>| name.as_deref().map(|name| Column::required(&[name]));
        let time = Counts::Time(self.duration_unit.or(self.unit));
        let duration = column(&self.duration).map(|column| (column, time));
        let tokens = column(&self.tokens).map(|column| (column, Counts::Tokens));
        Ok(Mapping {
            kind: Kind::Any,
            start: column(&self.start).ok_or(ImportError::NoStart)?,
            unit: self.unit,
            session: column(&self.session),
            length: duration.or(tokens),
            clip: column(&self.clip),
            keep: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::import::log::tests::{bad, fails, read};
    use crate::trace::import::{Length, LogFormat, LogSpec};
    use crate::units::{NS_PER_MS, NS_PER_S};

    fn spec(map: &str) -> LogSpec {
        LogSpec {
            map: map.parse().unwrap(),
            ..LogSpec::new(LogFormat::Map)
        }
    }

    #[test]
    fn any_csv_is_read_by_the_names_of_its_columns() {
        let text =
            "who;,when,\"how, long\",what\nann,1700000000.25,1500,a.wav\nbo,1700000001,1m30s,\n";
        let spec = spec("start=when,session=who;,duration=how");
        assert!(
            fails(text, &spec).contains("no column `how`; its columns are who;, when, how, long")
        );
        let spec = LogSpec {
            map: MapSpec {
                duration: Some("how, long".to_owned()),
                duration_unit: Some(Unit::Milliseconds),
                ..spec.map
            },
            ..spec
        };
        let log = read(text, &spec);
        assert_eq!(log.rows[0].start_ns, 1_700_000_000_250 * NS_PER_MS);
        assert_eq!(log.rows[0].length, Some(Length::Time(1500 * NS_PER_MS)));
        assert_eq!(log.rows[1].length, Some(Length::Time(90 * NS_PER_S)));
        assert!(
            log.since_1970 && log.timestamps.contains("seconds since 1970"),
            "{}",
            log.timestamps
        );
    }

    #[test]
    fn json_lines_are_told_from_csv() {
        let text = "{\"t\": 5, \"clip\": \"a.wav\", \"n\": 12}\n\n{\"t\": \"7\", \"clip\": null}\n{\"t\": [1]}\n";
        let log = read(text, &spec("start=t,unit=s,clip=clip,tokens=n"));
        assert_eq!(log.rows.len(), 2);
        assert_eq!(log.rows[0].clip.as_deref(), Some("a.wav"));
        assert_eq!(
            (log.rows[1].start_ns, log.rows[1].length),
            (7 * NS_PER_S, None)
        );
        assert_eq!(bad(&log), ["line 4: `t` is neither a text nor a number"]);
    }

    #[test]
    fn a_unit_that_cannot_be_told_must_be_stated() {
        let said = fails("t\n12\n", &spec("start=t"));
        assert!(
            said.starts_with("line 2: `12` is a plain number") && said.contains("--unit"),
            "{said}"
        );
        let said = fails("t,d\n2026-01-01,30\n", &spec("start=t,duration=d"));
        assert!(said.contains("`30` is a plain number"), "{said}");
        let stated = LogSpec {
            unit: Some(Unit::Seconds),
            ..spec("start=t")
        };
        assert!(fails("t\n2026-01-01\n", &stated).contains("is a date"));
    }

    #[test]
    fn a_map_is_written_as_it_is_read() {
        let text = "start=a,unit=ms,session=b,duration=c,duration-unit=s,clip=d";
        assert_eq!(text.parse::<MapSpec>().unwrap().to_string(), text);
    }

    #[test]
    fn a_map_that_makes_no_sense_says_why() {
        for (text, what) in [
            ("session=a", "add start=COLUMN"),
            ("start=a,end=b", "`end` is none of start"),
            ("start=a,unit=h", "no unit"),
            ("start", "KEY=COLUMN"),
            ("start=a,tokens=b,duration=c", "not both"),
        ] {
            let said = text.parse::<MapSpec>().unwrap_err();
            assert!(said.contains(what), "{said}");
        }
    }
}
