//! Call detail records of Asterisk (`Master.csv`): quoted CSV, usually without a header, with dates
//! in the local time of the exchange unless it is told to write UTC (`usegmtime`).

use super::mapping::{Column, Counts, Kind, Mapping, Test};
use super::number::Unit;

/// The disposition of calls that were answered.
pub(super) const ANSWERED: &str = "ANSWERED";

/// The columns in the order in which Asterisk writes them.
const COLUMNS: &[&str] = &[
    "accountcode",
    "src",
    "dst",
    "dcontext",
    "clid",
    "channel",
    "dstchannel",
    "lastapp",
    "lastdata",
    "start",
    "answer",
    "end",
    "duration",
    "billsec",
    "disposition",
    "amaflags",
    "uniqueid",
    "userfield",
];

/// A call a row, from its answer on (calls without one: from its start), as long as it was billed.
/// Tables exported from a database have `calldate` for the start.
pub(super) fn mapping(disposition: &str) -> Mapping {
    let billed = Column::required(&["billsec"]);
    Mapping {
        kind: Kind::Csv(Some(COLUMNS)),
        start: Column::required(&["answer", "start", "calldate"]),
        unit: None,
        session: None,
        length: Some((billed, Counts::Time(Some(Unit::Seconds)))),
        clip: None,
        keep: vec![(
            Column::required(&["disposition"]),
            Test::Is(disposition.to_owned()),
        )],
    }
}

#[cfg(test)]
mod tests {
    use crate::trace::import::log::tests::read;
    use crate::trace::import::{Length, LogFormat, LogSpec};
    use crate::units::NS_PER_S;

    const SAMPLE: &str = r#""","1001","600","default","""Ann, at home"" <1001>","SIP/1001-00000001","","VoiceMail","600@default","2026-03-02 08:15:30","2026-03-02 08:15:34","2026-03-02 08:16:04",34,30,"ANSWERED","DOCUMENTATION","1772439330.1",""
"","1002","700","default","""Bo"" <1002>","SIP/1002-00000002","SIP/700-00000003","Dial","SIP/700","2026-03-02 08:15:31",,"2026-03-02 08:15:51",20,0,"NO ANSWER","DOCUMENTATION","1772439331.2",""
"#;

    #[test]
    fn answered_calls_begin_when_they_are_answered() {
        let log = read(SAMPLE, &LogSpec::new(LogFormat::Cdr));
        assert_eq!((log.rows.len(), log.passed_over), (1, 1));
        assert_eq!(log.rows[0].start_ns, 1_772_439_334 * NS_PER_S);
        assert_eq!(log.rows[0].length, Some(Length::Time(30 * NS_PER_S)));
    }

    #[test]
    fn a_header_is_told_from_a_call_and_columns_are_found_by_name() {
        let text = "calldate,clid,src,billsec,disposition\n\
                    2026-03-02 08:15:30,Ann,1001,30,ANSWERED\n\
                    2026-03-02 08:15:31,Bo,1002,0,NO ANSWER\n";
        let spec = LogSpec {
            disposition: "no answer".to_owned(),
            zone: "Europe/Berlin".parse().ok(),
            ..LogSpec::new(LogFormat::Cdr)
        };
        let log = read(text, &spec);
        let starts: Vec<_> = log
            .rows
            .iter()
            .map(|row| (row.line, row.start_ns))
            .collect();
        assert_eq!(starts, [(3, (1_772_439_331 - 3600) * NS_PER_S)]);
        assert!(
            log.timestamps.contains("taken as Europe/Berlin"),
            "{}",
            log.timestamps
        );
    }
}
