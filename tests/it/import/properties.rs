//! Rows written in a format are read as they were, and nothing that comes as a log is fatal.

use std::fmt::Write;
use std::path::Path;

use jiff::Timestamp;
use proptest::prelude::*;
use voicelt::trace::import::{Length, Log, LogFormat, LogSpec};

const NS_PER_MS: i64 = 1_000_000;
const NS_PER_S: i64 = 1_000 * NS_PER_MS;
/// 2026-01-01 UTC.
const NEW_YEAR_NS: i64 = 1_767_225_600 * NS_PER_S;

/// A format, what its instants are multiples of, and how rows are written in it.
struct Written {
    spec: LogSpec,
    step_ns: i64,
    /// Whether instants are dates.
    dated: bool,
    header: &'static str,
    row: fn(i64, u32) -> String,
    /// The length of a row that says so many.
    length: fn(u32) -> Length,
    line_end: &'static str,
}

fn date(ns: i64, format: &str) -> String {
    let at = Timestamp::from_nanosecond(ns.into()).unwrap();
    at.strftime(format).to_string()
}

fn tokens(n: u32) -> Length {
    Length::Tokens(n.into())
}

fn formats() -> Vec<Written> {
    let map = LogSpec {
        map: "start=at,duration=secs,unit=ns,duration-unit=s"
            .parse()
            .unwrap(),
        ..LogSpec::new(LogFormat::Map)
    };
    vec![
        Written {
            spec: LogSpec::new(LogFormat::Azure),
            step_ns: 100,
            dated: true,
            header: "TIMESTAMP,ContextTokens,GeneratedTokens\r\n",
            row: |ns, n| format!("{},{n},5", date(ns, "%Y-%m-%d %H:%M:%S.%7f")),
            length: tokens,
            line_end: "\r\n",
        },
        Written {
            spec: LogSpec::new(LogFormat::Mooncake),
            step_ns: NS_PER_MS,
            dated: false,
            header: "",
            row: |ns, n| {
                let ms = ns / NS_PER_MS;
                format!(
                    r#"{{"timestamp": {ms}, "input_length": {n}, "output_length": 1, "hash_ids": [1]}}"#
                )
            },
            length: tokens,
            line_end: "\n",
        },
        Written {
            spec: LogSpec::new(LogFormat::BurstGpt),
            step_ns: NS_PER_S,
            dated: false,
            header: "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n",
            row: |ns, n| format!("{},GPT-4,{n},1,{n},API log", ns / NS_PER_S),
            length: tokens,
            line_end: "\n",
        },
        Written {
            spec: LogSpec::new(LogFormat::Envoy),
            step_ns: NS_PER_MS,
            dated: true,
            header: "",
            row: |ns, n| {
                let at = date(ns, "%Y-%m-%dT%H:%M:%S.%3fZ");
                format!(r#"{{"start_time":"{at}","path":"/a","duration":{n},"response_code":200}}"#)
            },
            length: |n| Length::Time(i64::from(n) * NS_PER_MS),
            line_end: "\n",
        },
        Written {
            spec: LogSpec::new(LogFormat::Cdr),
            step_ns: NS_PER_S,
            dated: true,
            header: "",
            row: |ns, n| {
                let at = date(ns, "%Y-%m-%d %H:%M:%S");
                format!(
                    r#""","1","2","c","""A, B"" <1>","x","y","Dial","z","{at}","{at}","{at}",{n},{n},"ANSWERED","D","1.1","""#
                )
            },
            length: |n| Length::Time(i64::from(n) * NS_PER_S),
            line_end: "\n",
        },
        Written {
            spec: map,
            step_ns: 1,
            dated: true,
            header: "secs,at\n",
            row: |ns, n| format!("{n}.25,{ns}"),
            length: |n| Length::Time(i64::from(n) * NS_PER_S + NS_PER_S / 4),
            line_end: "\n",
        },
    ]
}

fn read(text: &[u8], spec: &LogSpec) -> Result<Log, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    std::fs::write(&path, text).unwrap();
    Log::read(Path::new(&path), spec).map_err(|e| e.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn instants_and_lengths_are_read_as_they_were_written(
        rows in prop::collection::vec((0_i64..86_400 * NS_PER_S, 0_u32..1_000_000), 1..50),
        last_line_ends in any::<bool>(),
    ) {
        for format in formats() {
            let of_format = rows.iter().map(|&(ns, n)| {
                let origin_ns = if format.dated { NEW_YEAR_NS } else { 0 };
                (origin_ns + ns / format.step_ns * format.step_ns, n)
            });
            let of_format: Vec<_> = of_format.collect();
            let mut text = format.header.to_owned();
            for &(ns, n) in &of_format {
                write!(text, "{}{}", (format.row)(ns, n), format.line_end).unwrap();
            }
            if !last_line_ends {
                text.truncate(text.len() - format.line_end.len());
            }
            let log = read(text.as_bytes(), &format.spec).unwrap();
            let read: Vec<_> = log.rows.iter().map(|row| (row.start_ns, row.length)).collect();
            let written: Vec<_> = of_format.iter().map(|&(ns, n)| (ns, Some((format.length)(n)))).collect();
            prop_assert_eq!(read, written, "{}", format.spec.format);
            prop_assert_eq!(log.since_1970, format.dated);
            prop_assert_eq!(log.bad.count(), 0);
        }
    }

    #[test]
    fn whatever_comes_is_read_or_refused(
        noise in prop::collection::vec(any::<u8>(), 0..300),
        at in any::<prop::sample::Index>(),
    ) {
        for format in formats() {
            let mut text = format.header.as_bytes().to_vec();
            for n in 0..3 {
                text.extend((format.row)(NEW_YEAR_NS, n).bytes());
                text.extend(format.line_end.bytes());
            }
            let at = at.index(text.len());
            text.splice(at..at, noise.iter().copied());
            if let Ok(log) = read(&text, &format.spec) {
                prop_assert!(log.rows.iter().all(|row| row.start_ns >= 0));
            }
        }
    }
}
