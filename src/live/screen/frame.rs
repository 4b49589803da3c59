//! Lines that fit a terminal: cut at its width, and at its height with what matters least gone
//! first.

use super::Size;
use crate::units::terminal::{LABEL, Tone};

/// A screen that is being filled.
pub(super) struct Frame {
    size: Size,
    colour: bool,
    lines: Vec<String>,
}

impl Frame {
    pub(super) fn new(size: Size, colour: bool) -> Frame {
        Frame {
            size,
            colour,
            lines: Vec::new(),
        }
    }

    /// An empty line, the first to go when there is no room.
    pub(super) fn gap(&mut self) {
        self.lines.push(String::new());
    }

    /// A line of pieces, cut where it would be too long.
    pub(super) fn line(&mut self, pieces: &[(&str, Tone)]) {
        let mut line = String::new();
        let mut room = self.size.columns;
        for (text, tone) in pieces {
            let shown: String = text.chars().take(room).collect();
            room -= shown.chars().count();
            line.push_str(&tone.paint(&shown, self.colour));
        }
        self.lines.push(line);
    }

    /// A line with a label on its left.
    pub(super) fn labelled(&mut self, label: &str, pieces: &[(&str, Tone)]) {
        let label = format!("{label:<LABEL$}");
        self.line(&[&[(label.as_str(), Tone::Strong)], pieces].concat());
    }

    /// A line with one piece at either end.
    pub(super) fn apart(&mut self, left: (&str, Tone), right: (&str, Tone)) {
        let used = right.0.chars().count() + 2;
        let room = self.size.columns.saturating_sub(used);
        let left_text: String = left.0.chars().take(room).collect();
        let space = room.saturating_sub(left_text.chars().count()) + 2;
        let space = " ".repeat(space);
        self.line(&[(&left_text, left.1), (&space, Tone::Plain), right]);
    }

    /// A bar that is filled by `share` between two pieces.
    pub(super) fn bar(&mut self, left: (&str, Tone), share: f64, right: (&str, Tone)) {
        let label = format!("{:<LABEL$}", left.0);
        let used = LABEL + right.0.chars().count() + usize::from(!right.0.is_empty()) * 2;
        let room = self.size.columns.saturating_sub(used);
        let filled = (room as f64 * share) as usize;
        let (done, left_over) = ("━".repeat(filled), "─".repeat(room - filled));
        let space = if right.0.is_empty() { "" } else { "  " };
        self.line(&[
            (&label, left.1),
            (&done, Tone::Good),
            (&left_over, Tone::Faint),
            (space, Tone::Plain),
            right,
        ]);
    }

    /// The lines that fit: without gaps where those take the room, then without what is below.
    pub(super) fn into_lines(mut self) -> Vec<String> {
        let mut excess = self.lines.len().saturating_sub(self.size.rows);
        self.lines.retain(|line| {
            let goes = excess > 0 && line.is_empty();
            excess -= usize::from(goes);
            !goes
        });
        self.lines.truncate(self.size.rows);
        self.lines
    }
}
