//! Mooncake's traces of LLM requests: a JSON object a line with `timestamp` in milliseconds since
//! the log began, `input_length` and `output_length` in tokens, and `hash_ids`.

use super::mapping::{Column, Counts, Kind, Mapping};
use super::number::Unit;

/// An arrival a row; as long is spoken as the tokens that came in.
pub(super) fn mapping() -> Mapping {
    Mapping {
        kind: Kind::JsonLines,
        start: Column::required(&["timestamp"]),
        unit: Some(Unit::Milliseconds),
        session: None,
        length: Some((Column::required(&["input_length"]), Counts::Tokens)),
        clip: None,
        keep: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::trace::import::log::tests::{bad, read, tokens};
    use crate::trace::import::{LogFormat, LogSpec, Unit};

    const SAMPLE: &str = r#"{"timestamp": 0, "input_length": 6755, "output_length": 500, "hash_ids": [0, 1, 2]}
{"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47]}
{"timestamp": -3, "input_length": 1, "output_length": 1, "hash_ids": []}
{"timestamp": 30535, "input_length": 64,
{"timestamp": 30535, "input_length": 6472, "output_length": 26, "hash_ids": []}
"#;

    #[test]
    fn milliseconds_since_the_log_began_are_read() {
        let log = read(SAMPLE, &LogSpec::new(LogFormat::Mooncake));
        let starts: Vec<_> = log.rows.iter().map(|row| row.start_ns).collect();
        assert_eq!(starts, [0, 27_482_000_000, 30_535_000_000]);
        assert_eq!(tokens(&log), [6755.0, 6955.0, 6472.0]);
        assert!(!log.since_1970);
        assert!(
            log.timestamps.contains("milliseconds"),
            "{}",
            log.timestamps
        );
        let bad = bad(&log);
        assert_eq!(bad[0], "line 3: `timestamp` is `-3`, which is negative");
        assert!(
            bad[1].starts_with("line 4: not a JSON object"),
            "{}",
            bad[1]
        );
    }

    #[test]
    fn the_unit_can_be_stated() {
        let spec = LogSpec {
            unit: Some(Unit::Microseconds),
            ..LogSpec::new(LogFormat::Mooncake)
        };
        assert_eq!(read(SAMPLE, &spec).rows[1].start_ns, 27_482_000);
    }
}
