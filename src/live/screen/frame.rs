//! Lines that fit a terminal: cut at its width, and at its height with what matters least gone
//! first.

use crate::units::terminal::{LABEL, Tone};

/// Room on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Characters in a line.
    pub columns: usize,
    /// Lines.
    pub rows: usize,
}

/// Text in a tone.
pub(super) type Piece = (String, Tone);

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
    pub(super) fn line(&mut self, pieces: impl IntoIterator<Item = Piece>) {
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
    pub(super) fn labelled(&mut self, label: &str, pieces: impl IntoIterator<Item = Piece>) {
        let label = (format!("{label:<LABEL$}"), Tone::Strong);
        self.line([label].into_iter().chain(pieces));
    }

    /// A line with one piece at either end; the left one is cut.
    pub(super) fn apart(&mut self, left: (&str, Tone), right: Piece) {
        let room = self.room_beside(&right);
        let text: String = left.0.chars().take(room).collect();
        self.line([(format!("{text:room$}  "), left.1), right]);
    }

    /// A bar that is filled by `share` between two pieces.
    pub(super) fn bar(&mut self, left: (&str, Tone), share: f64, right: Piece) {
        let room = self.room_beside(&right).saturating_sub(LABEL);
        let filled = (room as f64 * share) as usize;
        self.line([
            (format!("{:<LABEL$}", left.0), left.1),
            ("━".repeat(filled), Tone::Good),
            ("─".repeat(room - filled), Tone::Faint),
            ("  ".to_owned(), Tone::Plain),
            right,
        ]);
    }

    /// The columns to the left of a piece at the right end, and of a gap before it.
    fn room_beside(&self, right: &Piece) -> usize {
        let used = match right.0.is_empty() {
            true => 0,
            false => right.0.chars().count() + 2,
        };
        self.size.columns.saturating_sub(used)
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
