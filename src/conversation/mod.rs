//! What is said on a session, in no protocol's words: the kinds of a server's messages, whose
//! answer each of them is, and what is kept of texts. Pure; used by replays and by recordings.

pub mod attribution;
pub mod message;
pub mod text;
pub mod transcripts;
