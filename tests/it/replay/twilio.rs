//! Twilio Media Streams: the tool plays Twilio, and a bot has only sound to answer with.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha1::Sha1;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};
use voicelt::pcm::synth::speech_like;
use voicelt::pcm::wav;
use voicelt::results::protocol::DialectName;
use voicelt::results::row::{MessageRow, SessionEnd, Status};
use voicelt::table::read_all;
use voicelt::trace::journal::{JournalKind, JournalRow, JournalWriter, Recording};
use voicelt::units::{NS_PER_MS, SampleRate};

use super::replay_into;
use crate::support::odd::Odd;
use crate::support::{Desk, Output};

const TALK: &str = "--synth speech-like:1s --arrivals constant:4/s --sessions 3 --turns 2 \
                    --answer-time 4s --think-time 200ms";

/// 20 ms of µ-law.
const LOUD: [u8; 160] = [0x80; 160];
const SILENCE: [u8; 160] = [0xff; 160];
/// Two samples of noise at -45 dBFS, which are 180 and -180.
const NOISE: [u8; 2] = [0xec, 0x6c];

fn replay(to: &str, run: &str, flags: &str) -> String {
    format!("{} --dialect twilio {flags}", replay_into(to, run))
}

#[test]
fn calls_of_several_turns_are_answered_by_sound() {
    let desk = Desk::with_trace(TALK);
    let (_gateway, address) = desk.gateway("--dialect twilio --greeting");
    let flags = "--messages --turn-timing reactive --greeting wait";
    desk.voicelt(&replay(&format!("ws://{address}"), "run", flags))
        .exits(0)
        .says("audible");
    let rows = desk.requests("run");
    assert_eq!(rows.len(), 6);
    for row in &rows {
        assert_eq!((row.status, row.answers), (Status::Ok, 1), "{row:?}");
        assert_eq!(row.error, None, "nobody says that a session is ready");
        assert_eq!(row.dialect, Some(DialectName::Twilio));
        assert!(row.audible_ns.is_some_and(|ns| ns > 400_000_000), "{row:?}");
        let unknown = [row.final_ns, row.endpoint_ns, row.first_text_ns, row.asr_ns];
        assert_eq!(unknown, [None; 4], "only sound comes back");
        // 50 chunks of 160 bytes.
        assert_eq!((row.chunks_sent, row.bytes_sent), (50, 8_000));
    }
    for session in desk.sessions("run") {
        assert_eq!(
            (session.end, session.close_code),
            (SessionEnd::Finished, Some(1000))
        );
        let greeting = [
            session.opened_ns,
            session.greeting_start_ns,
            session.greeting_end_ns,
        ];
        assert!(greeting.iter().all(Option::is_some) && greeting.is_sorted());
    }
    let messages: Vec<MessageRow> = read_all(&desk.path("run/messages.parquet")).unwrap();
    for session in desk.sessions("run") {
        let chunks = messages.iter().filter(|message| {
            message.session_id == session.session_id
                && matches!(message.kind.as_str(), "audio" | "fill")
        });
        let due: Vec<i64> = chunks.filter_map(|chunk| chunk.intended_ns).collect();
        assert!(due.len() > 150, "silence goes on while the caller listens");
        let steps = due.windows(2).map(|two| two[1] - two[0]);
        assert!(steps.eq(std::iter::repeat_n(20_000_000, due.len() - 1)));
    }
}

/// What a bot was told, in order.
type Told = Arc<Mutex<Vec<Value>>>;

/// A bot that holds each of its calls so.
fn bot<F>(talk: fn(Line) -> F) -> (Odd, Told)
where
    F: Future<Output = ()> + Send + 'static,
{
    let told = Told::default();
    let all = told.clone();
    let server = Odd::sockets(move |socket| {
        let told = all.clone();
        async move {
            if let Ok(socket) = accept_async(socket).await {
                talk(Line { socket, told }).await;
            }
        }
    });
    (server, told)
}

/// A call as a bot has it.
struct Line {
    socket: WebSocketStream<TcpStream>,
    told: Told,
}

impl Line {
    /// The next message; `None` after the last.
    async fn next(&mut self) -> Option<Value> {
        loop {
            match self.socket.next().await?.ok()? {
                Message::Text(text) => {
                    let message: Value = serde_json::from_str(&text).expect("JSON");
                    self.told.lock().unwrap().push(message.clone());
                    return Some(message);
                }
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    async fn until(&mut self, is_it: impl Fn(&Value) -> bool) -> bool {
        while let Some(message) = self.next().await {
            if is_it(&message) {
                return true;
            }
        }
        false
    }

    /// Listens until the caller has spoken, and was silent for half a second.
    async fn hear_out(&mut self) {
        let (mut spoke, mut silent) = (false, 0);
        while silent < 25
            && let Some(message) = self.next().await
        {
            let payload = message["media"]["payload"].as_str().unwrap_or_default();
            let is_silent = payload
                .strip_suffix("/w==")
                .is_some_and(|all| all.bytes().all(|b| b == b'/'));
            spoke |= !payload.is_empty() && !is_silent;
            silent = if spoke && is_silent { silent + 1 } else { 0 };
        }
    }

    async fn say(&mut self, event: &str, member: Value) {
        let mut message = json!({"event": event, "streamSid": "MZ"});
        message[event] = member;
        let _ = self.socket.send(Message::text(message.to_string())).await;
    }

    async fn sound(&mut self, audio: &[u8]) {
        self.say("media", json!({"payload": STANDARD.encode(audio)}))
            .await;
    }
}

fn is_mark(message: &Value, name: &str) -> bool {
    message["event"] == "mark" && message["mark"]["name"] == name
}

#[test]
fn a_bot_that_waits_for_its_marks_goes_on_when_they_were_heard() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 2");
    let (server, told) = bot(|mut line| async move {
        line.hear_out().await;
        for part in ["a", "b", "c", "d"] {
            line.sound(&LOUD.repeat(10)).await;
            line.say("mark", json!({"name": part})).await;
            if !line.until(|message| is_mark(message, part)).await {
                return;
            }
        }
        line.until(|message| message["event"] == "stop").await;
        line.next().await;
    });
    let to = format!("ws://127.0.0.1:{}/calls", server.port);
    desk.voicelt(&replay(&to, "run", "--limit 1")).exits(0);
    let rows = desk.requests("run");
    assert_eq!(
        (rows[0].status, rows[0].audio_received_samples),
        (Status::Ok, 6_400)
    );
    let told = told.lock().unwrap();
    let events = |number: usize| told[number]["event"].as_str().unwrap_or_default();
    assert_eq!(
        [events(0), events(1), events(2)],
        ["connected", "start", "media"]
    );
    assert_eq!(told.last().unwrap()["event"], "stop");
    for (number, message) in told.iter().enumerate().skip(1) {
        assert_eq!(message["sequenceNumber"], number.to_string(), "{message}");
    }
    let chunks = told.iter().filter(|message| message["event"] == "media");
    for (number, chunk) in chunks.enumerate() {
        let chunk = &chunk["media"];
        assert_eq!(chunk["chunk"], (number + 1).to_string());
        assert_eq!(chunk["timestamp"], (20 * number).to_string());
        let payload = chunk["payload"].as_str().unwrap();
        assert_eq!(STANDARD.decode(payload).unwrap().len(), 160);
    }
    // A mark is heard 200 ms after the one before it: ten chunks of the caller later.
    let places =
        ["a", "b", "c", "d"].map(|part| told.iter().position(|message| is_mark(message, part)));
    for two in places.windows(2) {
        let between = two[1].unwrap() - two[0].unwrap();
        assert!((9..=20).contains(&between), "{between}");
    }
}

#[test]
fn a_bot_that_clears_has_all_its_marks_back_at_once() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 2");
    let (server, told) = bot(|mut line| async move {
        line.hear_out().await;
        for part in ["a", "b"] {
            line.sound(&LOUD.repeat(200)).await;
            line.say("mark", json!({"name": part})).await;
        }
        for _ in 0..10 {
            line.next().await;
        }
        line.say("clear", Value::Null).await;
        line.until(|message| is_mark(message, "b")).await;
        while line.next().await.is_some() {}
    });
    let to = format!("ws://127.0.0.1:{}", server.port);
    desk.voicelt(&replay(&to, "run", "--limit 1")).exits(0);
    let row = &desk.requests("run")[0];
    assert_eq!(row.status, Status::Ok, "{row:?}");
    let heard_ns = row.playout_end_ns.unwrap() - row.first_audio_ns.unwrap();
    assert!(
        heard_ns < 2_000_000_000,
        "of 8 s it was heard until the clear: {row:?}"
    );
    let told = told.lock().unwrap();
    let place = |part| {
        told.iter()
            .position(|message| is_mark(message, part))
            .unwrap()
    };
    assert_eq!(
        place("b"),
        place("a") + 1,
        "one after the other, without a chunk between them"
    );
}

#[test]
fn noise_that_is_streamed_all_the_time_is_no_answer_below_the_threshold() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 2");
    let (server, _) = bot(|line| async move {
        let Line { socket, .. } = line;
        let (mut out, mut input) = socket.split();
        let noise =
            json!({"event": "media", "media": {"payload": STANDARD.encode(NOISE.repeat(80))}});
        let loud =
            json!({"event": "media", "media": {"payload": STANDARD.encode(LOUD.repeat(20))}});
        let streamed = async {
            let mut every = tokio::time::interval(Duration::from_millis(20));
            for number in 0..200 {
                every.tick().await;
                // The caller has spoken from 20 to 1,020 ms.
                let next = if number == 100 { &loud } else { &noise };
                if out.send(Message::text(next.to_string())).await.is_err() {
                    return;
                }
            }
        };
        tokio::join!(streamed, async {
            while input.next().await.is_some_and(|next| next.is_ok()) {}
        });
    });
    let to = format!("ws://127.0.0.1:{}", server.port);
    let flags = "--limit 1 --audible-threshold=-40dBFS --answer-gap 500ms";
    desk.voicelt(&replay(&to, "run", flags)).exits(0);
    let row = &desk.requests("run")[0];
    assert_eq!((row.status, row.answers), (Status::Ok, 1), "{row:?}");
    assert!(row.audible_ns.is_some_and(|ns| ns > 500_000_000), "{row:?}");
    assert_eq!(row.audio_received_samples, 3_200);
}

#[test]
fn silence_that_comes_ahead_of_an_answer_plays_before_it() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 2");
    let (server, _) = bot(|mut line| async move {
        line.hear_out().await;
        for part in [SILENCE; 15].iter().chain(&[LOUD; 20]) {
            line.sound(part).await;
        }
        while line.next().await.is_some() {}
    });
    let to = format!("ws://127.0.0.1:{}", server.port);
    desk.voicelt(&replay(&to, "run", "--limit 1")).exits(0);
    let row = &desk.requests("run")[0];
    assert_eq!((row.status, row.answers), (Status::Ok, 1), "{row:?}");
    let behind_ns = row.audible_ns.unwrap() - row.response_ns.unwrap();
    // It is counted from the arrival of the first silence, which the answer follows within moments.
    assert!(behind_ns > 0 && behind_ns <= 300 * NS_PER_MS, "{row:?}");
}

#[test]
fn a_bot_may_hang_up_after_its_answer() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 2");
    let (server, _) = bot(|mut line| async move {
        line.hear_out().await;
        line.sound(&LOUD.repeat(20)).await;
        let _ = line.socket.close(None).await;
        while line.next().await.is_some() {}
    });
    let to = format!("ws://127.0.0.1:{}", server.port);
    desk.voicelt(&replay(&to, "run", "")).exits(0);
    assert!(
        desk.requests("run")
            .iter()
            .all(|row| row.status == Status::Ok)
    );
    let sessions = desk.sessions("run");
    assert!(
        sessions
            .iter()
            .all(|session| session.end == SessionEnd::Finished),
        "{sessions:?}"
    );
}

#[test]
fn a_greeting_that_never_comes_is_waited_for_no_longer_than_the_timeout() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 2");
    desk.voicelt(&replay("embedded", "run", "--greeting wait --timeout 1s"))
        .exits(99);
    let sessions = desk.sessions("run");
    let reason =
        |session: &voicelt::results::row::SessionRow| session.error.clone().unwrap_or_default();
    assert!(
        sessions
            .iter()
            .all(|session| reason(session).contains("said nothing first")),
        "{sessions:?}"
    );
}

#[test]
fn noise_over_the_threshold_is_named_with_its_level() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 2");
    let (server, _) = bot(|mut line| async move {
        while line.next().await.is_some() {
            line.sound(&NOISE.repeat(80)).await;
        }
    });
    let to = format!("ws://127.0.0.1:{}", server.port);
    for (run, flags) in [("answer", ""), ("greeting", "--greeting wait")] {
        // A machine that halts for a moment makes no pause of it.
        let flags = format!("--limit 1 --timeout 2s --answer-gap 20s {flags}");
        desk.voicelt(&replay(&to, run, &flags))
            .exits(99)
            .says("about -45 dBFS at its quietest")
            .says("--audible-threshold=-40dBFS");
    }
}

/// Speech in PCM16 that is read as mu-law is as loud while nobody speaks.
#[test]
fn a_sound_that_is_too_loud_for_noise_is_rather_of_another_format() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 2");
    let (server, _) = bot(|mut line| async move {
        // The samples 0 and -1 of PCM16.
        let misread = [0x00, 0x00, 0xff, 0xff].repeat(40);
        while line.next().await.is_some() {
            line.sound(&misread).await;
        }
    });
    let to = format!("ws://127.0.0.1:{}", server.port);
    // A machine that halts for a moment makes no pause of it.
    desk.voicelt(&replay(
        &to,
        "run",
        "--limit 1 --timeout 2s --answer-gap 20s",
    ))
    .exits(99)
    .says("too loud for noise")
    .says("check the codec");
}

#[test]
fn noise_is_no_greeting_and_makes_none_more_likely() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 2");
    let (server, _) = bot(|mut line| async move {
        while line.next().await.is_some() {
            line.sound(&NOISE.repeat(80)).await;
        }
    });
    let to = format!("ws://127.0.0.1:{}", server.port);
    let flags = "--limit 1 --greeting wait --timeout 1s --audible-threshold=-40dBFS";
    desk.voicelt(&replay(&to, "run", flags)).exits(99);
    let error = desk.sessions("run")[0].error.clone().unwrap_or_default();
    assert!(error.contains("said nothing first"), "{error}");
}

/// A trace of one session in which something is typed.
fn typed(desk: &Desk) {
    let recording = Recording {
        name: "typed".to_owned(),
        tool: "a test".to_owned(),
        origin_at: "2026-01-01T00:00:00Z".to_owned(),
        contains: vec!["text".to_owned()],
        delete_after: None,
        settings: json!({}),
    };
    let mut writer = JournalWriter::create(&desk.path("typed.vtrace"), &recording).unwrap();
    use JournalKind::{Closed, Config, EndOfTurn, HalfClose, Opened, Text};
    for (at_ms, kind) in (0..).zip([Opened, Config, Text, HalfClose, EndOfTurn, Closed]) {
        let mut row = JournalRow::new(0, at_ms * NS_PER_MS, kind);
        match kind {
            Config => {
                (row.session_id, row.rate_hz) = (Some("call".to_owned()), Some(16_000));
                row.text = Some("en-US".to_owned());
            }
            Text => (row.bytes, row.text) = (5, Some("hello".to_owned())),
            Closed => row.text = Some("OK".to_owned()),
            _ => {}
        }
        writer.append(row, None);
    }
    writer.commit().unwrap();
    drop(writer);
    desk.voicelt("trace recover typed.vtrace").exits(0);
}

#[test]
fn a_session_in_which_something_is_typed_fails_and_says_why() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 2");
    typed(&desk);
    let to = "replay typed.vtrace --target embedded --dialect twilio -o run --timeout 5s";
    desk.voicelt(to).exits(99);
    let error = desk.sessions("run")[0].error.clone().unwrap_or_default();
    assert!(error.contains("no message for text"), "{error}");
}

#[test]
fn the_last_message_names_the_call_as_the_first_does() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 2");
    desk.write("session.json", r#"{"callSid": "CA{var:call}"}"#);
    desk.write("vars.csv", "call\n17\n");
    let (server, told) = bot(|mut line| async move {
        line.hear_out().await;
        line.sound(&LOUD.repeat(20)).await;
        while line.next().await.is_some() {}
    });
    let to = format!("ws://127.0.0.1:{}", server.port);
    let flags = "--limit 1 --session session.json --session-vars vars.csv";
    desk.voicelt(&replay(&to, "run", flags)).exits(0);
    let told = told.lock().unwrap();
    let [_, start, .., stop] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(start["start"]["callSid"], "CA17");
    assert_eq!(stop["stop"]["callSid"], "CA17");
}

#[test]
fn requests_are_signed_with_a_token_that_is_nowhere_else() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 2");
    let head = Arc::new(Mutex::new(String::new()));
    let kept = head.clone();
    let server = Odd::sockets(move |mut socket| {
        let kept = kept.clone();
        async move {
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") && socket.read_buf(&mut asked).await.is_ok() {}
            let asked = String::from_utf8(asked).unwrap();
            let body = format!("no: {}", signature_in(&asked));
            *kept.lock().unwrap() = asked;
            let length = body.len();
            let refused =
                format!("HTTP/1.1 403 Forbidden\r\ncontent-length: {length}\r\n\r\n{body}");
            let _ = socket.write_all(refused.as_bytes()).await;
        }
    });
    let url = format!("ws://127.0.0.1:{}/calls?bot=1", server.port);
    let mut command = desk.command(&replay(&url, "run", "--limit 1 --auth-token '{env:TOKEN}'"));
    command.env("TOKEN", "0123456789abcdef");
    Output::of(&mut command).exits(99).says("403");
    let mac = Hmac::<Sha1>::new_from_slice(b"0123456789abcdef").unwrap();
    let expected = STANDARD.encode(mac.chain_update(&url).finalize().into_bytes());
    let head = head.lock().unwrap();
    assert_eq!(signature_in(&head), expected);
    for file in [
        "run/run.json",
        "run/sessions.parquet",
        "run/requests.parquet",
    ] {
        let bytes = std::fs::read(desk.path(file)).unwrap();
        for secret in ["0123456789abcdef", &expected] {
            let is_it = |part: &[u8]| part == secret.as_bytes();
            assert!(!bytes.windows(secret.len()).any(is_it), "{file}: {secret}");
        }
    }
}

/// The signature in the head of a request.
fn signature_in(head: &str) -> &str {
    let mut lines = head.lines();
    let line = lines.find_map(|line| line.strip_prefix("x-twilio-signature: "));
    line.unwrap_or_default()
}

#[test]
fn what_twilio_does_not_have_is_refused() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 2");
    desk.write("session.json", r#"{"mediaFormat": {}}"#);
    for (flags, said) in [
        (
            "--microphone push-to-talk",
            "--microphone is of --dialect realtime",
        ),
        (
            "--session session.json",
            "/mediaFormat follows from the session",
        ),
        ("--audible-threshold=-40", "write it as -50dBFS"),
        ("--auth-token 0123", "no part of a token is written out"),
        (
            "--auth-token '0123{env:HOME}'",
            "no part of a token is written out",
        ),
        ("--auth-token '{env:NOWHERE}'", "NOWHERE is not set"),
    ] {
        desk.voicelt(&replay("embedded", "no", flags))
            .exits(2)
            .says(said);
    }
}

#[test]
fn a_call_whose_last_words_are_silence_ends_once_those_before_were_answered() {
    let desk = Desk::new();
    let rate = SampleRate(16_000);
    let speech = speech_like(16_000, 0..16_000, rate, 1);
    std::fs::create_dir(desk.path("library")).unwrap();
    for (name, samples) in [("a.wav", &speech[..]), ("b.wav", &[0; 8_000])] {
        wav::write(&desk.path("library").join(name), rate, samples).unwrap();
    }
    desk.voicelt("prepare -o calls.vtrace library --turns 2 --sessions 1")
        .exits(0);
    for dialect in ["twilio", "realtime"] {
        let flags = "--target embedded --allow-invalid --timeout 20s";
        desk.voicelt(&format!(
            "replay calls.vtrace --dialect {dialect} -o {dialect} {flags}"
        ))
        .exits(0);
        let rows = desk.requests(dialect);
        assert_eq!(
            (rows[0].status, rows[0].answers),
            (Status::Ok, 1),
            "{rows:?}"
        );
        assert_eq!(desk.sessions(dialect)[0].end, SessionEnd::Finished);
    }
}
