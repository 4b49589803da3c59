//! Tables of a TOML file, with the place of each value.

use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Source};
use crate::units::spelling::unknown;

/// A table.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    pub(super) source: Source<'a>,
    table: &'a DeTable<'a>,
    /// Where it begins.
    pub(super) at: usize,
    /// What messages call it.
    kind: &'static str,
}

/// A value, and where it is in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) at: usize,
}

/// A name and a value.
type Pair<'a> = (Placed<&'a str>, Placed<&'a DeValue<'a>>);

impl<'a> Table<'a> {
    /// A table with these keys and no others.
    ///
    /// # Errors
    /// A key that there is not.
    pub(super) fn new(
        source: Source<'a>,
        table: &'a DeTable<'a>,
        at: usize,
        kind: &'static str,
        keys: &[&str],
    ) -> Result<Table<'a>, Fault> {
        let other = table.iter().find(|(key, _)| {
            let key: &str = key.get_ref();
            !keys.contains(&key)
        });
        if let Some((key, _)) = other {
            let what = unknown("key", key.get_ref(), keys.iter().copied());
            return Err(source.fault(key.span().start, what));
        }
        Ok(Table {
            source,
            table,
            at,
            kind,
        })
    }

    pub(super) fn fault(&self, what: impl std::fmt::Display) -> Fault {
        self.source.fault(self.at, what)
    }

    /// The value of `key`.
    pub(super) fn get(&self, key: &str) -> Option<Placed<&'a DeValue<'a>>> {
        let (key, value) = self.table.get_key_value(key)?;
        Some(Placed {
            value: value.get_ref(),
            at: key.span().start,
        })
    }

    /// A text.
    ///
    /// # Errors
    /// It is something else.
    pub(super) fn text(&self, key: &str) -> Result<Option<Placed<&'a str>>, Fault> {
        self.read(key, "a text in quotes", DeValue::as_str)
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// It is not, or it is something else.
    pub(super) fn needed(&self, key: &str) -> Result<Placed<&'a str>, Fault> {
        let missing = || self.fault(format!("{} needs `{key}`", self.kind));
        self.text(key)?.ok_or_else(missing)
    }

    /// A text, or a list of texts.
    ///
    /// # Errors
    /// It is something else.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<Placed<&'a str>>, Fault> {
        let Some(Placed { value, at }) = self.get(key) else {
            return Ok(Vec::new());
        };
        let no_text = |at| {
            self.source.fault(
                at,
                format!("`{key}` is a text in quotes, or a list of them"),
            )
        };
        if let Some(text) = value.as_str() {
            return Ok(vec![Placed { value: text, at }]);
        }
        let items = value.as_array().ok_or_else(|| no_text(at))?.iter();
        let texts = items.map(|item| {
            let at = item.span().start;
            let value = item.get_ref().as_str().ok_or_else(|| no_text(at))?;
            Ok(Placed { value, at })
        });
        texts.collect()
    }

    /// A whole number.
    ///
    /// # Errors
    /// It is something else.
    pub(super) fn whole(&self, key: &str) -> Result<Option<Placed<i64>>, Fault> {
        self.read(key, "a whole number", whole)
    }

    /// A table with these keys.
    ///
    /// # Errors
    /// It is something else, or has a key that there is not.
    pub(super) fn table(
        &self,
        key: &str,
        kind: &'static str,
        keys: &[&str],
    ) -> Result<Option<Table<'a>>, Fault> {
        let found = self.read(key, "a table", DeValue::as_table)?;
        let table = |Placed { value, at }| Table::new(self.source, value, at, kind, keys);
        found.map(table).transpose()
    }

    /// The tables of a list.
    ///
    /// # Errors
    /// It is something else, or a table has a key that there is not.
    pub(super) fn tables(
        &self,
        key: &str,
        kind: &'static str,
        keys: &[&str],
    ) -> Result<Vec<Table<'a>>, Fault> {
        let what = format!("a list of tables: write [[{key}]]");
        let Some(list) = self.read(key, &what, DeValue::as_array)? else {
            return Ok(Vec::new());
        };
        let tables = list.value.iter().map(|item| {
            let at = item.span().start;
            let table = item.get_ref().as_table();
            let no_table = || self.source.fault(at, format!("`{key}` is {what}"));
            Table::new(self.source, table.ok_or_else(no_table)?, at, kind, keys)
        });
        tables.collect()
    }

    /// Names and values of a table whose keys are the user's.
    ///
    /// # Errors
    /// It is something else.
    pub(super) fn pairs(&self, key: &str) -> Result<Vec<Pair<'a>>, Fault> {
        let Some(table) = self.read(key, "a table", DeValue::as_table)? else {
            return Ok(Vec::new());
        };
        let pair = |(key, value): (&'a toml::Spanned<_>, &'a toml::Spanned<DeValue<'a>>)| {
            let at = key.span().start;
            let name: &'a std::borrow::Cow<'a, str> = key.get_ref();
            let value = value.get_ref();
            (Placed { value: &**name, at }, Placed { value, at })
        };
        Ok(table.value.iter().map(pair).collect())
    }

    fn read<T>(
        &self,
        key: &str,
        what: &str,
        read: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Result<Option<Placed<T>>, Fault> {
        let Some(Placed { value, at }) = self.get(key) else {
            return Ok(None);
        };
        match read(value) {
            Some(value) => Ok(Some(Placed { value, at })),
            None => Err(self.source.fault(at, format!("`{key}` is {what}"))),
        }
    }
}

/// The number, if it is a whole one.
pub(super) fn whole(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}
