//! Azure's public traces of LLM inference (`AzureLLMInferenceTrace_*.csv`): the first column is
//! `TIMESTAMP`, a date with seven decimals and no zone in the files of 2023 and an offset in those
//! of 2024, then `ContextTokens` and `GeneratedTokens`. Lines end in CRLF, the last one in nothing.

use super::mapping::{Column, Counts, Kind, Mapping};

/// An arrival a row; as long is spoken as the tokens that came in.
pub(super) fn mapping() -> Mapping {
    Mapping {
        kind: Kind::Csv(None),
        start: Column::required(&["TIMESTAMP"]),
        unit: None,
        session: None,
        length: Some((Column::required(&["ContextTokens"]), Counts::Tokens)),
        clip: None,
        keep: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::trace::import::log::tests::{read, tokens};
    use crate::trace::import::{LogFormat, LogSpec};

    const FIRST: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n\
        2023-11-16 18:17:03.9799600,4808,10\r\n\
        2023-11-16 18:17:04.0319569,110,27";

    #[test]
    fn dates_keep_their_seven_decimals_and_are_taken_as_utc() {
        let log = read(FIRST, &LogSpec::new(LogFormat::Azure));
        let starts: Vec<_> = log.rows.iter().map(|row| row.start_ns).collect();
        assert_eq!(
            starts,
            [1_700_158_623_979_960_000, 1_700_158_624_031_956_900]
        );
        assert_eq!(tokens(&log), [4808.0, 110.0]);
        assert_eq!(log.bad.count(), 0);
        assert!(
            log.timestamps.contains("no zone: taken as UTC"),
            "{}",
            log.timestamps
        );
    }

    #[test]
    fn later_files_give_an_offset() {
        let text = "TIMESTAMP,ContextTokens,GeneratedTokens\n\
                    2024-05-10 02:00:00.009930+02:00,2162,5\n";
        let log = read(text, &LogSpec::new(LogFormat::Azure));
        assert_eq!(log.rows[0].start_ns, 1_715_299_200_009_930_000);
        assert!(!log.timestamps.contains("no zone"), "{}", log.timestamps);
    }
}
