//! Merges sorted files of rows into one, a few rows of each in memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};

use super::row::{MessageRow, RequestRow, SessionRow, StartedRow, TimelineRow};
use crate::table::{ROW_GROUP_ROWS, Reader, Row, TableError, Writer};

/// Rows read ahead from each file while merging.
const MERGE_BATCH_ROWS: usize = 256;

/// A row that has an order in its finished table.
pub(super) trait Ordered: Row {
    fn key(&self) -> (i64, u32);
}

impl Ordered for RequestRow {
    fn key(&self) -> (i64, u32) {
        (self.intended_start_ns, self.turn)
    }
}

impl Ordered for SessionRow {
    fn key(&self) -> (i64, u32) {
        (self.planned_start_ns, self.copy)
    }
}

impl Ordered for TimelineRow {
    fn key(&self) -> (i64, u32) {
        (self.second_ns, 0)
    }
}

impl Ordered for MessageRow {
    fn key(&self) -> (i64, u32) {
        let at_ns = self.sent_ns.or(self.received_ns);
        (at_ns.unwrap_or_default(), self.seq)
    }
}

impl Ordered for StartedRow {
    fn key(&self) -> (i64, u32) {
        (self.started_ns, self.turn)
    }
}

/// Merges sorted files into one.
pub(super) fn merge<R: Ordered>(
    parts: &[PathBuf],
    to: &Path,
    notes: &[(String, String)],
) -> Result<(), TableError> {
    let mut readers = Vec::new();
    let mut heads: Vec<std::vec::IntoIter<R>> = Vec::new();
    let mut next = BinaryHeap::new();
    let mut waiting: Vec<Option<R>> = Vec::new();
    for part in parts {
        readers.push(Reader::<R>::open_with(part, MERGE_BATCH_ROWS)?);
        heads.push(Vec::new().into_iter());
        waiting.push(None);
    }
    let mut pull = |k: usize| -> Result<Option<R>, TableError> {
        loop {
            if let Some(row) = heads[k].next() {
                return Ok(Some(row));
            }
            match readers[k].next_rows()? {
                Some(rows) => heads[k] = rows.into_iter(),
                None => return Ok(None),
            }
        }
    };
    for (k, slot) in waiting.iter_mut().enumerate() {
        *slot = pull(k)?;
        if let Some(row) = slot {
            next.push(Reverse((row.key(), k)));
        }
    }
    let mut writer = Writer::create(to, ROW_GROUP_ROWS, notes)?;
    let mut out = Vec::new();
    while let Some(Reverse((_, k))) = next.pop() {
        out.extend(waiting[k].take());
        waiting[k] = pull(k)?;
        if let Some(row) = &waiting[k] {
            next.push(Reverse((row.key(), k)));
        }
        if out.len() >= 8192 {
            writer.write(&out)?;
            out.clear();
        }
    }
    writer.write(&out)?;
    writer.close()
}
