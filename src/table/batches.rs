//! Batches of columns of a Parquet file, within bounds of memory whatever the file holds. Texts are read as views, so
//! that a text which stands in a million rows is in memory once.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};

use super::TableError;
use super::failure::{guarded, parquet_error};
use super::pages::rows_at_a_time;

/// Most bytes of texts in a batch, unless one row has more.
const MAX_TEXT: u64 = 32 * 1024 * 1024;
/// Most bytes of texts in a row.
const MAX_ROW_TEXT: u64 = 128 * 1024 * 1024;
/// What a text takes beyond its bytes.
const OVERHEAD: u64 = 16;

/// The rows of some columns of a file.
pub(super) struct Batches {
    path: PathBuf,
    inner: ParquetRecordBatchReader,
    /// What is left of the batch that was read last.
    rest: Option<RecordBatch>,
}

impl Batches {
    /// The columns at `wanted` among the fields of the schema, at most so many rows at a time.
    ///
    /// # Errors
    /// Damaged pages, or such as are too large.
    pub(super) fn open(
        path: &Path,
        file: File,
        metadata: &ArrowReaderMetadata,
        wanted: &[usize],
        most_rows: usize,
    ) -> Result<Batches, TableError> {
        guarded(path, || {
            let schema = metadata.parquet_schema();
            let leaves = 0..schema.num_columns();
            let leaves: Vec<usize> = leaves
                .filter(|&leaf| wanted.contains(&schema.get_column_root_idx(leaf)))
                .collect();
            let rows = rows_at_a_time(path, &file, metadata.metadata(), &leaves)?;
            let mask = ProjectionMask::leaves(schema, leaves);
            let options =
                ArrowReaderOptions::new().with_schema(Arc::new(viewed(metadata.schema())));
            let metadata = ArrowReaderMetadata::try_new(metadata.metadata().clone(), options)
                .map_err(parquet_error(path))?;
            let inner = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
                .with_projection(mask)
                .with_batch_size(rows.min(most_rows))
                .build()
                .map_err(parquet_error(path))?;
            Ok(Batches {
                path: path.to_owned(),
                inner,
                rest: None,
            })
        })
    }

    /// The next rows and what their texts take in memory, or `None` at the end.
    ///
    /// # Errors
    /// Damaged data, or a row that is too long.
    pub(super) fn next(&mut self) -> Result<Option<(RecordBatch, u64)>, TableError> {
        let (path, inner) = (&self.path, &mut self.inner);
        let batch = match self.rest.take() {
            Some(rest) => rest,
            None => {
                let next = guarded(path, || {
                    let next = inner.next().transpose();
                    next.map_err(|reason| parquet_error(path)(reason.into()))
                })?;
                match next {
                    Some(batch) => batch,
                    None => return Ok(None),
                }
            }
        };
        let (rows, bytes) = self.fitting(&batch)?;
        if rows < batch.num_rows() {
            self.rest = Some(batch.slice(rows, batch.num_rows() - rows));
        }
        Ok(Some((batch.slice(0, rows), bytes)))
    }

    /// How many rows of `batch` have texts that fit, and the bytes of those.
    fn fitting(&self, batch: &RecordBatch) -> Result<(usize, u64), TableError> {
        let lengths: Vec<&[u128]> = batch
            .columns()
            .iter()
            .filter_map(|column| views(column))
            .collect();
        let mut bytes = 0;
        for row in 0..batch.num_rows() {
            // The lower half of a view begins with the length.
            let of_row = lengths
                .iter()
                .map(|views| u64::from(views[row] as u32) + OVERHEAD);
            let of_row: u64 = of_row.sum();
            if of_row > MAX_ROW_TEXT {
                return Err(TableError::TooLarge {
                    path: self.path.display().to_string(),
                    what: "texts of a row",
                    bytes: of_row,
                    limit: MAX_ROW_TEXT,
                });
            }
            if row > 0 && bytes + of_row > MAX_TEXT {
                return Ok((row, bytes));
            }
            bytes += of_row;
        }
        Ok((batch.num_rows(), bytes))
    }
}

/// The views of a column of texts.
fn views(column: &dyn Array) -> Option<&[u128]> {
    match column.data_type() {
        DataType::Utf8View => Some(column.as_string_view().views()),
        DataType::BinaryView => Some(column.as_binary_view().views()),
        _ => None,
    }
}

/// The schema with views for texts, those of dictionaries too.
fn viewed(schema: &Schema) -> Schema {
    fn view_of(kind: &DataType) -> DataType {
        match kind {
            DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
            DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
            DataType::Dictionary(_, values) => view_of(values),
            other => other.clone(),
        }
    }
    let fields = schema.fields().iter();
    let fields = fields.map(|field| {
        field
            .as_ref()
            .clone()
            .with_data_type(view_of(field.data_type()))
    });
    Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone())
}
