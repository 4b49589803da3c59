//! OpenAI's Realtime protocol and its relatives: JSON events over a WebSocket, audio in base64.

mod agreed;
mod client_events;
mod event;
mod heard;
mod item_names;
mod listening;
mod opening;
mod overheard;
mod payload;
mod profile;
mod response;
pub mod server;
mod session;
mod setup;
#[cfg(test)]
mod tests;
mod tools;

pub(super) use listening::name_of;
pub use overheard::Overheard;
pub(super) use payload::{frame_bytes, put_audio};
pub use profile::Profile;
pub use session::Session;
pub use setup::{Realtime, RealtimeSpec};
pub use tools::Tools;

/// What the shortest of servers says to agree to a session: the first by itself, the other when it was told what the
/// session is to be.
pub(super) const AGREEMENT: &[&str] = &[
    r#"{"type":"session.created"}"#,
    r#"{"type":"session.updated"}"#,
];
