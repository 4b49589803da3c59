//! What is said in files: a table of transcripts, such as those that come with corpora of speech.
//!
//! The table is as little trusted as audio is: it is read up to a limit, and a transcript is one line
//! of bounded length.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::library_error::AudioError;
use super::names::escaped;
use super::sheet::{Column, Sheet, Wrong};
use super::walk::Found;

/// Longest transcript that is kept, in characters: as long as what a run keeps of a recogniser's.
const MAX_CHARS: usize = 500;
/// Rows that are named.
const NAMED: usize = 10;

const FILE: Column = Column {
    what: "file",
    names: &[
        "path",
        "file",
        "filename",
        "file_name",
        "audio",
        "audio_filepath",
    ],
};
const TEXT: Column = Column {
    what: "transcript",
    names: &["transcript", "sentence", "text", "transcription"],
};

/// How a table of transcripts fits the clips.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matched {
    /// Rows of the table.
    pub rows: u64,
    /// Rows that name none of the files.
    pub unused: u64,
    /// Rows whose transcript is empty, or longer than is kept.
    pub unfit: u64,
    /// Clips.
    pub clips: u64,
    /// Clips that have a transcript.
    pub transcribed: u64,
    /// Rows that say something else of a file than a row before them, which counts.
    pub twice: Twice,
}

/// Rows of a table that contradict a row before them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Twice {
    /// How many there are.
    pub rows: u64,
    /// The first of them, each with its line.
    pub first: Vec<String>,
}

/// A row of the table.
struct Row {
    line: u64,
    file: Box<str>,
    /// `None` where it is unfit.
    text: Option<Box<str>>,
}

/// A table of transcripts.
pub(super) struct Transcripts(Vec<Row>);

/// What is said in which file.
pub(super) struct Said {
    rows: Vec<Row>,
    /// The row of a file, by the file's number.
    of_file: HashMap<u32, u32>,
    /// How the table fits the files.
    pub(super) matched: Matched,
}

impl Said {
    /// The row that says what is said in a file.
    pub(super) fn row_of(&self, file: u32) -> Option<u32> {
        self.of_file.get(&file).copied()
    }

    /// What it says.
    pub(super) fn text(&self, row: u32) -> Option<String> {
        let row = self.rows.get(row as usize)?;
        row.text.as_deref().map(str::to_owned)
    }
}

impl Transcripts {
    /// Reads the file at `path`: a header that names columns for file and transcript, then a row a
    /// file.
    ///
    /// # Errors
    /// [`AudioError::Transcripts`] with the line.
    pub(super) fn read(path: &Path) -> Result<Transcripts, AudioError> {
        let failed = |Wrong { line, reason }| AudioError::Transcripts {
            path: path.display().to_string(),
            line,
            reason,
        };
        let mut sheet = Sheet::open(path, &[FILE, TEXT], None).map_err(failed)?;
        let mut rows = Vec::new();
        while let Some((line, cells)) = sheet.next().map_err(failed)? {
            if let [file, text] = &cells[..] {
                rows.push(Row {
                    line,
                    file: file.as_str().into(),
                    text: fit(text).map(Into::into),
                });
            }
        }
        Ok(Transcripts(rows))
    }

    /// Finds which file each row is of: one that is called so, whichever slashes are used; else one whose name is the
    /// end of the row's path; else by the last part of its path, or by that without extension, where one file and one
    /// row alone are called so.
    pub(super) fn fit(self, found: &Found) -> Said {
        let names: Vec<String> = found.entries.iter().map(|e| found.name(e)).collect();
        self.fit_names(&names)
    }

    fn fit_names(self, names: &[String]) -> Said {
        let rows: Vec<&str> = self.0.iter().map(|row| row.file.as_ref()).collect();
        let files = matches(&rows, names);
        let mut matched = Matched {
            rows: self.0.len() as u64,
            ..Matched::default()
        };
        let mut of_file: HashMap<u32, u32> = HashMap::new();
        for ((number, row), file) in (0..).zip(&self.0).zip(files) {
            let Some(file) = file else {
                matched.unused += 1;
                continue;
            };
            if row.text.is_none() {
                matched.unfit += 1;
                continue;
            }
            let first = &self.0[*of_file.entry(file).or_insert(number) as usize];
            if first.text != row.text {
                matched.twice.rows += 1;
                if matched.twice.first.len() < NAMED {
                    let (line, before) = (row.line, first.line);
                    let said = format!(
                        "line {line}: {} has another transcript in line {before}, which is taken",
                        row.file
                    );
                    matched.twice.first.push(said);
                }
            }
        }
        Said {
            rows: self.0,
            of_file,
            matched,
        }
    }
}

/// A way to name a file: what of its name, and what of a row, must be equal.
struct Way<'a> {
    of_file: fn(&str) -> Option<&str>,
    of_row: &'a dyn Fn(&str) -> Option<String>,
}

/// For each row the file that it names.
fn matches(rows: &[&str], names: &[String]) -> Vec<Option<u32>> {
    let exact: HashSet<&str> = names.iter().map(String::as_str).collect();
    let tail = |row: &str| {
        let row = slashed(row);
        let mut tails = row.match_indices('/').map(|(at, _)| &row[at + 1..]);
        let known = tails.find(|tail| exact.contains(tail));
        known.map(str::to_owned)
    };
    let ways = [
        Way {
            of_file: |name| Some(name),
            of_row: &|row| Some(row.to_owned()),
        },
        Way {
            of_file: |name| Some(name),
            of_row: &|row| Some(escaped(Path::new(row))),
        },
        Way {
            of_file: |name| Some(name),
            of_row: &|row| Some(slashed(row).into_owned()),
        },
        Way {
            of_file: |name| Some(name),
            of_row: &tail,
        },
        Way {
            of_file: last_part,
            of_row: &|row| last_part(&slashed(row)).map(str::to_owned),
        },
        Way {
            of_file: stem,
            of_row: &|row| stem(&slashed(row)).map(str::to_owned),
        },
    ];
    let mut found = vec![None; rows.len()];
    let mut taken = HashSet::new();
    for way in ways {
        if found.iter().all(Option::is_some) {
            break;
        }
        let keys: Vec<Option<String>> = rows.iter().map(|row| (way.of_row)(row)).collect();
        let files = alone((0_u32..).zip(names.iter().map(|name| (way.of_file)(name))));
        let named = alone(rows.iter().zip(keys.iter().map(Option::as_deref)));
        // Of rows that are the same text, all are of the file that the first of them names.
        let mut here: HashMap<&str, u32> = HashMap::new();
        for ((row, key), place) in rows.iter().zip(&keys).zip(&mut found) {
            let Some(key) = key.as_deref().filter(|_| place.is_none()) else {
                continue;
            };
            let is_alone = named.get(key).is_some_and(Option::is_some);
            let file = files.get(key).copied().flatten();
            let Some(file) = file.filter(|_| is_alone) else {
                continue;
            };
            if here.contains_key(row) || taken.insert(file) {
                here.insert(row, file);
                *place = Some(file);
            }
        }
    }
    found
}

/// What each key stands for, if it is one thing alone.
fn alone<'a, T: Copy + PartialEq>(
    keyed: impl Iterator<Item = (T, Option<&'a str>)>,
) -> HashMap<&'a str, Option<T>> {
    let mut stands: HashMap<&str, Option<T>> = HashMap::new();
    for (thing, key) in keyed {
        if let Some(key) = key {
            let one = stands.entry(key).or_insert(Some(thing));
            *one = one.filter(|&other| other == thing);
        }
    }
    stands
}

/// A path as it is written elsewhere.
fn slashed(path: &str) -> Cow<'_, str> {
    match path.contains('\\') {
        true => Cow::Owned(path.replace('\\', "/")),
        false => Cow::Borrowed(path),
    }
}

fn last_part(path: &str) -> Option<&str> {
    Path::new(path).file_name()?.to_str()
}

fn stem(path: &str) -> Option<&str> {
    Path::new(path).file_stem()?.to_str()
}

/// The text as one line; `None` where nothing is left, or too much.
fn fit(text: &str) -> Option<String> {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    (!line.is_empty() && line.chars().count() <= MAX_CHARS).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Transcripts, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("said.csv");
        std::fs::write(&path, bytes).unwrap();
        Transcripts::read(&path).map_err(|e| e.to_string())
    }

    /// What the table says of each of these files, and how it fits them.
    fn said(table: &str, files: &[&str]) -> (Vec<Option<String>>, Matched) {
        let names: Vec<String> = files.iter().map(|&name| name.to_owned()).collect();
        let said = read(table.as_bytes()).unwrap().fit_names(&names);
        let texts = (0..files.len() as u32).map(|file| said.text(said.row_of(file)?));
        (texts.collect(), said.matched)
    }

    #[test]
    fn tables_of_corpora_are_read() {
        let common_voice =
            "client_id\tpath\tsentence\tup_votes\nx\tcv_1.mp3\t\"Hi\", she  said.\t2\n";
        let nemo = "audio_filepath,duration,text\r\n/data/cv_1.wav,1.5,\"Hi, she said.\"\r\n";
        for (table, text) in [
            (common_voice, "\"Hi\", she said."),
            (nemo, "Hi, she said."),
            ("\u{feff}File,Transcript\ncv_1.ogg,Hi\n", "Hi"),
        ] {
            let (texts, matched) = said(table, &["a/cv_1.mp3"]);
            assert_eq!(texts, [Some(text.to_owned())], "{table}");
            assert_eq!((matched.rows, matched.unused), (1, 0));
        }
    }

    #[test]
    fn a_row_names_a_file_by_its_path_else_by_a_name_that_is_one_files_alone() {
        let table =
            "path,text\na/1.wav,one\nb/1.wav,other\n2.mp3,two\n3,three\n4,four\nno.wav,none\n";
        let files = [
            "a/1.wav", "b/1.wav", "c/2.wav", "c/3.wav", "c/4.wav", "d/4.wav",
        ];
        let (texts, matched) = said(table, &files);
        let expected = ["one", "other", "two", "three"].map(|text| Some(text.to_owned()));
        assert_eq!(texts[..4], expected);
        assert_eq!(texts[4..], [None, None], "it is not known which of the two");
        assert_eq!((matched.rows, matched.unused, matched.unfit), (6, 2, 0));
    }

    #[test]
    fn paths_of_other_systems_and_of_other_folders_are_understood() {
        let table = "path;text\na\\1.wav;one\nC:\\calls\\b\\1.wav;other\n/data/c/1.wav;third\nd\\x.wav;odd\n\\\\xff.wav;byte\n";
        let files = ["a/1.wav", "b/1.wav", "c/1.wav", "d\\\\x.wav", "\\xff.wav"];
        let (texts, matched) = said(table, &files);
        let expected = ["one", "other", "third", "odd"].map(|text| Some(text.to_owned()));
        assert_eq!(texts[..4], expected);
        assert_eq!(matched.unused, 1);
        let (texts, _) = said("path;text\n\\xff.wav;byte\n", &files);
        assert_eq!(
            texts[4].as_deref(),
            Some("byte"),
            "as it is named in the tables"
        );
    }

    #[test]
    fn a_file_that_is_there_twice_is_named_where_its_texts_differ() {
        let table = "path,text\na.wav,one\nb.wav,two\na.wav,one\nb.wav,three\nb.wav,\n";
        let (texts, matched) = said(table, &["a.wav", "b.wav"]);
        let expected = ["one", "two"].map(|text| Some(text.to_owned()));
        assert_eq!(texts, expected);
        let first = ["line 5: b.wav has another transcript in line 3, which is taken".to_owned()];
        assert_eq!(
            (matched.unused, matched.unfit, matched.twice.rows),
            (0, 1, 1)
        );
        assert_eq!(matched.twice.first, first);
        let (texts, matched) = said("path,text\nx/a.wav,one\ny/a.wav,two\n", &["a.wav"]);
        assert_eq!(
            (texts, matched.unused),
            (vec![None], 2),
            "they may be two files"
        );
    }

    #[test]
    fn what_would_be_wrong_of_a_clip_is_not_its_transcript() {
        let long = "x".repeat(501);
        let table = format!("path,text\nlong.wav,{long}\nempty.wav, \n");
        let (texts, matched) = said(&table, &["long.wav", "empty.wav"]);
        assert_eq!(texts, [None, None]);
        assert_eq!((matched.unused, matched.unfit), (0, 2));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let error = read(b"path,text\na,b\nc,\"d\n").map(|_| ()).unwrap_err();
        assert!(
            error.contains("said.csv line 3: its quote is not closed"),
            "{error}"
        );
    }
}
