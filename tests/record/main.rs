//! `voicelt record`, as users run it: what passes it, what it keeps, and what it keeps when it is
//! killed or the disk is full.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod conformance;
mod desk;
mod faults;
mod raw;
mod recording;
