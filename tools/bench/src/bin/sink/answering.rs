//! When answers are given: one of two seconds, in pieces, after each four seconds that were heard, so that
//! half of all callers hear something while they go on speaking.

use std::future::pending;
use std::time::Duration;

use tokio::time::{Interval, interval};

/// Chunks of a caller from one answer to the next.
const EVERY: u32 = 200;
/// Pieces of an answer.
const PIECES: u32 = 10;
/// Audio in a piece, and the time from one to the next.
pub(crate) const PIECE: Duration = Duration::from_millis(200);

/// The answers of one session.
pub(crate) struct Answering {
    left: u32,
    pieces: Interval,
}

impl Answering {
    /// Nothing was heard yet.
    pub(crate) fn new() -> Answering {
        Answering {
            left: 0,
            pieces: interval(PIECE),
        }
    }

    /// Whether an answer begins now that so many chunks were heard.
    pub(crate) fn begins(&mut self, chunks: u32) -> bool {
        let begins = chunks.is_multiple_of(EVERY);
        if begins {
            self.left = PIECES;
            self.pieces.reset_immediately();
        }
        begins
    }

    /// Waits until a piece is due; whether it is the answer's last. Cancel-safe.
    pub(crate) async fn piece(&mut self) -> bool {
        if self.left == 0 {
            pending::<()>().await;
        }
        self.pieces.tick().await;
        self.left -= 1;
        self.left == 0
    }
}
