//! Reads whatever bytes come as the frames of a WebSocket, a server's and a client's: nothing may crash or take memory without bounds,
//! and how the bytes were cut may make no difference.
//!
//! `cargo +nightly fuzz run websocket -- -rss_limit_mb=1024 -timeout=20`
//!
//! The first byte says how long the pieces are.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use voicelt::transport::websocket::frame::{Event, FrameReader, Sender};

/// What is read of pieces of this length from a sender, and the code of what ended it.
fn read(bytes: &Bytes, piece: usize, from: Sender) -> (Vec<Event>, Option<u16>) {
    let (mut reader, mut events) = (FrameReader::new(from), Vec::new());
    let mut rest = bytes.clone();
    while !rest.is_empty() {
        let some = rest.split_to(piece.min(rest.len()));
        if let Err(violation) = reader.push(some, |event| events.push(event)) {
            return (events, Some(violation.code));
        }
    }
    (events, None)
}

fuzz_target!(|data: &[u8]| {
    let Some((piece, bytes)) = data.split_first() else {
        return;
    };
    let bytes = Bytes::copy_from_slice(bytes);
    for from in [Sender::Server, Sender::Client] {
        let whole = read(&bytes, bytes.len().max(1), from);
        assert_eq!(read(&bytes, usize::from(*piece).max(1), from), whole);
    }
});
