//! The tests of the whole program, in one program of their own: it links once, and they share what
//! they stand on (`support`). `cargo test --test it replay::` runs one of these modules.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod audio;
mod compare;
mod config;
mod damaged;
mod doctor;
mod foreign;
mod gateway;
mod house;
mod import;
mod judged;
mod killed;
mod library;
mod live;
mod made;
mod messages;
mod metrics;
mod missing;
mod mutations;
mod original;
mod outside;
mod prepare;
mod protocol;
mod readme;
mod record;
mod recover;
mod replay;
mod runs;
mod settings;
mod speech_foreign;
mod support;
mod trace_edit;
mod trace_roundtrip;
mod trace_stream;
mod unpacked;
