//! Speech extents that the user knows better than the detector: a table with `path,start_s,end_s`.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::library_error::AudioError;
use super::sheet::{Column, Sheet, Wrong};
use super::walk::Found;

/// Where the speech of a file is, in nanoseconds; `None` for a file without speech.
pub(super) type Label = Option<(i64, i64)>;

/// Labels by the path in the table.
#[derive(Debug, Default)]
pub(super) struct Labels(BTreeMap<String, Label>);

const COLUMNS: [Column; 3] = [
    Column {
        what: "file",
        names: &["path"],
    },
    Column {
        what: "start of the speech",
        names: &["start_s"],
    },
    Column {
        what: "end of the speech",
        names: &["end_s"],
    },
];

impl Labels {
    /// Reads the file at `path`: a header `path,start_s,end_s`, then one line a file, times in seconds
    /// from its start; both times empty say that there is no speech in it. Lines that begin with `#` are comments.
    ///
    /// # Errors
    /// [`AudioError::Labels`] with the line.
    pub(super) fn read(path: &Path) -> Result<Labels, AudioError> {
        let failed = |Wrong { line, reason }| AudioError::Labels {
            path: path.display().to_string(),
            line,
            reason,
        };
        let mut sheet = Sheet::open(path, &COLUMNS, Some(b'#')).map_err(failed)?;
        let mut labels = BTreeMap::new();
        while let Some((line, cells)) = sheet.next().map_err(failed)? {
            let [file, start, end] = &cells[..] else {
                continue;
            };
            let seconds = |text: &str| match sheet.separator {
                b',' => text.parse::<f64>().ok(),
                _ => text.replace(',', ".").parse().ok(),
            };
            let label = match (seconds(start), seconds(end)) {
                (None, None) if start.is_empty() && end.is_empty() => None,
                (Some(start), Some(end)) if start >= 0.0 && end > start && end < 1e9 => {
                    Some((nanoseconds(start), nanoseconds(end)))
                }
                _ => {
                    let reason = "times must be seconds with 0 <= start_s < end_s, or both empty";
                    return Err(failed(Wrong {
                        line,
                        reason: reason.to_owned(),
                    }));
                }
            };
            if labels.insert(file.clone(), label).is_some() {
                let reason = format!("`{file}` has a label already");
                return Err(failed(Wrong { line, reason }));
            }
        }
        Ok(Labels(labels))
    }

    /// The label of a file: by the name it is reported under, else by the path it was found at.
    pub(super) fn of(&self, name: &str, path: &Path) -> Option<Label> {
        self.entry(name, path).map(|(_, label)| label)
    }

    fn entry(&self, name: &str, path: &Path) -> Option<(&str, Label)> {
        let by_path = || self.0.get_key_value(path.to_str()?);
        let found = self.0.get_key_value(name).or_else(by_path);
        found.map(|(path, label)| (path.as_str(), *label))
    }

    /// The paths of labels that are no file of these.
    pub(super) fn unused(&self, found: &Found) -> Vec<String> {
        let files = found.entries.iter().filter(|_| !self.0.is_empty());
        let names = files.map(|entry| (found.name(entry), found.path(entry)));
        let used: HashSet<&str> = names
            .filter_map(|(n, p)| self.entry(&n, &p))
            .map(|e| e.0)
            .collect();
        let paths = self.0.keys().filter(|path| !used.contains(path.as_str()));
        paths.cloned().collect()
    }
}

fn nanoseconds(seconds: f64) -> i64 {
    (seconds * 1e9).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Labels, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("labels.csv");
        std::fs::write(&path, text).unwrap();
        Labels::read(&path).map_err(|e| e.to_string())
    }

    #[test]
    fn times_are_read_by_name_and_by_path() {
        let labels =
            read("path,start_s,end_s\na/1.wav, 0.25, 1.5\n/x/2.wav,0,2\nquiet.wav,,\n").unwrap();
        let one = Some((250_000_000, 1_500_000_000));
        assert_eq!(labels.of("a/1.wav", Path::new("/y/1.wav")), Some(one));
        let two = Some((0, 2_000_000_000));
        assert_eq!(labels.of("2.wav", Path::new("/x/2.wav")), Some(two));
        assert_eq!(labels.of("quiet.wav", Path::new("q")), Some(None));
        assert_eq!(labels.of("3.wav", Path::new("3.wav")), None);
        let found = crate::audio::walk::find(&["a/1.wav".into(), "/x/2.wav".into()], false);
        assert_eq!(labels.unused(&found), ["quiet.wav"]);
    }

    #[test]
    fn tables_of_other_programs_are_read() {
        for table in [
            "path;start_s;end_s\r\n1.wav;0,25;1,5\r\n",
            "# by hand\npath\tstart_s\tend_s\n1.wav\t0.25\t1.5\n",
        ] {
            let labels = read(table).unwrap();
            let one = Some((250_000_000, 1_500_000_000));
            assert_eq!(labels.of("1.wav", Path::new("1.wav")), Some(one), "{table}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, line, what) in [
            ("path,start_s,end_s\na,1,2\nb,2,1\n", 3, "start_s < end_s"),
            ("path,start_s,end_s\na,x,2\n", 2, "times must be seconds"),
            ("path,start_s,end_s\na,1,2\na,1,3\n", 3, "already"),
            ("path,start_s\na,1\n", 1, "end_s"),
            ("path,start_s,end_s\na,1,\n", 2, "both empty"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(&format!("line {line}")), "{error}");
            assert!(error.contains(what), "{error}");
        }
    }
}
