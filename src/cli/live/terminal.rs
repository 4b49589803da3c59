//! A terminal that is drawn on as a whole, and left as it was found: at the end, and when a thread
//! panics. What is said meanwhile is said again below, when the screen is gone.

use std::env::var_os;
use std::io::{IsTerminal, Stderr, Write, stderr};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use rustix::termios::tcgetwinsize;

use crate::cli::stderr::{hold, release, release_in_panic};
use crate::cli::stdout::may_colour;
use crate::fence;
use crate::live::screen::Size;

/// Another screen than the one with the shell's history, without a cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// Where the system does not tell the size.
const USUAL: Size = Size {
    columns: 80,
    rows: 24,
};

/// Whether a screen is up: one at a time, as there is one terminal.
static UP: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// The terminal of standard error, taken over; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Terminal {
    stderr: Stderr,
    colour: bool,
}

impl Terminal {
    /// Takes over the terminal, if there is one that can be drawn on.
    pub(crate) fn enter() -> Option<Terminal> {
        let own = stderr();
        let dumb = var_os("TERM").is_none_or(|term| term == "dumb");
        if !own.is_terminal() || dumb || UP.swap(true, SeqCst) {
            return None;
        }
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                if !fence::is_up() && UP.swap(false, SeqCst) {
                    write(&stderr(), LEAVE);
                    release_in_panic();
                }
                before(panic);
            }));
        });
        hold();
        write(&own, ENTER);
        Some(Terminal {
            stderr: own,
            colour: may_colour(),
        })
    }

    /// Whether there may be colours.
    pub(crate) fn colour(&self) -> bool {
        self.colour
    }

    /// Its room now: it may change while a run goes on.
    pub(crate) fn size(&self) -> Size {
        match tcgetwinsize(&self.stderr) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size {
                columns: usize::from(size.ws_col),
                rows: usize::from(size.ws_row),
            },
            _ => USUAL,
        }
    }

    /// Draws `lines` over what is there.
    pub(crate) fn draw(&self, lines: &[String]) {
        // Held over the look, so that no panic leaves the screen between it and the drawing.
        let _held = self.stderr.lock();
        if UP.load(SeqCst) {
            // Each line is cleared to its end, and then all below the last.
            let lines = lines.join("\x1b[K\r\n");
            write(&self.stderr, &format!("\x1b[H{lines}\x1b[K\x1b[J"));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if UP.swap(false, SeqCst) {
            write(&self.stderr, LEAVE);
            release();
        }
    }
}

/// Nobody watching is no reason to fail.
fn write(stderr: &Stderr, text: &str) {
    let mut stderr = stderr.lock();
    let _ = stderr
        .write_all(text.as_bytes())
        .and_then(|()| stderr.flush());
}
