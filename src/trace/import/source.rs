//! The columns of a table as text, row by row, whatever kind of file it is.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use super::ImportError;
use super::lines::{BYTE_ORDER_MARK, Line, Lines, MAX_LINE};
use super::log::shortened;
use super::mapping::{Column, Kind};
use crate::table::TextReader;

/// Columns that are named where one is missing.
const NAMED: usize = 30;

/// What is done with each row: its line and its cells, or why it cannot be read. A cell without
/// anything in it is `None`.
pub(super) type Take<'a> =
    dyn FnMut(u64, Result<&[Option<String>], String>) -> Result<(), ImportError> + 'a;

/// Gives the `columns` of each row of the file `path` to `take`. The file of a `format` must be of
/// its `kind`.
///
/// # Errors
/// A file that cannot be read or lacks a column, and those of `take`.
pub(super) fn each_row(
    path: &Path,
    (format, kind): (&'static str, Kind),
    columns: &[Column],
    take: &mut Take<'_>,
) -> Result<(), ImportError> {
    let io = |e| ImportError::io(path, e);
    let mut file = File::open(path).map_err(io)?;
    let mut first = Vec::new();
    (&mut file).take(256).read_to_end(&mut first).map_err(io)?;
    file.rewind().map_err(io)?;
    let parquet = first.starts_with(b"PAR1");
    let text = first.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&first);
    let object = text.trim_ascii_start().starts_with(b"{");
    match kind {
        Kind::Any if parquet => parquet_rows(path, columns, take),
        _ if parquet => Err(ImportError::Kind {
            path: path.display().to_string(),
            found: "a Parquet file",
            format,
            expected: "text",
        }),
        Kind::JsonLines => json_rows(path, file, columns, take),
        Kind::Any if object => json_rows(path, file, columns, take),
        Kind::Any => csv_rows(path, file, None, columns, take),
        Kind::Csv(positions) => csv_rows(path, file, positions, columns, take),
    }
}

fn csv_rows(
    path: &Path,
    file: File,
    positions: Option<&[&str]>,
    columns: &[Column],
    take: &mut Take<'_>,
) -> Result<(), ImportError> {
    let mut lines = Lines::new(file);
    let mut header: Option<Vec<Vec<usize>>> = None;
    let mut record = csv::StringRecord::new();
    let mut cells = vec![None; columns.len()];
    while let Some((line, text)) = csv_record(&mut lines).map_err(|e| ImportError::io(path, e))? {
        let text = match text {
            Ok(text) if text.trim().is_empty() => continue,
            Ok(text) => text,
            Err(reason) => {
                take(line, Err(reason))?;
                continue;
            }
        };
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(text.len())
            .from_reader(text.as_bytes());
        // Text in memory can be read and is UTF-8, and flexible records may have any length.
        let _ = reader.read_record(&mut record);
        let indices = match &header {
            Some(indices) => indices,
            None => {
                let names: Vec<&str> = record.iter().map(str::trim).collect();
                match (places(columns, &names), positions) {
                    (Ok(indices), _) => {
                        header = Some(indices);
                        continue;
                    }
                    (Err(_), Some(positions)) => {
                        header.insert(places(columns, positions).map_err(missing(path, positions))?)
                    }
                    (Err(column), None) => return Err(missing(path, &names)(column)),
                }
            }
        };
        for (cell, alternatives) in cells.iter_mut().zip(indices) {
            let mut texts = alternatives.iter().filter_map(|&at| record.get(at));
            *cell = texts.find_map(cell_of);
        }
        take(line, Ok(&cells))?;
    }
    Ok(())
}

/// The next record, or what is wrong with it, and the line that it begins on; a quoted field may go
/// on over several lines.
fn csv_record(lines: &mut Lines) -> io::Result<Option<(u64, Result<String, String>)>> {
    let mut record = String::new();
    let mut first = None;
    let mut quoted = false;
    loop {
        let text = match lines.next()? {
            Some(Line::Text(text)) => text,
            Some(Line::TooLong) => {
                return Ok(Some((first.unwrap_or(lines.number()), Err(too_long()))));
            }
            None => return Ok(first.map(|line| (line, Err(unclosed(lines))))),
        };
        // A quote inside a quoted field is doubled, so that their number is odd only within one.
        quoted ^= text.bytes().filter(|&byte| byte == b'"').count() % 2 == 1;
        record.push_str(&text);
        let line = *first.get_or_insert(lines.number());
        if !quoted {
            return Ok(Some((line, Ok(record))));
        }
        if record.len() > MAX_LINE {
            return Ok(Some((line, Err(unclosed(lines)))));
        }
        record.push('\n');
    }
}

fn json_rows(
    path: &Path,
    file: File,
    columns: &[Column],
    take: &mut Take<'_>,
) -> Result<(), ImportError> {
    let mut lines = Lines::new(file);
    let mut cells = vec![None; columns.len()];
    while let Some(text) = lines.next().map_err(|e| ImportError::io(path, e))? {
        let read = match text {
            Line::TooLong => Err(too_long()),
            Line::Text(text) if text.trim().is_empty() => continue,
            Line::Text(text) => json_cells(&text, columns, &mut cells),
        };
        take(lines.number(), read.map(|()| &cells[..]))?;
    }
    Ok(())
}

fn json_cells(text: &str, columns: &[Column], cells: &mut [Option<String>]) -> Result<(), String> {
    type Object = serde_json::Map<String, serde_json::Value>;
    use serde_json::Value;
    let object = serde_json::from_str::<Object>(text);
    let object = object.map_err(|e| format!("not a JSON object ({e}): {}", shortened(text)))?;
    for (cell, column) in cells.iter_mut().zip(columns) {
        *cell = None;
        for name in &column.names {
            *cell = match object.get(name) {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) => cell_of(text),
                Some(Value::Number(number)) => Some(number.to_string()),
                Some(_) => return Err(format!("`{name}` is neither a text nor a number")),
            };
            if cell.is_some() {
                break;
            }
        }
    }
    Ok(())
}

fn parquet_rows(path: &Path, columns: &[Column], take: &mut Take<'_>) -> Result<(), ImportError> {
    let reader = TextReader::open(path)?;
    let names: Vec<&str> = reader.columns().iter().map(String::as_str).collect();
    let places = places(columns, &names).map_err(missing(path, &names))?;
    let wanted: Vec<usize> = places.iter().flatten().copied().collect();
    let mut rows = reader.rows(&wanted)?;
    let mut line = 0;
    let mut cells = vec![None; columns.len()];
    while let Some(batch) = rows.next_rows()? {
        for row in 0..batch.rows() {
            line += 1;
            let mut wanted = 0..;
            for (cell, alternatives) in cells.iter_mut().zip(&places) {
                let texts = wanted.by_ref().take(alternatives.len());
                let texts: Vec<_> = texts.filter_map(|at| batch.text(at, row)).collect();
                *cell = texts.into_iter().find_map(cell_of);
            }
            take(line, Ok(&cells))?;
        }
    }
    Ok(())
}

/// For each column, where its names are among `names`; or a column that must be there and is not.
fn places<'a>(columns: &'a [Column], names: &[&str]) -> Result<Vec<Vec<usize>>, &'a Column> {
    let place = |column: &'a Column| {
        let of = |name: &String| names.iter().position(|n| n.eq_ignore_ascii_case(name));
        let places: Vec<usize> = column.names.iter().filter_map(of).collect();
        match places.is_empty() && column.required {
            true => Err(column),
            false => Ok(places),
        }
    };
    columns.iter().map(place).collect()
}

fn missing<'a>(path: &'a Path, names: &'a [&str]) -> impl Fn(&Column) -> ImportError + 'a {
    move |column| {
        let found: Vec<String> = names
            .iter()
            .take(NAMED)
            .map(|name| shortened(name))
            .collect();
        ImportError::MissingColumn {
            path: path.display().to_string(),
            column: column.shown(),
            found: found.join(", "),
        }
    }
}

/// What a cell says; nothing where it is empty or holds the dash that logs write for nothing.
fn cell_of(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && text != "-").then(|| text.to_owned())
}

fn unclosed(lines: &Lines) -> String {
    format!("its quote is not closed by line {}", lines.number())
}

fn too_long() -> String {
    format!("longer than {MAX_LINE} bytes")
}
