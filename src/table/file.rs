//! Parquet files of rows: written in bounded row groups, read batch by batch.

use std::fs::File;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use arrow_schema::{DataType, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::batches::Batches;
use super::failure::{guarded, io_error, parquet_error};
use super::{MAX_TABLE_BYTES, Row, TableError, to_batch};

/// Rows that are turned into columns, and back, at a time.
const BATCH_ROWS: usize = 8192;

/// Writes rows to one Parquet file, zstd-compressed.
pub struct Writer<R> {
    path: PathBuf,
    inner: ArrowWriter<File>,
    rows: PhantomData<R>,
}

impl<R: Row> Writer<R> {
    /// Creates `path` (an existing file is replaced) with the key-values `notes` in its footer.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn create(
        path: &Path,
        row_group_rows: usize,
        notes: &[(String, String)],
    ) -> Result<Self, TableError> {
        let file = File::create(path).map_err(io_error(path))?;
        let notes = notes
            .iter()
            .map(|(k, v)| KeyValue::new(k.clone(), v.clone()))
            .collect();
        let schema = R::schema();
        // No two instants are alike: to look for each in a dictionary is half of what a row costs.
        let instants = schema.fields().iter();
        let instants = instants.filter(|field| *field.data_type() == DataType::Int64);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(row_group_rows))
            .set_key_value_metadata(Some(notes));
        let properties = instants.fold(properties, |properties, field| {
            let column = ColumnPath::from(field.name().as_str());
            properties.set_column_dictionary_enabled(column, false)
        });
        let inner = ArrowWriter::try_new(file, schema, Some(properties.build()))
            .map_err(parquet_error(path))?;
        Ok(Writer {
            path: path.to_owned(),
            inner,
            rows: PhantomData,
        })
    }

    /// Appends `rows`.
    ///
    /// # Errors
    /// The system's or the library's, with the path.
    pub fn write(&mut self, rows: &[R]) -> Result<(), TableError> {
        self.inner
            .write(&to_batch(rows))
            .map_err(parquet_error(&self.path))
    }

    /// Writes the footer and waits until the file is on the disk.
    ///
    /// # Errors
    /// The system's or the library's, with the path.
    pub fn close(self) -> Result<(), TableError> {
        let file = self.inner.into_inner().map_err(parquet_error(&self.path))?;
        file.sync_all().map_err(io_error(&self.path))
    }
}

/// Reads the rows of one Parquet file, a batch at a time.
pub struct Reader<R> {
    path: PathBuf,
    notes: Vec<(String, String)>,
    rows: u64,
    /// What the rows take in memory that were read so far.
    bytes: u64,
    batches: Batches,
    kind: PhantomData<R>,
}

impl<R: Row> Reader<R> {
    /// Opens `path`.
    ///
    /// # Errors
    /// A file that is not there or not Parquet.
    pub fn open(path: &Path) -> Result<Self, TableError> {
        Self::open_with(path, BATCH_ROWS)
    }

    /// Like [`Reader::open`], reading so many rows at a time.
    ///
    /// # Errors
    /// As for [`Reader::open`].
    pub fn open_with(path: &Path, batch_rows: usize) -> Result<Self, TableError> {
        let file = File::open(path).map_err(io_error(path))?;
        let metadata = metadata_of(path, &file)?;
        let footer = metadata.metadata().file_metadata();
        let notes = footer.key_value_metadata().into_iter().flatten();
        let notes = notes.map(|n| (n.key.clone(), n.value.clone().unwrap_or_default()));
        let wanted = places::<R>(metadata.schema()).map_err(in_file(path))?;
        Ok(Reader {
            path: path.to_owned(),
            notes: notes.collect(),
            rows: u64::try_from(footer.num_rows()).unwrap_or(0),
            bytes: 0,
            batches: Batches::open(path, file, &metadata, &wanted, batch_rows)?,
            kind: PhantomData,
        })
    }

    /// The value of the footer's key `name`.
    #[must_use]
    pub fn note(&self, name: &str) -> Option<&str> {
        self.notes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// How many rows the footer promises.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The next rows, or `None` at the end.
    ///
    /// # Errors
    /// Damaged data, or a column that does not fit the table.
    pub fn next_rows(&mut self) -> Result<Option<Vec<R>>, TableError> {
        let Some((batch, text_bytes)) = self.batches.next()? else {
            return Ok(None);
        };
        let mut rows = Vec::new();
        guarded(&self.path, || {
            R::read(&batch, &mut rows).map_err(in_file(&self.path))
        })?;
        self.bytes += size_of_val(&rows[..]) as u64 + text_bytes;
        Ok(Some(rows))
    }

    /// The same, unless its rows take more memory than a table may, of each of which so many bytes are kept.
    ///
    /// # Errors
    /// [`TableError::TooLarge`].
    pub fn within_memory(self, bytes_a_row: usize) -> Result<Self, TableError> {
        match self.rows.saturating_mul(bytes_a_row as u64) {
            bytes if bytes > MAX_TABLE_BYTES => Err(self.too_large(bytes)),
            _ => Ok(self),
        }
    }

    fn too_large(&self, bytes: u64) -> TableError {
        TableError::TooLarge {
            path: self.path.display().to_string(),
            what: "rows",
            bytes,
            limit: MAX_TABLE_BYTES,
        }
    }

    /// All rows that are left.
    ///
    /// # Errors
    /// As for [`Reader::next_rows`], and rows that take more memory than a table may.
    pub fn all(self) -> Result<Vec<R>, TableError> {
        let mut reader = self.within_memory(size_of::<R>())?;
        let mut all = Vec::with_capacity(usize::try_from(reader.rows).unwrap_or(0));
        while let Some(rows) = reader.next_rows()? {
            if reader.bytes > MAX_TABLE_BYTES {
                return Err(reader.too_large(reader.bytes));
            }
            all.extend(rows);
        }
        Ok(all)
    }
}

/// All rows of `path`.
///
/// # Errors
/// As for [`Reader::open`] and [`Reader::all`].
pub fn read_all<R: Row>(path: &Path) -> Result<Vec<R>, TableError> {
    Reader::<R>::open(path)?.all()
}

/// Writes all of `rows` to `path`.
///
/// # Errors
/// As for [`Writer`].
pub fn write_all<R: Row>(
    path: &Path,
    row_group_rows: usize,
    notes: &[(String, String)],
    rows: &[R],
) -> Result<(), TableError> {
    let mut writer = Writer::create(path, row_group_rows, notes)?;
    for part in rows.chunks(BATCH_ROWS) {
        writer.write(part)?;
    }
    writer.close()
}

/// The BLAKE3 of the file `path`, in hex.
///
/// # Errors
/// The system's.
pub fn blake3_of(path: &Path) -> std::io::Result<String> {
    let mut hash = blake3::Hasher::new();
    hash.update_reader(File::open(path)?)?;
    Ok(hash.finalize().to_hex().to_string())
}

/// The footer of the Parquet file `path`.
pub(super) fn metadata_of(path: &Path, file: &File) -> Result<ArrowReaderMetadata, TableError> {
    guarded(path, || {
        ArrowReaderMetadata::load(file, ArrowReaderOptions::default()).map_err(parquet_error(path))
    })
}

/// Where the columns of a table are among the fields of `schema`, as far as they are there.
fn places<R: Row>(schema: &Schema) -> Result<Vec<usize>, TableError> {
    let mut places = Vec::new();
    for column in R::columns() {
        let Some((place, field)) = schema.column_with_name(column.name) else {
            continue;
        };
        if field.data_type().is_nested() {
            return Err(TableError::Type {
                column: column.name,
                found: field.data_type().clone(),
                expected: column.data_type,
            });
        }
        places.push(place);
    }
    Ok(places)
}

/// Names the file that is wrong.
fn in_file(path: &Path) -> impl Fn(TableError) -> TableError {
    let path = path.display().to_string();
    move |source| TableError::InFile {
        path: path.clone(),
        source: Box::new(source),
    }
}
