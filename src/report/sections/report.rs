//! What sections are made of: the summary of a run and, for a page, what its pictures are drawn from.

use super::collect::Collected;
use crate::report::summary::Summary;
use crate::results::manifest::RunManifest;
use crate::results::row::{ServerRow, TimelineRow};

/// A run that is reported.
pub(in crate::report) struct Report<'a> {
    pub(in crate::report) summary: &'a Summary,
    /// For a page; a terminal has none.
    pub(in crate::report) pictures: Option<Pictures<'a>>,
}

/// What pictures are drawn from.
pub(in crate::report) struct Pictures<'a> {
    pub(in crate::report) run: &'a RunManifest,
    pub(in crate::report) timeline: &'a [TimelineRow],
    /// What its servers measured.
    pub(in crate::report) server: &'a [ServerRow],
    pub(in crate::report) collected: Collected,
    /// Whether transcripts and answers are shown.
    pub(in crate::report) include_text: bool,
}
