//! What is said in files: a table of transcripts, such as those that come with corpora of speech.
//!
//! The table is as little trusted as audio is: it is read up to a limit, and a transcript is one line
//! of bounded length.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::library::{AudioError, Pool};

/// Longest transcript that is kept, in characters: as long as what a run keeps of a recogniser's.
const MAX_CHARS: usize = 500;
/// Largest table that is read: about 200,000 lines.
const MAX_BYTES: u64 = 64 << 20;

/// Names of the column that names the file, most telling first.
const FILE: [&str; 6] = [
    "path",
    "file",
    "filename",
    "file_name",
    "audio",
    "audio_filepath",
];
/// Names of the column that holds what is said in it.
const TEXT: [&str; 4] = ["transcript", "sentence", "text", "transcription"];

/// How a table of transcripts fits the clips.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
}

/// A row of the table.
struct Row {
    file: String,
    /// `None` where it is unfit.
    text: Option<String>,
}

/// A table of transcripts.
pub(super) struct Transcripts(Vec<Row>);

impl Transcripts {
    /// Reads the file at `path`: a header that names columns for file and transcript, then a row a
    /// file; separated by tabs if the header is, else by commas.
    ///
    /// # Errors
    /// [`AudioError::Transcripts`] with the line.
    pub(super) fn read(path: &Path) -> Result<Transcripts, AudioError> {
        let wrong = |line: u64, reason: String| AudioError::Transcripts {
            path: path.display().to_string(),
            line,
            reason,
        };
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|e| wrong(1, e.to_string()))?;
        if bytes.len() as u64 > MAX_BYTES {
            let most = MAX_BYTES >> 20;
            let reason = format!("over {most} MB; keep only the rows of the files to prepare");
            return Err(wrong(1, reason));
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let header = bytes.split(|&byte| byte == b'\n').next();
        let tabs = header.is_some_and(|header| header.contains(&b'\t'));
        let mut csv = csv::ReaderBuilder::new()
            .delimiter(if tabs { b'\t' } else { b',' })
            // Tables with tabs have quotation marks that belong to the text.
            .quoting(!tabs)
            .trim(csv::Trim::All)
            .from_reader(bytes);
        let failed = |error: &csv::Error| {
            let line = error.position().map_or(1, csv::Position::line);
            wrong(line, error.to_string())
        };
        let headers = csv.headers().map_err(|error| failed(&error))?;
        let column = |names: &[&str], what: &str| {
            let found = names.iter().find_map(|name| {
                let is_it = |header: &str| header.eq_ignore_ascii_case(name);
                headers.iter().position(is_it)
            });
            found.ok_or_else(|| {
                let names = names.join(", ");
                wrong(
                    1,
                    format!("no column for the {what}; call it one of {names}"),
                )
            })
        };
        let (file_at, text_at) = (column(&FILE, "file")?, column(&TEXT, "transcript")?);
        let mut rows = Vec::new();
        for record in csv.records() {
            let record = record.map_err(|error| failed(&error))?;
            let cell = |at| record.get(at).unwrap_or_default();
            rows.push(Row {
                file: cell(file_at).to_owned(),
                text: fit(cell(text_at)),
            });
        }
        Ok(Transcripts(rows))
    }

    /// Gives every clip of `pool` the transcript of a file it was made of, and takes those that clips
    /// had of an earlier table away.
    ///
    /// A row names a file as it was found; else by the last part of its path, or by that without
    /// extension, where one file and one row alone are called so. A file that became two clips has
    /// none, since it is not known who of the two says it; nor has a clip that `is_cut`.
    pub(super) fn give(&self, pool: &mut Pool, is_cut: impl Fn(u64) -> bool) -> Matched {
        let mut clips_of: HashMap<&str, Vec<u32>> = HashMap::new();
        for source in &pool.sources {
            let clips = clips_of.entry(&source.path).or_default();
            clips.extend(source.clip);
        }
        let files: Vec<&str> = clips_of.keys().copied().collect();
        let rows: Vec<&str> = self.0.iter().map(|row| row.file.as_str()).collect();
        let matches = matches(&rows, &files);
        let mut texts: HashMap<u32, &str> = HashMap::new();
        let mut matched = Matched {
            rows: self.0.len() as u64,
            clips: pool.clips.len() as u64,
            ..Matched::default()
        };
        for (row, file) in self.0.iter().zip(matches) {
            let clips = file.and_then(|file| clips_of.get(file));
            matched.unused += u64::from(clips.is_none());
            matched.unfit += u64::from(clips.is_some() && row.text.is_none());
            if let (Some([clip]), Some(text)) = (clips.map(Vec::as_slice), &row.text) {
                texts.entry(*clip).or_insert(text);
            }
        }
        for clip in &mut pool.clips {
            let text = texts.get(&clip.clip).filter(|_| !is_cut(clip.samples));
            clip.transcript = text.map(|&text| text.to_owned());
            matched.transcribed += u64::from(clip.transcript.is_some());
        }
        matched
    }
}

/// For each row the file that it names; the first row of a file is the one that counts.
fn matches<'a>(rows: &[&str], files: &[&'a str]) -> Vec<Option<&'a str>> {
    let mut found = vec![None; rows.len()];
    let mut taken: HashSet<&str> = HashSet::new();
    let ways: [fn(&str) -> Option<&str>; 3] = [|path| Some(path), last_part, stem];
    for way in ways {
        let files = alone(files.iter().copied(), way);
        let named = alone(rows.iter().copied(), way);
        for (row, place) in rows.iter().zip(&mut found) {
            let Some(name) = way(row).filter(|_| place.is_none()) else {
                continue;
            };
            let is_alone = named.get(name).is_some_and(Option::is_some);
            let file = files.get(name).copied().flatten();
            *place = file.filter(|file| is_alone && !taken.contains(file));
            taken.extend(*place);
        }
    }
    found
}

/// What each name that `way` makes of `paths` stands for, if it is one path alone.
fn alone<'a>(
    paths: impl Iterator<Item = &'a str>,
    way: fn(&str) -> Option<&str>,
) -> HashMap<&'a str, Option<&'a str>> {
    let mut named: HashMap<&str, Option<&str>> = HashMap::new();
    for path in paths {
        if let Some(name) = way(path) {
            let stands = named.entry(name).or_insert(Some(path));
            *stands = stands.filter(|&other| other == path);
        }
    }
    named
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
    use crate::trace::model::{ClipRow, SourceRow};
    use crate::trace::sample;

    fn read(bytes: &[u8]) -> Result<Transcripts, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("said.csv");
        std::fs::write(&path, bytes).unwrap();
        Transcripts::read(&path).map_err(|e| e.to_string())
    }

    fn pool(files: &[(&str, u32)]) -> Pool {
        let sources = files.iter().map(|&(path, clip)| SourceRow {
            path: path.to_owned(),
            bytes: 0,
            mtime_ns: 0,
            channel: "mix".to_owned(),
            codec: String::new(),
            rate_hz: 16_000,
            channels: 1,
            settings_hash: String::new(),
            clip: Some(clip),
            skipped: None,
            decoder: None,
            trim: None,
            note: None,
        });
        let last = files.iter().map(|&(_, clip)| clip).max().unwrap();
        let clips = (0..=last).map(|clip| ClipRow {
            clip,
            transcript: Some("of an earlier table".to_owned()),
            ..sample::clip(&[clip as i16; 160], "x")
        });
        Pool {
            sources: sources.collect(),
            clips: clips.collect(),
            ..Pool::default()
        }
    }

    fn said(pool: &Pool) -> Vec<Option<&str>> {
        pool.clips
            .iter()
            .map(|clip| clip.transcript.as_deref())
            .collect()
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
            let mut pool = pool(&[("a/cv_1.mp3", 0)]);
            let matched = read(table.as_bytes()).unwrap().give(&mut pool, |_| false);
            assert_eq!(said(&pool), [Some(text)], "{table}");
            assert_eq!((matched.rows, matched.transcribed), (1, 1));
        }
    }

    #[test]
    fn a_row_names_a_file_by_its_path_else_by_a_name_that_is_one_files_alone() {
        let table =
            "path,text\na/1.wav,one\nb/1.wav,other\n2.mp3,two\n3,three\n4,four\nno.wav,none\n";
        let files = [
            ("a/1.wav", 0),
            ("b/1.wav", 1),
            ("c/2.wav", 2),
            ("c/3.wav", 3),
            ("c/4.wav", 4),
            ("d/4.wav", 5),
        ];
        let mut pool = pool(&files);
        let matched = read(table.as_bytes()).unwrap().give(&mut pool, |_| false);
        let texts = ["one", "other", "two", "three"].map(Some);
        assert_eq!(said(&pool)[..4], texts);
        assert_eq!(
            said(&pool)[4..],
            [None, None],
            "which of the two is not told"
        );
        let expected = Matched {
            rows: 6,
            unused: 2,
            unfit: 0,
            clips: 6,
            transcribed: 4,
        };
        assert_eq!(matched, expected);
    }

    #[test]
    fn what_would_be_wrong_of_a_clip_is_not_its_transcript() {
        let long = "x".repeat(501);
        let table =
            format!("path,text\nsplit.wav,both\nlong.wav,{long}\nempty.wav, \ncut.wav,much\n");
        let files = [
            ("split.wav", 0),
            ("split.wav", 1),
            ("long.wav", 2),
            ("empty.wav", 3),
            ("cut.wav", 4),
        ];
        let mut pool = pool(&files);
        pool.clips[4].samples = 1_000;
        let table = read(table.as_bytes()).unwrap();
        let matched = table.give(&mut pool, |samples| samples >= 1_000);
        assert_eq!(said(&pool), [None; 5]);
        assert_eq!((matched.unused, matched.unfit), (0, 2));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (table, line, what) in [
            (
                &b"path,words\na,b\n"[..],
                1,
                "no column for the transcript; call it",
            ),
            (
                b"sentence\na\n",
                1,
                "no column for the file; call it one of path",
            ),
            (b"", 1, "no column for the file"),
            (b"path,text\na,b\nc\n", 3, "fields"),
            (b"path,text\na,\xff\xfe\n", 2, "UTF-8"),
        ] {
            let error = read(table).map(|_| ()).unwrap_err();
            assert!(error.contains(&format!("line {line}: ")), "{error}");
            assert!(error.contains(what), "{error}");
        }
    }
}
