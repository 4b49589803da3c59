//! What is shown of a run while it goes on, on standard error: a screen on a terminal, a line every
//! five seconds elsewhere. It is drawn by a thread of its own that only reads gauges.

pub(super) mod terminal;

use std::io::{IsTerminal, stderr};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::stderr::{last_held, say};
use crate::clock::{Clock, RunClock};
use crate::live::gauges::Gauges;
use crate::live::screen::{Sheet, line, screen};
use crate::live::snapshot::{History, Snapshot};
use crate::live::thread::give_way;
use terminal::Terminal;

/// How often the screen is drawn.
const DRAW_EVERY: Duration = Duration::from_secs(1);
/// How many seconds are between two lines where there is no screen.
const LINE_EVERY: u64 = 5;

/// What is shown of a run.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct LiveArgs {
    /// Show nothing while it goes on, but say the rest
    #[arg(long, help_heading = "Live")]
    pub(crate) no_live: bool,
}

/// Shows the gauges of a run until `done` is closed: on a screen, where that is wanted
/// and there is a terminal, and else in lines.
pub(super) fn show(
    sheet: &Sheet,
    gauges: &Gauges,
    clock: &RunClock,
    screen_wanted: bool,
    done: &Receiver<()>,
) {
    give_way();
    let terminal = screen_wanted.then(Terminal::enter).flatten();
    let mut history = History::default();
    let mut seconds = 0;
    loop {
        history.push(Snapshot::of(gauges, clock.now()));
        match &terminal {
            Some(terminal) => terminal.draw(&screen(
                sheet,
                &history,
                &last_held(),
                terminal.size(),
                terminal.colour(),
            )),
            None if seconds > 0 && seconds % LINE_EVERY == 0 => {
                say(&format!("{}\n", line(sheet, &history)));
            }
            None => {}
        }
        if done.recv_timeout(DRAW_EVERY) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        seconds += 1;
    }
}

/// Shows what `line` says now, again and again, until `done` is closed.
pub(super) fn draw(done: &Receiver<()>, line: impl Fn() -> String) {
    give_way();
    let terminal = stderr().is_terminal();
    let every = Duration::from_secs(if terminal { 1 } else { LINE_EVERY });
    while done.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        let line = line();
        // On a terminal each line replaces the one before.
        say(&match terminal {
            true => format!("\r\x1b[2K{line}"),
            false => format!("{line}\n"),
        });
    }
    if terminal {
        say("\r\x1b[2K");
    }
}
