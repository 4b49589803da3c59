//! The rows of `requests.parquet` as CSV: every column, by its name.

use std::io::Write;

use arrow_schema::DataType;

use super::raw::WriteError;
use crate::results::reader::RunDir;
use crate::results::row::RequestRow;
use crate::table::{Row, texts};
use crate::units::spreadsheet_cell;

/// Rows that are turned into text at a time.
const BATCH_ROWS: usize = 1024;

/// Writes the requests of `runs` to `out`, a line each below one line of names. A null is an empty
/// cell; instants are in UTC. Texts from outside are made safe for spreadsheets
/// ([`spreadsheet_cell`]).
///
/// # Errors
/// A run that cannot be read, or a failure to write.
pub fn write<'a>(
    runs: impl IntoIterator<Item = &'a RunDir>,
    out: &mut impl Write,
) -> Result<(), WriteError> {
    let mut csv = csv::Writer::from_writer(out);
    let columns = RequestRow::columns();
    csv.write_record(columns.iter().map(|column| column.name))
        .map_err(io)?;
    for run in runs {
        let mut batch = Vec::with_capacity(BATCH_ROWS);
        let mut written = Ok(());
        run.for_each_request(|row| {
            batch.push(row);
            if batch.len() == BATCH_ROWS && written.is_ok() {
                written = lines(&mut csv, &batch);
                batch.clear();
            }
        })?;
        written?;
        lines(&mut csv, &batch)?;
    }
    Ok(csv.flush()?)
}

fn lines(csv: &mut csv::Writer<impl Write>, rows: &[RequestRow]) -> Result<(), WriteError> {
    let batch = texts(rows);
    let columns = RequestRow::columns();
    // Names of ours, numbers and instants are what they are: a negative number is no formula.
    let is_anything = |column: usize| {
        let column = columns.get(column);
        column.is_some_and(|c| c.data_type == DataType::Utf8 && c.names.is_empty())
    };
    for row in 0..rows.len() {
        let cells = (0..batch.columns()).map(|column| {
            let text = batch.text(column, row).unwrap_or_default();
            match is_anything(column) {
                true => spreadsheet_cell(text),
                false => text.into(),
            }
        });
        let cells: Vec<_> = cells.collect();
        csv.write_record(cells.iter().map(|cell| cell.as_bytes()))
            .map_err(io)?;
    }
    Ok(())
}

fn io(error: csv::Error) -> WriteError {
    WriteError::Io(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::Status;
    use crate::results::sample::{manifest, row, unanswered};
    use crate::table::write_all;

    #[test]
    fn every_column_and_every_row_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let text = serde_json::to_string(&manifest()).unwrap();
        std::fs::write(dir.path().join("run.json"), text).unwrap();
        let mut rows: Vec<_> = (0..2 * BATCH_ROWS as u32).map(row).collect();
        rows.push(RequestRow {
            error: Some("broken, \"quoted\"\nand in two lines".to_owned()),
            ..unanswered(2048, Status::Error)
        });
        rows.push(RequestRow {
            session_id: "=HYPERLINK(\"http://x\")".to_owned(),
            transcript: Some("-5 degrees".to_owned()),
            error: Some("\x1b[31m@cmd".to_owned()),
            lag_max_ns: Some(-5),
            ..row(2049)
        });
        write_all(&dir.path().join("requests.parquet"), 1024, &[], &rows).unwrap();
        let run = RunDir::open(dir.path()).unwrap();
        let mut out = Vec::new();
        write([&run, &run], &mut out).unwrap();

        let mut reader = csv::Reader::from_reader(out.as_slice());
        let names = reader.headers().unwrap().clone();
        let columns = RequestRow::columns();
        assert!(names.iter().eq(columns.iter().map(|column| column.name)));
        let read: Vec<csv::StringRecord> = reader.records().map(|record| record.unwrap()).collect();
        assert_eq!(read.len(), 2 * rows.len());
        let cell = |row: usize, name: &str| {
            let column = names.iter().position(|known| known == name).unwrap();
            read[row][column].to_owned()
        };
        assert_eq!(cell(7, "response_ns"), "207000000");
        assert_eq!(cell(7, "status"), "ok");
        assert_eq!(cell(7, "overlapped"), "false");
        assert_eq!(cell(7, "user"), "");
        assert_eq!(cell(7, "intended_start_at"), "2026-09-21T14:13:20.700Z");
        assert_eq!(cell(2048, "error"), rows[2048].error.clone().unwrap());
        assert_eq!(cell(2049, "session_id"), "'=HYPERLINK(\"http://x\")");
        assert_eq!(cell(2049, "transcript"), "'-5 degrees");
        assert_eq!(cell(2049, "error"), " [31m@cmd");
        assert_eq!(cell(2049, "lag_max_ns"), "-5");
        assert_eq!(cell(2050, "turn"), "0");
    }
}
