//! What is shown of a run while it goes on, on standard error: a screen on a terminal, now and then a
//! line elsewhere. It is drawn by a thread of its own that only reads gauges.

pub(super) mod terminal;

use std::io::{IsTerminal, stderr};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::duration::DurationArg;
use super::stderr::{last_held, say, say_over};
use crate::clock::{Clock, RunClock};
use crate::live::gauges::Gauges;
use crate::live::screen::{Sheet, line, screen};
use crate::live::snapshot::{History, Snapshot};
use crate::units::priority::lower_priority;
use crate::units::{DurationError, NS_PER_S};
use terminal::Terminal;

/// How often the screen is drawn.
const DRAW_EVERY: Duration = Duration::from_secs(1);

/// What is shown of a run.
#[derive(Debug, Clone, Copy, clap::Args)]
#[command(next_help_heading = "Live")]
pub(crate) struct LiveArgs {
    /// Show nothing while it goes on, but say the rest
    #[arg(long)]
    pub(crate) no_live: bool,
    /// Where there is no screen, a line each so long; whole seconds
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = whole_seconds)]
    pub(crate) live_interval: DurationArg,
}

impl LiveArgs {
    /// Seconds from one line to the next.
    pub(super) fn line_every(self) -> u64 {
        self.live_interval.ns.unsigned_abs() / NS_PER_S.unsigned_abs()
    }
}

fn whole_seconds(text: &str) -> Result<DurationArg, String> {
    let read: DurationArg = text
        .parse()
        .map_err(|error: DurationError| error.to_string())?;
    match read.ns {
        ns if ns >= NS_PER_S && ns % NS_PER_S == 0 => Ok(read),
        _ => Err(format!(
            "`{text}` is not from 1s on in whole seconds; use one such as 5s"
        )),
    }
}

/// Shows the gauges of a run until `done` is closed: on a screen, where that is wanted
/// and there is a terminal, and else in lines, `line_every` seconds apart.
pub(super) fn show(
    sheet: &Sheet,
    gauges: &Gauges,
    clock: &RunClock,
    screen_wanted: bool,
    line_every: u64,
    done: &Receiver<()>,
) {
    lower_priority();
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
            None if seconds > 0 && seconds % line_every == 0 => {
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

/// Shows what `line` says now, again and again, until `done` is closed; `line_every` seconds apart
/// where there is no terminal.
pub(super) fn draw(done: &Receiver<()>, line_every: u64, line: impl Fn() -> String) {
    lower_priority();
    let terminal = stderr().is_terminal();
    let every = Duration::from_secs(if terminal { 1 } else { line_every });
    while done.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        let line = line();
        // On a terminal each line replaces the one before.
        match terminal {
            true => say_over(&line),
            false => say(&format!("{line}\n")),
        }
    }
    if terminal {
        say_over("");
    }
}
