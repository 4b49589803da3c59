//! The tables that we write, and where each is.

use arrow_schema::DataType;

use crate::report::runs::RunRow;
use crate::results::row::{self, ArrivalRow, MessageRow, RequestRow, ServerRow};
use crate::results::row::{StartedRow, TimelineRow};
use crate::table::{Column, Row};
use crate::trace::journal::{JOURNAL_FILE, JournalRow};
use crate::trace::model::{ClipRow, EventRow, ReplyRow, SessionRow, SourceRow, TurnRow};

/// A table, as its declaration has it.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// Where its file is, for people.
    pub(super) place: &'static str,
    pub(super) file: String,
    /// What a row is.
    pub(super) about: &'static str,
    pub(super) columns: Vec<Column>,
}

impl Table {
    fn of<R: Row>(place: &'static str) -> Table {
        Table {
            name: R::TABLE,
            place,
            file: format!("{}.parquet", R::TABLE),
            about: R::ABOUT,
            columns: R::columns(),
        }
    }
}

/// Every table: those of a trace, those of a run, and those beside them.
pub(super) fn tables() -> Vec<Table> {
    let trace = "in a trace";
    let run = "in a run directory";
    vec![
        Table::of::<SessionRow>(trace),
        Table::of::<TurnRow>(trace),
        Table::of::<EventRow>(trace),
        Table::of::<ClipRow>("in a trace, and as a copy in a run directory"),
        Table::of::<SourceRow>("in a trace that was prepared"),
        Table::of::<ReplyRow>("in a trace that was recorded"),
        Table {
            file: JOURNAL_FILE.to_owned(),
            ..Table::of::<JournalRow>("in a recording that goes on, or was killed: an Arrow stream")
        },
        Table::of::<RequestRow>(run),
        Table::of::<row::SessionRow>(run),
        Table {
            file: format!("{}-*.parquet", StartedRow::TABLE),
            ..Table::of::<StartedRow>(
                "in a run directory while the run goes on, and when it was killed",
            )
        },
        Table::of::<TimelineRow>(run),
        Table::of::<MessageRow>("in a run directory, with `--messages`"),
        Table::of::<ServerRow>("in a run directory, with `--prometheus`"),
        Table {
            file: "FILE".to_owned(),
            ..Table::of::<ArrivalRow>("of `voicelt gateway --arrivals-log FILE`")
        },
        Table {
            file: "FILE".to_owned(),
            ..Table::of::<RunRow>("of `voicelt runs --parquet FILE`")
        },
    ]
}

/// The type of a column, under its Arrow name in small letters.
pub(super) fn type_name(column: &Column) -> String {
    match &column.data_type {
        DataType::Timestamp(_, _) => "timestamp(ns, UTC)".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_column_that_may_be_null_says_when_and_no_other_does() {
        for table in tables() {
            for column in &table.columns {
                let said = column.null_meaning().is_some();
                assert_eq!(
                    said, column.nullable,
                    "{}.{}: a column of `Option` ends its description in `; null when …`, and only such a one",
                    table.name, column.name
                );
                assert!(!column.definition().is_empty());
            }
        }
    }

    #[test]
    fn integers_of_nanoseconds_are_called_so() {
        for table in tables() {
            for column in &table.columns {
                let called = column.name.ends_with("_ns");
                assert_eq!(
                    called,
                    column.unit == "ns",
                    "{}.{}",
                    table.name,
                    column.name
                );
            }
        }
    }

    #[test]
    fn every_table_that_is_declared_is_listed_once() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        let mut declared = Vec::new();
        for entry in walkdir::WalkDir::new(root) {
            let path = entry.unwrap().into_path();
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            // Tables in tests and in documentation are indented.
            for declaration in text.split("\ncrate::table! {").skip(1) {
                let name = declaration.split(" in \"").nth(1).unwrap();
                declared.push(name.split('"').next().unwrap().to_owned());
            }
        }
        let mut listed: Vec<_> = tables().iter().map(|table| table.name.to_owned()).collect();
        // A run reads fewer columns of the copy that it has of a trace's table.
        listed.push("clips".to_owned());
        declared.sort();
        listed.sort();
        assert_eq!(listed, declared);
        let places = tables().into_iter().map(|table| (table.name, table.place));
        let places: BTreeSet<_> = places.collect();
        assert_eq!(
            places.len(),
            tables().len(),
            "a name and a place are of one table"
        );
    }

    #[test]
    fn types_have_short_names() {
        let types: BTreeSet<_> = tables()
            .iter()
            .flat_map(|table| table.columns.iter().map(type_name))
            .collect();
        let types: Vec<_> = types.iter().map(String::as_str).collect();
        assert_eq!(
            types,
            [
                "boolean",
                "float64",
                "int64",
                "timestamp(ns, UTC)",
                "uint32",
                "uint64",
                "utf8"
            ]
        );
    }
}
