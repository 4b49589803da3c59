//! What became of a frame that was to be sent, and how far a stream has been read.

use http::response::Parts;

use super::ended::Ended;
use crate::units::RunTime;

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It will be written before any other.
    Taken,
    /// There is no room for all of it now; nothing of it was taken.
    Blocked,
    /// The stream has ended; whoever reads it learns why.
    Gone,
}

/// When the system had all of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HadBy {
    /// That instant.
    pub at: RunTime,
    /// Since when the system had taken nothing of the connection, as the peer took nothing from it; `None` if
    /// the frame did not have to wait for that.
    pub stuck_since: Option<RunTime>,
}

/// How far a stream has been read.
#[derive(Debug)]
pub enum Progress {
    /// The server's status and headers.
    Head(Box<Parts>),
    /// Bytes, and the messages that are complete with them.
    Read,
    /// The end, and how.
    Ended(Ended),
}
