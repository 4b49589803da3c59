//! Reads whatever a description of a dialect may be, and what a server or a client then says: nothing may crash, hang, or
//! take memory without bounds.
//!
//! `cargo +nightly fuzz run described -- -rss_limit_mb=1024 -timeout=20`
//!
//! A description; after a line `---` each line is a reply, and what a client says.

#![no_main]

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use voicelt::conversation::message::Start;
use voicelt::dialect::described::{Described, Listener, Server, Session, Surroundings};

const PROTO: &str = include_str!("../../proto/dialects/riva.proto");

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (description, replies) = text.split_once("\n---\n").unwrap_or((text, ""));
    let with = Surroundings {
        env: &|name| Some(name.to_owned()),
        file: Rc::new(|path| match path {
            "riva.proto" => Ok(PROTO.to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }),
    };
    let Ok(described) = Described::parse("fuzz.toml", description, &with) else {
        return;
    };
    let described = Arc::new(described);
    let vars = described.vars().to_vec();
    if let Ok(server) = Server::new(described.clone()) {
        let mut listener = Listener::new(Arc::new(server));
        for line in replies.lines() {
            drop(listener.text(line));
            drop(listener.message(&bytes::Bytes::copy_from_slice(line.as_bytes())));
        }
    }
    let mut session = Session::new(described, vars);
    drop(session.start(0, Start::default()));
    drop(session.end_of_utterance());
    for reply in replies.lines() {
        let reply = bytes::Bytes::copy_from_slice(reply.as_bytes());
        let _ = session.decode(&reply, &mut |_| {});
    }
    drop(session.end_of_input());
});
