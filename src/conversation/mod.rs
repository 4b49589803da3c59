//! What is said on a session, in no protocol's words: its messages (`message`), whose answer each of
//! them is (`attribution`), what comes in `answers` to each utterance, the final one of its
//! `transcripts`, what the caller hears (`playout`), encoded audio that many sessions send (`framed`),
//! and what is kept of a `text`. Pure; used by replays and by recordings.

pub mod answers;
pub mod attribution;
pub mod framed;
pub mod message;
pub mod playout;
pub mod text;
pub mod transcripts;
