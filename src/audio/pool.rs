//! What a conversion made, and what it has to say of files.

use super::transcripts::Matched;
use super::untried::Untried;

/// Files of each kind that are named.
const REMARKS: usize = 10;

/// What is said of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The file, as in its [`SourceRow`](crate::trace::model::SourceRow).
    pub path: String,
    /// What.
    pub text: String,
}

/// Files of which something is said: how many, and what of the first. The table of sources has all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remarks {
    /// How many there are.
    pub files: u64,
    /// The first of them.
    pub first: Vec<Remark>,
}

impl Remarks {
    /// Takes in the next file.
    pub(super) fn push(&mut self, path: &str, text: &str) {
        self.files += 1;
        if self.first.len() < REMARKS {
            self.first.push(Remark {
                path: path.to_owned(),
                text: text.to_owned(),
            });
        }
    }
}

/// What a conversion made: the tables of clips and of sources in the bundle's folder, and this.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pool {
    /// Clips.
    pub clips: u64,
    /// Files that were looked at.
    pub files: u64,
    /// Files converted.
    pub converted: u64,
    /// Files taken over from the previous bundle.
    pub reused: u64,
    /// Files that gave no clip, and why.
    pub skipped: Remarks,
    /// Files that gave clips, but were odd: in what, and how it was taken.
    pub noted: Remarks,
    /// Files in folders that do not look like audio and were not tried.
    pub untried: Untried,
    /// Paths in the labels file that are no file of these.
    pub unused_labels: Vec<String>,
    /// How the table of transcripts fits the clips, where one was given.
    pub transcripts: Option<Matched>,
}
