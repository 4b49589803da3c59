//! Reads whatever a bot of Twilio Media Streams, and a caller of one, may say, as they and as whoever overhears them,
//! and what a webhook may answer: nothing may crash, hang, or take memory without bounds.
//!
//! `cargo +nightly fuzz run twilio -- -rss_limit_mb=1024 -timeout=20`
//!
//! Each line is a message, which comes 20 ms after the one before it.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use voicelt::conversation::message::{ServerMessage, Start};
use voicelt::dialect::twilio::{stream_verb, Overheard, Session, Twilio, TwilioSpec};

const STEP_NS: i64 = 20_000_000;

fuzz_target!(|data: &[u8]| {
    // What a webhook may answer.
    if let Ok(verb) = stream_verb(data) {
        assert!(verb.url.len() <= data.len());
    }
    let Ok(setup) = Twilio::new(TwilioSpec::default()) else {
        return;
    };
    let mut session = Session::new(Arc::new(setup));
    let mut overheard = Overheard::default();
    drop(session.start(&Start::default()));
    let (mut marks, mut owed) = (0, 0);
    for (number, message) in data.split(|byte| *byte == b'\n').enumerate() {
        let now_ns = number as i64 * STEP_NS;
        let _ = overheard.asked(message, &mut |_| ());
        let _ = overheard.answered(now_ns, message, &mut |at_ns, _| assert!(at_ns <= now_ns));
        if let Ok(reply) = session.decode(now_ns, message) {
            marks += usize::from(reply.kind == "mark");
            if let ServerMessage::Audio(pcm) = &reply.what {
                // A byte of G.711 is two of PCM.
                assert!(pcm.len() <= 2 * message.len());
            }
        }
        owed += std::iter::from_fn(|| session.owed(now_ns)).count();
        assert!(owed <= marks, "no mark comes back twice");
    }
});
