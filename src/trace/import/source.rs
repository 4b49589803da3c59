//! The columns of a table as text, row by row, whatever kind of file it is.

use std::borrow::Cow;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use super::ImportError;
use super::lines::{Line, Lines, text_of, too_long};
use super::mapping::{Column, Headerless, Kind};
use super::objects::Objects;
use super::records::Records;
use super::sniff::{self, Shape};
use crate::table::TextReader;
use crate::units::plain;

/// Columns that are named where one is missing.
const NAMED: usize = 30;
/// What may separate the fields of a CSV file: the first under which its columns are found does.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

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
    (&mut file)
        .take(sniff::FIRST)
        .read_to_end(&mut first)
        .map_err(io)?;
    file.rewind().map_err(io)?;
    let shape = sniff::shape(&first).map_err(|(found, advice)| ImportError::NoText {
        path: path.display().to_string(),
        found,
        advice,
    })?;
    match (kind, shape) {
        (Kind::Any, Shape::Parquet) => parquet_rows(path, columns, take),
        (_, Shape::Parquet) => Err(ImportError::Kind {
            path: path.display().to_string(),
            found: "a Parquet file",
            format,
            expected: "text",
        }),
        (Kind::JsonLines | Kind::Any, Shape::Objects) => object_rows(path, file, columns, take),
        (Kind::JsonLines, _) | (Kind::Any, Shape::Lines) => json_rows(path, file, columns, take),
        (Kind::Any, Shape::Text) => csv_rows(path, (file, &first), None, columns, take),
        (Kind::Csv(headerless), _) => csv_rows(path, (file, &first), headerless, columns, take),
    }
}

/// Rows of a file that begins with `first`. Where they are `headerless`, each must be such a row until one is.
fn csv_rows(
    path: &Path,
    (file, first): (File, &[u8]),
    headerless: Option<Headerless>,
    columns: &[Column],
    take: &mut Take<'_>,
) -> Result<(), ImportError> {
    let order =
        |fields: &[Cow<'_, str>]| headerless.and_then(|headerless| (headerless.order)(fields));
    let separator = separator(first, |fields| {
        places(columns, fields).is_ok() || order(fields).is_some()
    });
    let mut records = Records::new(file, separator);
    let mut header: Option<Vec<Vec<usize>>> = None;
    let mut unknown = None;
    let mut cells = vec![None; columns.len()];
    while let Some((line, read)) = records.next().map_err(|e| ImportError::io(path, e))? {
        if let Err(reason) = read {
            take(line, Err(reason))?;
            continue;
        }
        let indices = match &header {
            Some(indices) => indices,
            None => {
                let fields = records.fields();
                match (places(columns, &fields), order(&fields), headerless) {
                    (Ok(indices), ..) => {
                        let width = fields.len()
                            - fields
                                .iter()
                                .rev()
                                .take_while(|name| name.trim().is_empty())
                                .count();
                        records.expect(width..=width, "the header");
                        header = Some(indices);
                        continue;
                    }
                    (Err(_), Some(order), _) => {
                        let width = order.least..=fields.len().max(order.columns.len());
                        let names: Vec<_> = order
                            .columns
                            .iter()
                            .map(|&name| Cow::Borrowed(name))
                            .collect();
                        let places = places(columns, &names)
                            .map_err(|column| missing(path, column, &fields, separator, None))?;
                        records.expect(width, "such rows");
                        header.insert(places)
                    }
                    (Err(column), None, None) => {
                        return Err(missing(path, column, &fields, separator, None));
                    }
                    (Err(column), None, Some(headerless)) => {
                        unknown.get_or_insert_with(|| {
                            missing(path, column, &fields, separator, Some(headerless))
                        });
                        take(line, Err(headerless.otherwise.to_owned()))?;
                        continue;
                    }
                }
            }
        };
        for (cell, alternatives) in cells.iter_mut().zip(indices) {
            let mut texts = alternatives.iter().filter_map(|&at| records.field(at));
            *cell = texts.find_map(|text| cell_of(&text));
        }
        take(line, Ok(&cells))?;
    }
    match (header, unknown) {
        (None, Some(unknown)) => Err(unknown),
        _ => Ok(()),
    }
}

/// What separates the fields of a file that begins with `first`: that with which its first record `is_known`, or else
/// that which makes the most fields.
fn separator(first: &[u8], is_known: impl Fn(&[Cow<'_, str>]) -> bool) -> u8 {
    let fields = SEPARATORS.map(|separator| {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator)
            .from_reader(first);
        let mut record = csv::ByteRecord::new();
        // Text in memory can be read, and flexible records may have any length.
        let _ = reader.read_byte_record(&mut record);
        let fields = record
            .iter()
            .map(|field| Cow::Owned(text_of(field).into_owned()));
        fields.collect::<Vec<Cow<'_, str>>>()
    });
    let mut most = 0;
    for (at, fields_of) in fields.iter().enumerate() {
        if is_known(fields_of) {
            return SEPARATORS[at];
        }
        if fields_of.len() > fields[most].len() {
            most = at;
        }
    }
    SEPARATORS[most]
}

fn json_rows(
    path: &Path,
    file: File,
    columns: &[Column],
    take: &mut Take<'_>,
) -> Result<(), ImportError> {
    let mut lines = Lines::new(file);
    let mut cells = vec![None; columns.len()];
    while let Some((number, line)) = lines.next().map_err(|e| ImportError::io(path, e))? {
        let read = match line {
            Line::TooLong => Err(too_long()),
            Line::Bytes(bytes) if bytes.trim_ascii().is_empty() => continue,
            Line::Bytes(bytes) => json_cells(bytes, columns, &mut cells),
        };
        take(number, read.map(|()| &cells[..]))?;
    }
    Ok(())
}

fn object_rows(
    path: &Path,
    file: File,
    columns: &[Column],
    take: &mut Take<'_>,
) -> Result<(), ImportError> {
    let mut objects = Objects::new(file);
    let mut cells = vec![None; columns.len()];
    while let Some((line, object)) = objects.next().map_err(|e| ImportError::io(path, e))? {
        let read = object.and_then(|bytes| json_cells(bytes, columns, &mut cells));
        take(line, read.map(|()| &cells[..]))?;
    }
    Ok(())
}

fn json_cells(
    bytes: &[u8],
    columns: &[Column],
    cells: &mut [Option<String>],
) -> Result<(), String> {
    type Object = serde_json::Map<String, serde_json::Value>;
    use serde_json::Value;
    let text = text_of(bytes);
    let object = serde_json::from_str::<Object>(&text);
    let object = object.map_err(|e| format!("not a JSON object ({e}): {}", shortened(&text)))?;
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
    let names = reader.columns().iter();
    let names: Vec<_> = names.map(|name| Cow::Owned(name.clone())).collect();
    let places =
        places(columns, &names).map_err(|column| missing(path, column, &names, b',', None))?;
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
fn places<'a>(
    columns: &'a [Column],
    names: &[Cow<'_, str>],
) -> Result<Vec<Vec<usize>>, &'a Column> {
    let place = |column: &'a Column| {
        let of = |name: &String| {
            names
                .iter()
                .position(|n| n.trim().eq_ignore_ascii_case(name))
        };
        let places: Vec<usize> = column.names.iter().filter_map(of).collect();
        match places.is_empty() && column.required {
            true => Err(column),
            false => Ok(places),
        }
    };
    columns.iter().map(place).collect()
}

fn missing(
    path: &Path,
    column: &Column,
    names: &[Cow<'_, str>],
    separator: u8,
    headerless: Option<Headerless>,
) -> ImportError {
    let found = names.iter().take(NAMED).map(|name| shortened(name.trim()));
    ImportError::MissingColumn {
        path: path.display().to_string(),
        column: column.shown(),
        separated: match separator {
            b',' => "",
            b'\t' => ", separated by tabs,",
            b'|' => ", separated by `|`,",
            _ => ", separated by `;`,",
        },
        found: found.collect::<Vec<_>>().join(", "),
        advice: headerless.map_or("", |headerless| headerless.advice),
    }
}

/// What a cell says; nothing where it is empty or holds the dash that logs write for nothing.
fn cell_of(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && text != "-").then(|| text.to_owned())
}

/// The beginning of a text that may be of any length, on one line.
pub(super) fn shortened(text: &str) -> String {
    const SHOWN: usize = 60;
    let shown: String = text.chars().take(SHOWN).collect();
    let shown = plain(&shown);
    match text.chars().nth(SHOWN) {
        Some(_) => format!("{shown}…"),
        None => shown.into_owned(),
    }
}
