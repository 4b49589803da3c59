//! Text for terminals: its colours, and pages of lines with a label column that wrap at 80 columns.

use super::plain;

/// Columns of a page.
pub const WIDTH: usize = 80;
/// Columns of the labels on the left, on pages and on the screen of a run.
pub const LABEL: usize = 10;

/// How a piece of text is shown where colour is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As the terminal shows text.
    Plain,
    /// Bold.
    Strong,
    /// Of less interest.
    Faint,
    /// As it should be.
    Good,
    /// To be looked at.
    Warning,
    /// What fails.
    Bad,
}

impl Tone {
    /// This tone where `it_is` so, else plain.
    #[must_use]
    pub fn when(self, it_is: bool) -> Tone {
        if it_is { self } else { Tone::Plain }
    }

    /// `text` in this tone; without `colour` there are no escape codes. What the text itself has
    /// of them is replaced: texts of gateways and traces are shown with this.
    #[must_use]
    pub fn paint(self, text: &str, colour: bool) -> String {
        let code = match self {
            Tone::Plain => "",
            Tone::Strong => "1",
            Tone::Faint => "2",
            Tone::Good => "1;32",
            Tone::Warning => "1;33",
            Tone::Bad => "1;31",
        };
        let text = plain(text);
        match colour && !code.is_empty() && !text.is_empty() {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.into_owned(),
        }
    }
}

/// Lines of text under construction.
#[derive(Debug)]
pub struct Page {
    text: String,
    colour: bool,
}

impl Page {
    /// An empty page; without `colour` it holds no escape codes.
    #[must_use]
    pub fn new(colour: bool) -> Page {
        Page {
            text: String::new(),
            colour,
        }
    }

    /// The finished text.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    /// Appends `text` in `tone` to the current line.
    pub fn put(&mut self, text: &str, tone: Tone) {
        self.text.push_str(&tone.paint(text, self.colour));
    }

    /// Ends the current line.
    pub fn end_line(&mut self) {
        self.text.push('\n');
    }

    /// A label and `items` after it, separated by dots; lines break between items.
    pub fn items(&mut self, label: &str, items: &[(String, Tone)]) {
        self.put(&format!("{label:<LABEL$}"), Tone::Strong);
        let mut column = LABEL;
        for (i, (item, tone)) in items.iter().enumerate() {
            let width = item.chars().count();
            if i > 0 && column + 3 + width > WIDTH {
                self.end_line();
                self.put(&" ".repeat(LABEL), Tone::Plain);
                column = LABEL;
            } else if i > 0 {
                self.put(" · ", Tone::Faint);
                column += 3;
            }
            self.put(item, *tone);
            column += width;
        }
        self.end_line();
    }

    /// A point of a list under a label: its lines break between words, beside the dash.
    pub fn point(&mut self, text: &str, tone: Tone) {
        self.words(&format!("{:LABEL$}-", ""), text, LABEL + 2, tone);
    }

    /// A label and a text after it whose lines break between words and start at `indent`.
    pub fn words(&mut self, label: &str, text: &str, indent: usize, tone: Tone) {
        self.put(&format!("{label:<indent$}"), Tone::Strong);
        self.rest(text, indent, tone);
    }

    /// The rest of a line of which `indent` columns are taken; further lines start there.
    pub fn rest(&mut self, text: &str, indent: usize, tone: Tone) {
        for (k, line) in wrapped(text, WIDTH - indent).iter().enumerate() {
            if k > 0 {
                self.put(&" ".repeat(indent), Tone::Plain);
            }
            self.put(line, tone);
            self.end_line();
        }
    }
}

/// The words of `text` in lines of at most `width` columns, where words allow it; at least one line.
#[must_use]
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_before_column_80_under_their_text() {
        let mut page = Page::new(false);
        page.words("errors", &"word ".repeat(20), 20, Tone::Plain);
        page.items("turns", &vec![("eleven char".to_owned(), Tone::Bad); 6]);
        let text = page.into_text();
        assert!(
            text.lines().all(|line| line.chars().count() <= WIDTH),
            "{text}"
        );
        let starts: Vec<_> = text.lines().map(|line| line.trim_start().len()).collect();
        assert_eq!(starts.len(), 4, "{text}");
    }

    #[test]
    fn what_came_from_outside_cannot_steer_the_terminal() {
        let mut page = Page::new(true);
        page.put("a\x1b[31mb\r\n", Tone::Plain);
        assert_eq!(page.into_text(), "a [31mb  ");
    }
}
