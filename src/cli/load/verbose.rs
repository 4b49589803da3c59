//! What `-v` and `-vv` say: a line for each request that failed, or for every one, as it ends.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use crate::cli::stderr::say;
use crate::results::row::RequestRow;
use crate::units::{Human, plain};

/// Lines that may wait to be printed; what comes on top is counted and left out, since a slow
/// terminal must not hold up the results.
const MOST_WAITING: usize = 1024;

/// Makes the lines.
pub(super) struct Teller {
    level: u8,
    lines: SyncSender<String>,
    left_out: AtomicU64,
}

impl Teller {
    /// One for this level of `-v`, and where its lines come out.
    pub(super) fn new(level: u8) -> (Teller, Receiver<String>) {
        let (lines, printed) = sync_channel(MOST_WAITING);
        let teller = Teller {
            level,
            lines,
            left_out: AtomicU64::new(0),
        };
        (teller, printed)
    }

    /// Tells of a request that ended, if it is to be told of; never waits.
    pub(super) fn tell(&self, row: &RequestRow) {
        if self.level == 0 || (self.level == 1 && row.status.is_success()) {
            return;
        }
        if let Err(TrySendError::Full(_)) = self.lines.try_send(line(row)) {
            self.left_out.fetch_add(1, Relaxed);
        }
    }

    /// How many lines found no room, in a sentence; nothing where all did.
    pub(super) fn end(self) -> Option<String> {
        match self.left_out.into_inner() {
            0 => None,
            n => Some(format!(
                "{n} lines of -v were left out: they came too fast\n"
            )),
        }
    }
}

/// Prints lines until there will be no more.
pub(super) fn print(lines: &Receiver<String>) {
    while let Ok(line) = lines.recv() {
        say(&line);
    }
}

fn line(row: &RequestRow) -> String {
    let ended = Human(row.closed_ns.unwrap_or(row.intended_start_ns)).to_string();
    let mut line = format!(
        "{ended:>7}  {} turn {}  {}",
        plain(&row.session_id),
        row.turn,
        row.status
    );
    let latencies = [
        ("response", row.response_ns),
        ("e2e", row.e2e_ns),
        ("asr", row.asr_ns),
        (
            "first text",
            row.first_text_ns.filter(|_| row.response_ns.is_none()),
        ),
        ("final", row.final_ns.filter(|_| row.response_ns.is_none())),
    ];
    // Writing to a String cannot fail.
    for (name, ns) in latencies {
        if let Some(ns) = ns {
            let _ = write!(line, "  {name} {}", Human(ns));
        }
    }
    for text in [&row.error, &row.transcript].into_iter().flatten() {
        let _ = write!(line, "  {}", plain(&format!("{text:?}")));
    }
    line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::Status;
    use crate::results::sample::{row, unanswered};

    fn told(level: u8, rows: &[RequestRow]) -> (Vec<String>, Option<String>) {
        let (teller, lines) = Teller::new(level);
        rows.iter().for_each(|row| teller.tell(row));
        (lines.try_iter().collect(), teller.end())
    }

    #[test]
    fn failures_are_told_first_and_everything_when_asked_twice() {
        let failed = RequestRow {
            error: Some("no\nroom".to_owned()),
            ..unanswered(1, Status::Error)
        };
        let rows = [row(0), failed];
        assert_eq!(told(0, &rows).0, [""; 0]);
        let (lines, _) = told(1, &rows);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].contains("call-1 turn 1  error") && lines[0].contains("no\\nroom"));
        let (lines, _) = told(2, &rows);
        assert!(lines[0].contains("ok  response 200 ms"), "{}", lines[0]);
    }

    #[test]
    fn what_came_from_outside_is_on_its_line_and_steers_nothing() {
        let odd = RequestRow {
            session_id: "a\x1b[2J\nerror: b\u{202e}".to_owned(),
            error: Some("\x1b]0;x\u{7}\u{202e}".to_owned()),
            ..unanswered(1, Status::Error)
        };
        let (lines, _) = told(1, &[odd]);
        let [line] = &lines[..] else {
            panic!("{lines:?}");
        };
        let text = line.strip_suffix('\n').unwrap();
        assert!(
            !text.contains(|c: char| c.is_control() || c == '\u{202e}'),
            "{text:?}"
        );
        assert!(text.contains("a [2J error: b  turn 1"), "{text}");
    }

    #[test]
    fn what_comes_too_fast_is_counted() {
        let rows = vec![row(0); MOST_WAITING + 5];
        let (lines, left_out) = told(2, &rows);
        assert_eq!(lines.len(), MOST_WAITING);
        assert!(left_out.unwrap().starts_with("5 lines"));
    }
}
