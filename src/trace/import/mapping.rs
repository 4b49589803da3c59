//! What the columns of a log mean.

use std::borrow::Cow;

use super::number::Unit;

/// A column, under one of several names: the first of them that holds something counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// Its names.
    pub(super) names: Vec<String>,
    /// Whether a table without any of them is refused.
    pub(super) required: bool,
}

impl Column {
    /// A column that a table must have.
    pub(super) fn required(names: &[&str]) -> Column {
        Column {
            names: names.iter().map(|&name| name.to_owned()).collect(),
            required: true,
        }
    }

    /// A column that a table may lack.
    pub(super) fn optional(names: &[&str]) -> Column {
        Column {
            required: false,
            ..Column::required(names)
        }
    }

    /// Its names as shown to people.
    pub(super) fn shown(&self) -> String {
        self.names.join("` or `")
    }
}

/// What the length column of a log counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    /// Time; plain numbers are of this unit, which must be stated where it is `None`.
    Time(Option<Unit>),
    /// Tokens of a language model.
    Tokens,
}

/// What a row must be for it to be an arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    /// The text begins so.
    BeginsWith(String),
    /// The text is this: the same number, or the same letters, in upper or lower case.
    Is(String),
}

impl Test {
    fn holds(&self, text: &str) -> bool {
        match self {
            Test::BeginsWith(start) => text.starts_with(start),
            Test::Is(whole) => match (text.parse::<f64>(), whole.parse::<f64>()) {
                (Ok(number), Ok(other)) => number == other,
                _ => letters(text).eq(letters(whole)),
            },
        }
    }
}

/// The letters and digits of a text: `NO ANSWER`, `no_answer` and `NoAnswer` have the same.
pub(super) fn letters(text: &str) -> impl Iterator<Item = char> + '_ {
    let letters = text.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase)
}

/// What kind of file a format is kept in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Comma-separated values. A first line that does not name the required columns is wrong, unless rows of the
    /// format are known without.
    Csv(Option<Headerless>),
    /// A JSON object a line.
    JsonLines,
    /// Whatever the file looks like.
    Any,
}

/// How rows are known in a file that does not name its columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Headerless {
    /// The columns of a row with these fields, if it is one.
    pub(super) order: fn(&[Cow<'_, str>]) -> Option<&'static Order>,
    /// What is said of a row that is none.
    pub(super) otherwise: &'static str,
    /// What to do about a file without any such row.
    pub(super) advice: &'static str,
}

/// An order of columns.
#[derive(Debug)]
pub(super) struct Order {
    /// All that there may be.
    pub(super) columns: &'static [&'static str],
    /// So many of them are always there.
    pub(super) least: usize,
}

/// How the columns of a file become rows.
#[derive(Debug, Clone)]
pub(super) struct Mapping {
    /// The file.
    pub(super) kind: Kind,
    /// When it arrived.
    pub(super) start: Column,
    /// The unit of starts that are plain numbers; `None`: unknown.
    pub(super) unit: Option<Unit>,
    /// What its caller is known by.
    pub(super) session: Option<Column>,
    /// How long was spoken, and what that counts.
    pub(super) length: Option<(Column, Counts)>,
    /// The clip that is spoken.
    pub(super) clip: Option<Column>,
    /// Rows for which one of these does not hold are passed over.
    pub(super) keep: Vec<(Column, Test)>,
}

/// The texts of one row, by what they mean.
pub(super) struct Texts<'a> {
    pub(super) start: Option<&'a str>,
    pub(super) session: Option<&'a str>,
    pub(super) length: Option<&'a str>,
    pub(super) clip: Option<&'a str>,
}

impl Mapping {
    /// The columns to read: their order is that of the cells that [`Mapping::texts`] takes.
    pub(super) fn columns(&self) -> Vec<Column> {
        let length = self.length.as_ref().map(|(column, _)| column);
        let maybe = [self.session.as_ref(), length, self.clip.as_ref()];
        let keep = self.keep.iter().map(|(column, _)| column);
        let all = std::iter::once(&self.start).chain(maybe.into_iter().flatten());
        all.chain(keep).cloned().collect()
    }

    /// What the cells of a row mean.
    ///
    /// # Errors
    /// A row that is passed over: the column that does not pass, and what is in it.
    pub(super) fn texts<'a>(
        &self,
        cells: &'a [Option<String>],
    ) -> Result<Texts<'a>, (&Column, &'a str)> {
        let mut cells = cells.iter().map(Option::as_deref);
        let mut next = |there: bool| if there { cells.next().flatten() } else { None };
        let texts = Texts {
            start: next(true),
            session: next(self.session.is_some()),
            length: next(self.length.is_some()),
            clip: next(self.clip.is_some()),
        };
        let mut kept = self.keep.iter().zip(cells);
        let other = kept.find(|((_, test), cell)| !cell.is_some_and(|text| test.holds(text)));
        match other {
            Some(((column, _), cell)) => Err((column, cell.unwrap_or_default())),
            None => Ok(texts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_what_was_asked_for_whatever_it_is_written_like() {
        for (asked, text) in [
            ("200", "200.0"),
            ("200.0", "200"),
            ("200", "2e2"),
            ("ANSWERED", "Answered"),
            ("NO ANSWER", "no_answer"),
            ("DEADLINE_EXCEEDED", "DeadlineExceeded"),
        ] {
            assert!(Test::Is(asked.to_owned()).holds(text), "{asked} {text}");
        }
        for (asked, text) in [("200", "2000"), ("200", "200.5"), ("OK", "NOK"), ("0", "")] {
            assert!(!Test::Is(asked.to_owned()).holds(text), "{asked} {text}");
        }
    }
}
