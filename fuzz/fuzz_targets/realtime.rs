//! Reads whatever a server of the Realtime protocol may say, in any state of a session: nothing may crash,
//! hang, or take memory without bounds.
//!
//! `cargo +nightly fuzz run realtime -- -rss_limit_mb=1024 -timeout=20`
//!
//! The first byte chooses the profile, and who finds where an utterance ends. Each line that follows is an
//! event, or what the session does if it is one of `START`, `END`, `TEXT` and `STOP`.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use voicelt::conversation::message::ServerMessage;
use voicelt::dialect::realtime::{Profile, Realtime, RealtimeSpec, Session, Tools};
use voicelt::dialect::Endpointing;

/// Most messages that one event may demand: an output of each of 64 calls, and the wish for an answer.
const MOST_OWED: usize = 65;

fn session(choice: u8) -> Option<Session> {
    let profile = Profile::ALL[usize::from(choice) % Profile::ALL.len()];
    let endpointing = match choice & 4 {
        0 => Endpointing::Caller,
        _ => Endpointing::Server,
    };
    let canned = serde_json::json!({"f": {"output": "done", "delay_ms": 20}});
    let spec = RealtimeSpec {
        profile,
        model: Some("m".to_owned()),
        endpointing,
        tools: Tools::new(canned).ok().filter(|_| choice & 8 == 0),
        ..RealtimeSpec::default()
    };
    // vLLM has no open microphone.
    Some(Session::new(Arc::new(Realtime::new(spec).ok()?), 2))
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, events)) = data.split_first() else {
        return;
    };
    let Some(mut session) = session(*choice) else {
        return;
    };
    for (number, event) in events.split(|byte| *byte == b'\n').enumerate() {
        let mut heard_bytes = 0;
        match event {
            b"START" => drop(session.start()),
            b"END" => drop(session.end_of_utterance(number)),
            b"TEXT" => drop(session.text("hello")),
            b"STOP" => drop(session.interrupted(number as i64 * 10_000_000)),
            _ => {
                let _ = session.decode(number as i64, event, &mut |reply| {
                    if let ServerMessage::Audio(pcm) = &reply.what {
                        heard_bytes += pcm.len();
                    }
                    heard_bytes += reply.text().len();
                });
            }
        }
        // A byte of G.711 is two of PCM, and a failure may have words of ours.
        assert!(heard_bytes <= 2 * event.len() + 100);
        let owed = std::iter::from_fn(|| session.owed(i64::MAX));
        assert!(owed.count() <= MOST_OWED);
    }
});
