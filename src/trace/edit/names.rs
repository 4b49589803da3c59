//! Names of sessions that are used once.

use std::collections::HashSet;

use crate::trace::TraceError;
use crate::trace::check::short_hash;
use crate::trace::model::SessionRow;
use crate::trace::stream::Bundle;
use crate::trace::tables::open_table;

/// Longest name that is given a number, so that the whole fits the format's 256 bytes.
const MAX_STEM_BYTES: usize = 240;

/// Names that are taken, each as its short hash.
#[derive(Default)]
pub(super) struct Names(HashSet<[u8; 16]>);

impl Names {
    /// Those of all sessions of a bundle.
    ///
    /// # Errors
    /// A damaged table.
    pub(super) fn of(bundle: &Bundle) -> Result<Names, TraceError> {
        let mut names = Names::default();
        let mut sessions = open_table::<SessionRow>(&bundle.dir)?;
        while let Some(rows) = sessions.next_rows()? {
            names
                .0
                .extend(rows.iter().map(|row| short_hash(&row.session_id)));
        }
        Ok(names)
    }

    /// `wanted`, or where that is taken the first free of `wanted-2`, `wanted-3` and so on; taken
    /// from now on.
    pub(super) fn take(&mut self, wanted: &str) -> String {
        if self.0.insert(short_hash(wanted)) {
            return wanted.to_owned();
        }
        let stem = &wanted[..wanted.floor_char_boundary(MAX_STEM_BYTES)];
        let numbered = (2_u64..).map(|number| format!("{stem}-{number}"));
        numbered
            .into_iter()
            .find(|name| self.0.insert(short_hash(name)))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_name_gets_the_next_free_number_and_stays_short_enough() {
        let mut names = Names::default();
        let taken = ["a", "a-2", "a", "a", "b"].map(|name| names.take(name));
        assert_eq!(taken, ["a", "a-2", "a-3", "a-4", "b"]);
        let long = "ä".repeat(128);
        assert_eq!(names.take(&long), long);
        let numbered = names.take(&long);
        assert!(numbered.ends_with("-2") && numbered.len() <= 256);
    }
}
