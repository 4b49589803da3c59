//! Call detail records of Asterisk: CSV, usually without a header, with dates in the local time of the exchange unless
//! it is told to write UTC (`usegmtime`). Its modules `cdr_csv` (`Master.csv`) and `cdr_custom`, as it is configured when
//! it comes, and its table in a database have the same columns in orders of their own.

use std::borrow::Cow;

use jiff::fmt::temporal::Pieces;

use super::mapping::{Column, Counts, Headerless, Kind, Mapping, Order, Test, letters};
use super::number::{Number, Unit};

/// The disposition of calls that were answered.
pub(super) const ANSWERED: &str = "ANSWERED";

/// What Asterisk writes of a call, by its letters.
const DISPOSITIONS: [&str; 6] = [
    "answered",
    "noanswer",
    "busy",
    "failed",
    "congestion",
    "unknown",
];

/// The orders in which Asterisk writes the columns.
#[rustfmt::skip]
const ORDERS: &[Order] = &[
    // cdr_csv. What follows `amaflags` is there where its configuration says so.
    Order {
        columns: &[
            "accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata", "start",
            "answer", "end", "duration", "billsec", "disposition", "amaflags", "uniqueid", "userfield", "peeraccount",
            "linkedid", "sequence",
        ],
        least: 16,
    },
    // cdr_custom.
    Order {
        columns: &[
            "clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata", "start", "answer", "end",
            "duration", "billsec", "disposition", "amaflags", "accountcode", "uniqueid", "userfield", "sequence",
        ],
        least: 15,
    },
    // The table of cdr_adaptive_odbc and cdr_mysql, as FreePBX has it.
    Order {
        columns: &[
            "calldate", "clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata", "duration",
            "billsec", "disposition", "amaflags", "accountcode", "uniqueid", "userfield", "did", "recordingfile", "cnum",
            "cnam", "outbound_cnum", "outbound_cnam", "dst_cnam", "linkedid", "peeraccount", "sequence",
        ],
        least: 13,
    },
];

/// The order of a row with these fields: that in which it holds a start, a length and a disposition.
fn order(fields: &[Cow<'_, str>]) -> Option<&'static Order> {
    let is_there = |order: &&'static Order| {
        let field = |name: &str| {
            let at = order.columns.iter().position(|&column| column == name)?;
            fields.get(at).map(|field| field.trim())
        };
        let is_time = |text: &str| Number::parse(text).is_some() || Pieces::parse(text).is_ok();
        let is_disposition = |text: &str| {
            DISPOSITIONS
                .iter()
                .any(|known| letters(text).eq(known.chars()))
        };
        let start = field("start").or_else(|| field("calldate"));
        fields.len() >= order.least
            && start.is_some_and(is_time)
            && field("billsec").is_some_and(|text| Number::parse(text).is_some())
            && field("disposition").is_some_and(is_disposition)
    };
    ORDERS.iter().find(is_there)
}

/// A call a row, from its answer on (calls without one: from its start), as long as it was billed.
/// Tables exported from a database have `calldate` for the start.
pub(super) fn mapping(disposition: &str) -> Mapping {
    let billed = Column::required(&["billsec"]);
    Mapping {
        kind: Kind::Csv(Some(Headerless {
            order,
            otherwise: "neither names of columns nor a CDR as Asterisk writes it",
            advice: "; without names, rows must be as cdr_csv, cdr_custom or the table cdr have them: write a first line \
                     that names the columns (answer or start, billsec, disposition), or name those to use with --map",
        })),
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
    use crate::trace::import::log::tests::{bad, fails, read};
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
            disposition: Some("no answer".to_owned()),
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

    /// A row of an answered call with these columns, quoted or not, whose fields are separated like this.
    fn row(columns: &[&str], separator: &str) -> String {
        let field = |column: &&str| match *column {
            "clid" => format!("\"\"\"Ann{separator} at home\"\" <1001>\""),
            "start" | "calldate" => "\"2026-03-02 08:15:30\"".to_owned(),
            "answer" => "2026-03-02 08:15:34".to_owned(),
            "end" => "2026-03-02 08:16:04".to_owned(),
            "duration" => "34".to_owned(),
            "billsec" => "\"30\"".to_owned(),
            "disposition" => "ANSWERED".to_owned(),
            "sequence" => "7".to_owned(),
            _ => String::new(),
        };
        let fields: Vec<_> = columns.iter().map(field).collect();
        fields.join(separator) + "\r\n"
    }

    #[test]
    fn each_order_of_asterisk_is_known_with_any_of_its_widths() {
        for order in super::ORDERS {
            for width in order.least..=order.columns.len() {
                for separator in [",", ";", "\t"] {
                    let text = row(&order.columns[..width], separator).repeat(2);
                    let log = read(&text, &LogSpec::new(LogFormat::Cdr));
                    assert_eq!((log.rows.len(), log.bad.count()), (2, 0), "{text}");
                    let after_start = if order.columns.contains(&"answer") {
                        4
                    } else {
                        0
                    };
                    assert_eq!(
                        log.rows[0].start_ns,
                        (1_772_439_330 + after_start) * NS_PER_S
                    );
                    assert_eq!(log.rows[0].length, Some(Length::Time(30 * NS_PER_S)));
                }
            }
        }
    }

    #[test]
    fn rows_of_no_known_order_are_named_with_what_can_be_done() {
        let said = fails(
            "ANSWERED;30;2026-03-02 08:15:30\n",
            &LogSpec::new(LogFormat::Cdr),
        );
        for part in [
            "no column `answer` or `start`",
            "separated by `;`, are ANSWERED, 30, 2026",
            "--map",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let cut = format!("\"1001\",\"600\"\n{SAMPLE}");
        let log = read(&cut, &LogSpec::new(LogFormat::Cdr));
        assert_eq!(log.rows.len(), 1);
        assert_eq!(
            bad(&log),
            ["line 1: neither names of columns nor a CDR as Asterisk writes it"]
        );
    }

    #[test]
    fn calls_of_another_disposition_are_named() {
        let spec = LogSpec {
            disposition: Some("BUSY".to_owned()),
            ..LogSpec::new(LogFormat::Cdr)
        };
        let said = fails(SAMPLE, &spec);
        assert!(
            said.contains("line 1: `disposition` is `ANSWERED`"),
            "{said}"
        );
    }
}
