//! Journals as they were written before format 2.0.

use std::fs;
use std::path::Path;

use arrow_ipc::writer::StreamWriter;
use arrow_schema::Schema;

use crate::table::{Row, to_batch};
use crate::trace::journal::sum::hash_at;
use crate::trace::journal::{JournalKind, JournalRow, Recording};

/// Writes the stream of a journal, a batch each of `batches`.
pub(crate) fn write(path: &Path, recording: &Recording, batches: &[Vec<JournalRow>]) {
    let fields = JournalRow::schema().fields().clone();
    let recording = serde_json::to_string(recording).unwrap();
    let metadata = [
        ("voicelt.journal_format".to_owned(), "1.0".to_owned()),
        ("voicelt.recording".to_owned(), recording),
    ];
    let schema = Schema::new_with_metadata(fields.clone(), metadata);
    let columns: Vec<usize> = (0..fields.len() - 1).collect();
    let schema = schema.project(&columns).unwrap();
    let mut encoder = StreamWriter::try_new(Vec::new(), &schema).unwrap();
    for rows in batches {
        let at = encoder.get_ref().len() as u64;
        let sum = JournalRow {
            text: Some(hash_at(rows, at)),
            ..JournalRow::new(0, 0, JournalKind::Sum)
        };
        let all: Vec<_> = rows.iter().cloned().chain([sum]).collect();
        let batch = to_batch(&all).project(&columns).unwrap();
        encoder.write(&batch).unwrap();
    }
    fs::write(path, encoder.get_ref()).unwrap();
}
