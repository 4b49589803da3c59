//! Reads whatever a server may reply, or a client say, whose protocol over gRPC is described: nothing may crash, hang, or
//! take memory without bounds.
//!
//! `cargo +nightly fuzz run described_grpc -- -rss_limit_mb=1024 -timeout=20`
//!
//! The first byte chooses a description; the rest is one message.

#![no_main]

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use voicelt::dialect::described::{Described, Listener, Server, Session, Surroundings};

const DESCRIPTIONS: [(&str, &str, &str); 2] = [
    (
        "riva.toml",
        include_str!("../../proto/dialects/riva.toml"),
        include_str!("../../proto/dialects/riva.proto"),
    ),
    (
        "stream-audio.toml",
        include_str!("../../proto/dialects/stream-audio.toml"),
        include_str!("../../proto/voice_workflow.proto"),
    ),
];

thread_local! {
    static DESCRIBED: Vec<Arc<Described>> = DESCRIPTIONS.map(|(name, text, proto)| {
        let with = Surroundings {
            env: &|_| None,
            file: Rc::new(|path| match path.ends_with(".proto") {
                true => Ok(proto.to_owned()),
                false => Err(io::ErrorKind::NotFound.into()),
            }),
        };
        Arc::new(Described::parse(name, text, &with).expect("it is shipped"))
    }).into();
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, reply)) = data.split_first() else {
        return;
    };
    DESCRIBED.with(|described| {
        let described = &described[usize::from(*choice) % described.len()];
        let mut session = Session::new(described.clone(), Vec::new());
        let server = Server::new(described.clone()).expect("what is shipped can be served");
        let mut listener = Listener::new(Arc::new(server));
        let reply = bytes::Bytes::copy_from_slice(reply);
        drop(listener.message(&reply));
        drop(listener.message(&reply));
        let mut bytes = 0;
        let _ = session.decode(&reply, &mut |heard| bytes += heard.payload_bytes());
        // A byte of G.711 is two of PCM; invalid UTF-8 is three bytes in place of one.
        assert!(bytes <= 64 * (3 * reply.len() + 100));
    });
});
