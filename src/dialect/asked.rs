//! What a caller does on a session that others overhear.

use crate::conversation::message::ClientMessage;

/// What a caller did.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// A message. What the session is may be said again until there is audio; the last time counts.
    Message(ClientMessage),
    /// The caller said that an utterance has ended.
    EndOfUtterance,
    /// The caller said that nothing more comes.
    EndOfInput,
}
