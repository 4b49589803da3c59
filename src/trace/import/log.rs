//! The rows of a log: what arrived when.

use std::fs::File;
use std::path::Path;

use super::instant::Timestamps;
use super::mapping::{Column, Counts, Mapping, Texts};
use super::number::{self, Durations};
use super::source::{each_row, shortened};
use super::{ImportError, LogSpec};
use crate::trace::arrivals::MAX_SESSIONS;

/// Bad rows that are named; the rest are counted.
pub const NAMED: usize = 10;
/// Longest name of a clip.
const MAX_CLIP_NAME: usize = 1024;

/// How long was spoken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Length {
    /// So many nanoseconds.
    Time(i64),
    /// So many tokens of a language model.
    Tokens(f64),
}

/// An arrival.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its line in the file, from 1; in Parquet, its row.
    pub line: u64,
    /// When, in nanoseconds since 1970 or since the log began.
    pub start_ns: i64,
    /// Equal for rows of one call; half of a hash, so that no name of a caller is kept.
    pub session: Option<u128>,
    /// How long was spoken, where the log says it.
    pub length: Option<Length>,
    /// The clip to speak.
    pub clip: Option<Box<str>>,
}

/// A row that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// Its line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// The rows that cannot be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bad {
    strict: bool,
    first: Vec<BadRow>,
    count: u64,
}

impl Bad {
    /// The first [`NAMED`] of them.
    #[must_use]
    pub fn first(&self) -> &[BadRow] {
        &self.first
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    fn push(&mut self, line: u64, reason: String) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(BadRow { line, reason });
        }
    }

    /// With `strict`, a bad row is fatal.
    fn may_be(&self) -> Result<(), ImportError> {
        match self.first.first() {
            Some(BadRow { line, reason }) if self.strict => Err(ImportError::Strict {
                line: *line,
                reason: reason.clone(),
            }),
            _ => Ok(()),
        }
    }
}

/// A log that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// What arrived, in the order of the file.
    pub rows: Vec<Row>,
    /// Rows that cannot be used.
    pub bad: Bad,
    /// Rows of another path, status or disposition.
    pub passed_over: u64,
    /// The first of those: its line, and what is in the column in question.
    pub first_passed_over: Option<BadRow>,
    /// What the timestamps were taken for, to be shown.
    pub timestamps: String,
    /// Whether instants count from 1970.
    pub since_1970: bool,
    /// BLAKE3 of the file, in hex.
    pub blake3: String,
}

impl Log {
    /// Reads the file `path`.
    ///
    /// # Errors
    /// A file that cannot be read, a column or a unit that is missing, no rows at all, and with
    /// `strict` a row that cannot be read.
    pub fn read(path: &Path, spec: &LogSpec) -> Result<Log, ImportError> {
        let mapping = spec.mapping()?;
        let timestamps = Timestamps::new(spec.unit, mapping.unit, spec.zone.clone());
        let log = match Log::read_with(path, spec, &mapping, timestamps)? {
            (_, Some(timestamps)) => Log::read_with(path, spec, &mapping, timestamps)?.0,
            (log, None) => log,
        };
        log.bad.may_be()?;
        log.must_have_rows(path)?;
        Ok(Log {
            blake3: hash(path)?,
            ..log
        })
    }

    /// Reads all rows, and says with what they are to be read again, if they are.
    fn read_with(
        path: &Path,
        spec: &LogSpec,
        mapping: &Mapping,
        mut timestamps: Timestamps,
    ) -> Result<(Log, Option<Timestamps>), ImportError> {
        let unit = match mapping.length {
            Some((_, Counts::Time(unit))) => unit,
            _ => None,
        };
        let mut durations = Durations::new(unit);
        let mut rows = Vec::new();
        let mut bad = Bad {
            strict: spec.strict,
            ..Bad::default()
        };
        let (mut passed_over, mut first_passed_over) = (0, None);
        let kind = (spec.format.name(), mapping.kind);
        each_row(path, kind, &mapping.columns(), &mut |line, cells| {
            let texts = match cells.map(|cells| mapping.texts(cells)) {
                Ok(Ok(texts)) => texts,
                Ok(Err((column, text))) => {
                    passed_over += 1;
                    first_passed_over.get_or_insert_with(|| {
                        let reason = format!("`{}` is `{}`", column.shown(), shortened(text));
                        BadRow { line, reason }
                    });
                    return Ok(());
                }
                Err(reason) => {
                    bad.push(line, reason);
                    return Ok(());
                }
            };
            match row(line, &texts, mapping, (&mut timestamps, &mut durations)) {
                Ok(_) if rows.len() == MAX_SESSIONS => {
                    return Err(ImportError::TooMany {
                        path: path.display().to_string(),
                    });
                }
                Ok(row) => rows.push(row),
                Err(reason) => bad.push(line, reason),
            }
            Ok(())
        })?;
        durations.conclude()?;
        let again = timestamps.conclude()?;
        let log = Log {
            rows,
            bad,
            passed_over,
            first_passed_over,
            timestamps: timestamps.described(),
            since_1970: timestamps.since_1970(),
            blake3: String::new(),
        };
        Ok((log, again))
    }

    /// Passes over rows that name a clip which is not `known`.
    ///
    /// # Errors
    /// No rows left, and with `strict` any such row.
    pub fn keep_known_clips(
        &mut self,
        path: &Path,
        known: impl Fn(&str) -> bool,
    ) -> Result<(), ImportError> {
        let unknown = |row: &Row| row.clip.as_deref().is_some_and(|name| !known(name));
        let (gone, rows) = std::mem::take(&mut self.rows)
            .into_iter()
            .partition(unknown);
        self.rows = rows;
        let gone: Vec<Row> = gone;
        for row in gone {
            let name = shortened(&row.clip.unwrap_or_default());
            self.bad
                .push(row.line, format!("the library has no clip `{name}`"));
        }
        self.bad.may_be()?;
        self.must_have_rows(path)
    }

    fn must_have_rows(&self, path: &Path) -> Result<(), ImportError> {
        if !self.rows.is_empty() {
            return Ok(());
        }
        let why = match (self.bad.first.first(), &self.first_passed_over) {
            (Some(bad), None) => format!(
                ": all {} are bad; line {}: {}",
                self.bad.count, bad.line, bad.reason
            ),
            (_, Some(BadRow { line, reason })) => format!(
                ": {} are of another path, status or disposition than was asked for (line {line}: {reason}), and {} are bad",
                self.passed_over, self.bad.count
            ),
            (None, None) => String::new(),
        };
        let path = path.display().to_string();
        Err(ImportError::NoRows { path, why })
    }
}

/// Makes a row of its texts.
fn row(
    line: u64,
    texts: &Texts<'_>,
    mapping: &Mapping,
    (timestamps, durations): (&mut Timestamps, &mut Durations),
) -> Result<Row, String> {
    let wrong = |column: &Column, text: &str, reason: String| {
        format!(
            "`{}` is `{}`, which is {reason}",
            column.shown(),
            shortened(text)
        )
    };
    let start = texts
        .start
        .ok_or_else(|| format!("`{}` is empty or missing", mapping.start.shown()))?;
    let start_ns = timestamps
        .read(line, start)
        .map_err(|reason| wrong(&mapping.start, start, reason))?;
    let length = match (&mapping.length, texts.length) {
        (Some((column, counts)), Some(text)) => {
            let length = match counts {
                Counts::Time(_) => durations.read(line, text).map(Length::Time),
                Counts::Tokens => number::count(text).map(Length::Tokens),
            };
            Some(length.map_err(|reason| wrong(column, text, reason))?)
        }
        _ => None,
    };
    if texts.clip.is_some_and(|clip| clip.len() > MAX_CLIP_NAME) {
        return Err(format!(
            "the name of the clip is longer than {MAX_CLIP_NAME} bytes"
        ));
    }
    Ok(Row {
        line,
        start_ns,
        session: texts.session.map(half_hash),
        length,
        clip: texts.clip.map(Into::into),
    })
}

fn half_hash(text: &str) -> u128 {
    let hash = blake3::hash(text.as_bytes());
    let mut half = [0; 16];
    half.copy_from_slice(&hash.as_bytes()[..16]);
    u128::from_le_bytes(half)
}

fn hash(path: &Path) -> Result<String, ImportError> {
    let io = |e| ImportError::io(path, e);
    let mut hasher = blake3::Hasher::new();
    hasher
        .update_reader(File::open(path).map_err(io)?)
        .map_err(io)?;
    Ok(hasher.finalize().to_hex().to_string())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::trace::import::LogFormat;

    /// Reads a log of which this is the text.
    pub(crate) fn read(text: impl AsRef<[u8]>, spec: &LogSpec) -> Log {
        try_read(text, spec).unwrap()
    }

    /// What keeps a log with this text from being read.
    pub(crate) fn fails(text: impl AsRef<[u8]>, spec: &LogSpec) -> String {
        try_read(text, spec).unwrap_err().to_string()
    }

    fn try_read(text: impl AsRef<[u8]>, spec: &LogSpec) -> Result<Log, ImportError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, text).unwrap();
        Log::read(&path, spec)
    }

    /// The token counts of all rows.
    pub(crate) fn tokens(log: &Log) -> Vec<f64> {
        let tokens = log.rows.iter().map(|row| match row.length {
            Some(Length::Tokens(tokens)) => tokens,
            _ => f64::NAN,
        });
        tokens.collect()
    }

    /// The bad rows as shown.
    pub(crate) fn bad(log: &Log) -> Vec<String> {
        let first = log.bad.first().iter();
        first
            .map(|bad| format!("line {}: {}", bad.line, bad.reason))
            .collect()
    }

    const AZURE: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\n";

    #[test]
    fn a_bad_row_is_named_by_line_and_passed_over() {
        let mut text = AZURE.to_owned() + "2026-01-01 00:00:00,7,1\n";
        for tokens in ["-1", "nan", "many", "1e99", ""] {
            text += &format!("2026-01-01 00:00:01,{tokens},1\n");
        }
        text += &"x,1,1\n".repeat(20);
        let log = read(&text, &LogSpec::new(LogFormat::Azure));
        assert_eq!(log.rows.len(), 2, "a row without tokens says no length");
        assert_eq!(log.bad.count(), 24);
        let bad = bad(&log);
        assert_eq!(bad.len(), NAMED);
        assert_eq!(bad[0], "line 3: `ContextTokens` is `-1`, which is negative");
        assert_eq!(
            bad[1],
            "line 4: `ContextTokens` is `nan`, which is not finite"
        );
        assert_eq!(
            bad[2],
            "line 5: `ContextTokens` is `many`, which is not a number"
        );
        assert_eq!(
            bad[3],
            "line 6: `ContextTokens` is `1e99`, which is too large"
        );
        assert_eq!(
            bad[4],
            "line 8: `TIMESTAMP` is `x`, which is neither a date nor a number"
        );
    }

    #[test]
    fn strict_makes_the_first_bad_row_fatal() {
        let spec = LogSpec {
            strict: true,
            ..LogSpec::new(LogFormat::Azure)
        };
        let said = fails(format!("{AZURE}soon,1,1\n"), &spec);
        assert!(
            said.starts_with("line 2: ") && said.ends_with("leave out --strict to skip such lines")
        );
    }

    #[test]
    fn a_log_without_rows_says_why() {
        let spec = LogSpec::new(LogFormat::Azure);
        assert!(fails(AZURE, &spec).ends_with("no rows to import"));
        assert!(fails("", &spec).ends_with("no rows to import"));
        assert!(fails(format!("{AZURE}soon,1,1\n"), &spec).contains("all 1 are bad; line 2: "));
        let said = fails("a,b\n1,2\n", &spec);
        assert!(
            said.contains("no column `TIMESTAMP`; its columns are a, b"),
            "{said}"
        );
        let said = fails("PAR1", &spec);
        assert!(
            said.contains("a Parquet file, but azure logs are text"),
            "{said}"
        );
    }

    #[test]
    fn quoted_fields_may_hold_line_ends_but_not_the_rest_of_the_file() {
        let text = AZURE.to_owned()
            + "2026-01-01 00:00:00,7,\"a\nb\"\n2026-01-01 00:00:01,8,1\n\"open,1\n";
        let log = read(&text, &LogSpec::new(LogFormat::Azure));
        let lines: Vec<_> = log.rows.iter().map(|row| row.line).collect();
        assert_eq!(lines, [2, 4]);
        assert_eq!(bad(&log), ["line 5: its quote is not closed by line 5"]);
    }
}
