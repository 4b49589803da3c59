//! Columns of any Parquet file as text: for tables whose columns and types are not ours.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_array::{Array, ArrayRef, StringArray};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::errors::ParquetError;

use super::batches::Batches;
use super::failure::{guarded, io_error, parquet_error};
use super::file::metadata_of;
use super::values::text_of;
use super::{Row, TableError};

/// Rows that are read at a time.
const BATCH_ROWS: usize = 8192;

/// Reads columns of one Parquet file as text, a batch at a time.
pub struct TextReader {
    path: PathBuf,
    file: File,
    metadata: ArrowReaderMetadata,
    columns: Vec<String>,
}

impl TextReader {
    /// Opens `path`.
    ///
    /// # Errors
    /// A file that is not there or not Parquet.
    pub fn open(path: &Path) -> Result<TextReader, TableError> {
        let file = File::open(path).map_err(io_error(path))?;
        let metadata = metadata_of(path, &file)?;
        let fields = metadata.schema().fields();
        let columns = fields.iter().map(|field| field.name().clone()).collect();
        Ok(TextReader {
            path: path.to_owned(),
            file,
            metadata,
            columns,
        })
    }

    /// The names of its columns.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The rows, with the columns at `wanted` among [`TextReader::columns`].
    ///
    /// # Errors
    /// Damaged data.
    pub fn rows(self, wanted: &[usize]) -> Result<TextRows, TableError> {
        let (path, schema) = (self.path, self.metadata.schema());
        let types = wanted.iter().map(|&at| schema.field(at).data_type());
        if let Some(nested) = types.into_iter().find(|kind| kind.is_nested()) {
            return Err(parquet_error(&path)(no_text(nested)));
        }
        let batches = Batches::open(&path, self.file, &self.metadata, wanted, BATCH_ROWS)?;
        let places = wanted.iter().map(|&at| self.columns[at].clone()).collect();
        Ok(TextRows {
            path,
            wanted: places,
            batches,
        })
    }
}

/// The rows of a [`TextReader`].
pub struct TextRows {
    path: PathBuf,
    wanted: Vec<String>,
    batches: Batches,
}

impl TextRows {
    /// The next rows, or `None` at the end: for each wanted column its texts.
    ///
    /// # Errors
    /// Damaged data, or a column that has no text, such as one of lists.
    pub fn next_rows(&mut self) -> Result<Option<TextBatch>, TableError> {
        let Some((batch, _)) = self.batches.next()? else {
            return Ok(None);
        };
        let (path, wanted) = (&self.path, &self.wanted);
        guarded(path, || {
            let column = |name: &String| {
                let column = batch
                    .column_by_name(name)
                    .ok_or_else(|| ParquetError::General(format!("column `{name}` is missing")));
                let text = column
                    .and_then(|column| text_of(column).ok_or_else(|| no_text(column.data_type())));
                text.map_err(parquet_error(path))
            };
            let columns = wanted.iter().map(column).collect::<Result<_, _>>()?;
            Ok(Some(TextBatch {
                rows: batch.num_rows(),
                columns,
            }))
        })
    }
}

/// Some rows of the wanted columns.
pub struct TextBatch {
    rows: usize,
    columns: Vec<StringArray>,
}

/// The rows of a table of ours as text, all columns in their order.
#[must_use]
pub fn texts<R: Row>(rows: &[R]) -> TextBatch {
    let columns = R::arrays(rows);
    let text =
        |column: &ArrayRef| text_of(column).unwrap_or_else(|| StringArray::new_null(rows.len()));
    TextBatch {
        rows: rows.len(),
        columns: columns.iter().map(text).collect(),
    }
}

impl TextBatch {
    /// How many columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    /// How many rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// What column `column` of the wanted ones holds in `row`.
    #[must_use]
    pub fn text(&self, column: usize, row: usize) -> Option<&str> {
        let texts = self.columns.get(column)?;
        (row < texts.len() && texts.is_valid(row)).then(|| texts.value(row))
    }
}

fn no_text(kind: &DataType) -> ParquetError {
    ParquetError::General(format!("{kind} has no plain text, or not each value has"))
}
