//! The files of folders that are not tried, since nothing about them looks like audio: how many of which kind.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// Longest extension that is a kind of its own.
const LONGEST: usize = 12;
/// Most kinds that are counted by themselves, in memory and in a sentence.
const COUNTED: usize = 1_000;
const SHOWN: usize = 5;

/// How many files were not tried, by their extension.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Untried {
    /// By the extension in small letters; empty for none.
    kinds: BTreeMap<String, u64>,
    others: u64,
}

impl Untried {
    /// Counts a file.
    pub(super) fn count(&mut self, path: &Path) {
        let extension = path.extension().unwrap_or_default().to_str();
        let kind = extension
            .map(str::to_lowercase)
            .filter(|kind| kind.len() <= LONGEST && kind.chars().all(char::is_alphanumeric));
        match kind {
            Some(kind) if self.kinds.len() < COUNTED || self.kinds.contains_key(&kind) => {
                *self.kinds.entry(kind).or_default() += 1;
            }
            _ => self.others += 1,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn files(&self) -> u64 {
        self.kinds.values().sum::<u64>() + self.others
    }
}

/// Such as `12 .txt, 3 .pdf, 2 without extension`: most frequent first.
impl fmt::Display for Untried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds: Vec<(&String, u64)> = self.kinds.iter().map(|(k, &n)| (k, n)).collect();
        kinds.sort_by_key(|&(kind, files)| (std::cmp::Reverse(files), kind));
        let shown = kinds
            .iter()
            .take(SHOWN)
            .map(|(kind, files)| match kind.as_str() {
                "" => format!("{files} without extension"),
                kind => format!("{files} .{kind}"),
            });
        let mut shown: Vec<String> = shown.collect();
        let rest: u64 = kinds.iter().skip(SHOWN).map(|&(_, files)| files).sum();
        if rest + self.others > 0 {
            shown.push(format!("{} of other kinds", rest + self.others));
        }
        f.pad(&shown.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_counted_by_extension_and_the_rest_together() {
        let mut untried = Untried::default();
        assert_eq!((untried.files(), untried.to_string()), (0, String::new()));
        for name in [
            "a.TXT",
            "b.txt",
            "c",
            "d.pdf",
            "e.pdf",
            "f.pdf",
            ".hidden",
            "x.\u{1b}[2J",
        ] {
            untried.count(Path::new(name));
        }
        let said = "3 .pdf, 2 without extension, 2 .txt, 1 of other kinds";
        assert_eq!((untried.files(), untried.to_string().as_str()), (8, said));
        for n in 0..3 * COUNTED {
            untried.count(Path::new(&format!("a.{n}")));
        }
        assert!(untried.kinds.len() <= COUNTED);
        assert_eq!(untried.files(), 8 + 3 * COUNTED as u64);
    }
}
