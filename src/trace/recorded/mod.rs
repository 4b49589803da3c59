//! From what a journal says of one call to a session of a trace.
//!
//! `call` takes the rows apart into what was sent and what was answered, as far as a trace can hold
//! it; `utterances` finds the turns in it; `answers` says whose answer each message is; `clips`
//! makes clips of the audio that `pcm` reads; `session` puts the rows together.

mod answers;
mod call;
mod clips;
mod pcm;
mod session;
#[cfg(test)]
mod tests;
mod utterances;

pub(super) use call::{RecordedCall, Unfit};
pub(super) use pcm::PcmFile;
pub(super) use session::write;
