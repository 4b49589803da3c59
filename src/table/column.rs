//! What a column of a table is.

use arrow_schema::DataType;

/// What one column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name in the file.
    pub name: &'static str,
    /// Its Arrow type.
    pub data_type: DataType,
    /// Whether a row may lack it.
    pub nullable: bool,
    /// The unit of its values, empty where there is none.
    pub unit: &'static str,
    /// Its definition; that of a nullable column ends in `; null when …`.
    pub description: &'static str,
    /// The names that it may hold; empty where it holds anything else.
    pub names: &'static [&'static str],
}

impl Column {
    /// What the column holds.
    #[must_use]
    pub fn definition(&self) -> &'static str {
        let split = self.description.split_once(NULL_CLAUSE);
        split.map_or(self.description.trim_end_matches('.'), |(what, _)| what)
    }

    /// When a row lacks it, such as `when none came`; `None` for a column that every row has.
    #[must_use]
    pub fn null_meaning(&self) -> Option<&'static str> {
        let split = self.description.split_once(NULL_CLAUSE);
        split.map(|(_, when)| when.trim_end_matches('.'))
    }
}

/// What begins the clause of a description that says when a row lacks the column.
const NULL_CLAUSE: &str = "; null ";
