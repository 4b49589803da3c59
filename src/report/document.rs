//! A report as a list of blocks: what is said and in which order, in no format's words. Sections make
//! them once; `text`, `markdown` and `html` write them.

use super::chart::{Chart, Ink};
use crate::units::Human;
use crate::units::terminal::Tone;

/// Words, and how they are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    /// Any text; writers make it safe.
    pub(super) text: String,
    pub(super) tone: Tone,
}

impl Words {
    pub(super) fn new(tone: Tone, text: impl Into<String>) -> Words {
        let text = text.into();
        Words { text, tone }
    }
}

impl<T: Into<String>> From<T> for Words {
    fn from(text: T) -> Words {
        Words::new(Tone::Plain, text)
    }
}

/// A piece of a report.
#[derive(Debug, Clone)]
pub(super) enum Block {
    /// What the report is about: its kind, its name, facts, and labels that somebody gave it.
    Title {
        kind: &'static str,
        name: String,
        facts: Vec<String>,
        labels: Vec<String>,
    },
    /// Begins a part.
    Heading(&'static str),
    /// A label, what is said under it in a line, and a list of points.
    Line {
        label: &'static str,
        items: Vec<Words>,
        points: Vec<Words>,
    },
    /// A sentence about what is above it.
    Note(Words),
    /// Something that is likely wrong, what shows it, and what to do.
    Finding {
        title: String,
        evidence: String,
        advice: String,
    },
    /// Rows and columns.
    Table(Table),
    /// Figures in large type, for pages: tables have them too. Each is a name, a figure and a note.
    Cards(Vec<[String; 3]>),
    /// Pictures side by side, for pages: what is to be known of them is in blocks too.
    Figures(Vec<Figure>),
    /// Things side by side, each with its name, for pages.
    Articles(Vec<(String, Vec<Block>)>),
    /// What a page folds away, under its name, and a terminal leaves out.
    Details(&'static str, Vec<Block>),
}

impl Block {
    /// A label and what is said under it.
    pub(super) fn line(label: &'static str, items: Vec<Words>) -> Block {
        Block::points(label, items, Vec::new())
    }

    /// A label, what is said under it, and points.
    pub(super) fn points(label: &'static str, items: Vec<Words>, points: Vec<Words>) -> Block {
        Block::Line {
            label,
            items,
            points,
        }
    }

    /// A sentence in the background.
    pub(super) fn note(text: impl Into<String>) -> Block {
        Block::Note(Words::new(Tone::Faint, text))
    }
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// A name: on the left.
    Name(&'static str),
    /// A figure: on the right.
    Figure(&'static str),
    /// Words, which may take several lines: on the left.
    Sentence(&'static str),
}

impl Column {
    /// What is written above it.
    pub(super) fn head(self) -> &'static str {
        match self {
            Column::Name(head) | Column::Figure(head) | Column::Sentence(head) => head,
        }
    }
}

/// Rows and columns; the first column names the row.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<Words>>,
}

impl Table {
    /// A table of these columns.
    pub(super) fn of(columns: &[Column], rows: impl IntoIterator<Item = Vec<Words>>) -> Table {
        Table {
            columns: columns.to_vec(),
            rows: rows.into_iter().collect(),
        }
    }

    /// A table of a name and figures under these heads.
    pub(super) fn figures(
        heads: impl IntoIterator<Item = &'static str>,
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> Table {
        let mut columns: Vec<_> = heads.into_iter().map(Column::Figure).collect();
        if let Some(first) = columns.first_mut() {
            *first = Column::Name(first.head());
        }
        let rows = rows.into_iter();
        let rows = rows.map(|row| row.into_iter().map(Words::from).collect());
        Table::of(&columns, rows)
    }

    /// The table as a block; none where it has no rows.
    pub(super) fn block(self) -> Option<Block> {
        (!self.rows.is_empty()).then_some(Block::Table(self))
    }
}

/// A chart, what its inks are, a sentence about it, and its figures.
#[derive(Debug, Clone)]
pub(super) struct Figure {
    pub(super) chart: Chart,
    pub(super) legend: Vec<(Ink, String)>,
    pub(super) note: String,
    pub(super) table: Table,
}

/// A length of time that may not be known.
pub(super) fn human(ns: Option<i64>) -> String {
    ns.map_or_else(|| "–".to_owned(), |ns| Human(ns).to_string())
}
