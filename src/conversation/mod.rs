//! What is said on a session, in no protocol's words: its messages (`message`), whose answer each of
//! them is (`attribution`, and `items` where the server names what it is about), what comes in `answers` to
//! each utterance (an `answer` each), the final one of its `transcripts`, what the caller hears (`playout`), of a `greeting` too,
//! what of it is `audible`, answers that only `sound` tells, encoded audio that many sessions send (`framed`), and what is kept of a `text`. Pure; used by replays and
//! by recordings.

pub mod answer;
pub mod answers;
pub mod attribution;
pub mod audible;
pub mod framed;
pub mod greeting;
pub mod items;
pub mod message;
pub mod playout;
pub mod sound;
pub mod text;
pub mod transcripts;
