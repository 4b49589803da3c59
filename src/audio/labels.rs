//! Speech extents that the user knows better than the detector: CSV with `path,start_s,end_s`.

use std::collections::BTreeMap;
use std::path::Path;

use super::library::AudioError;

/// Where the speech of a file is, in nanoseconds; `None` for a file without speech.
pub(super) type Label = Option<(i64, i64)>;

/// Labels by the path in the CSV file.
#[derive(Debug, Default)]
pub(super) struct Labels(BTreeMap<String, Label>);

#[derive(serde::Deserialize)]
struct Row {
    path: String,
    start_s: Option<f64>,
    end_s: Option<f64>,
}

impl Labels {
    /// Reads the file at `path`: a header `path,start_s,end_s`, then one line a file, times in seconds
    /// from its start; both times empty say that there is no speech in it.
    ///
    /// # Errors
    /// [`AudioError::Labels`] with the line.
    pub(super) fn read(path: &Path) -> Result<Labels, AudioError> {
        let wrong = |line: Option<u64>, reason: String| AudioError::Labels {
            path: path.display().to_string(),
            line: line.unwrap_or(1),
            reason,
        };
        let mut csv = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .comment(Some(b'#'))
            .from_path(path)
            .map_err(|e| wrong(None, e.to_string()))?;
        let headers = csv
            .headers()
            .map_err(|e| wrong(None, e.to_string()))?
            .clone();
        let mut labels = BTreeMap::new();
        for record in csv.records() {
            let record =
                record.map_err(|e| wrong(e.position().map(csv::Position::line), e.to_string()))?;
            let line = record.position().map(csv::Position::line);
            let row: Row = record
                .deserialize(Some(&headers))
                .map_err(|e| wrong(line, e.to_string()))?;
            let label = match (row.start_s, row.end_s) {
                (None, None) => None,
                (Some(start), Some(end)) if start >= 0.0 && end > start && end < 1e9 => {
                    Some((nanoseconds(start), nanoseconds(end)))
                }
                _ => {
                    let reason = "times must be seconds with 0 <= start_s < end_s, or both empty";
                    return Err(wrong(line, reason.to_owned()));
                }
            };
            if labels.insert(row.path.clone(), label).is_some() {
                return Err(wrong(line, format!("`{}` has a label already", row.path)));
            }
        }
        Ok(Labels(labels))
    }

    /// The label of a file: by the name it is reported under, else by the path it was found at.
    pub(super) fn of(&self, name: &str, path: &Path) -> Option<Label> {
        let by_path = || path.to_str().and_then(|path| self.0.get(path));
        self.0.get(name).or_else(by_path).copied()
    }

    /// The paths of labels for which `used` is false.
    pub(super) fn unused(&self, used: impl Fn(&str) -> bool) -> Vec<String> {
        let paths = self.0.keys().filter(|path| !used(path));
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
        assert_eq!(labels.unused(|path| path != "quiet.wav"), ["quiet.wav"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, line, what) in [
            ("path,start_s,end_s\na,1,2\nb,2,1\n", 3, "start_s < end_s"),
            ("path,start_s,end_s\na,x,2\n", 2, "invalid float"),
            ("path,start_s,end_s\na,1,2\na,1,3\n", 3, "already"),
            ("path,start_s\na,1\n", 2, "end_s"),
            ("path,start_s,end_s\na,1,\n", 2, "both empty"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(&format!("line {line}")), "{error}");
            assert!(error.contains(what), "{error}");
        }
    }
}
