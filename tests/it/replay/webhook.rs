//! A webhook that says for each call where its audio is to go, as Twilio asks one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha1::Sha1;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;
use voicelt::results::row::{SessionEnd, Status};

use crate::support::odd::Odd;
use crate::support::{Desk, Output};

const CALLS: &str = "--synth speech-like:1s --arrivals constant:4/s --sessions 4";
const TOKEN: &str = "0123456789abcdef";

/// What a webhook was asked: the head of each request, and its form.
type Asked = Arc<Mutex<Vec<(String, BTreeMap<String, String>)>>>;

/// A webhook that answers with these, whole answers of HTTP: with the one whose number stands at the end of the path, or
/// the first.
fn webhook(answers: Vec<String>) -> (Odd, Asked) {
    let asked = Asked::default();
    let (all, answers) = (asked.clone(), Arc::new(answers));
    let server = Odd::sockets(move |mut socket| {
        let (asked, answers) = (all.clone(), answers.clone());
        async move {
            let mut request = Vec::new();
            let whole = loop {
                let mut bytes = [0; 4096];
                let count = socket.read(&mut bytes).await.unwrap_or(0);
                request.extend_from_slice(&bytes[..count]);
                let text = String::from_utf8(request.clone()).expect("ASCII");
                let Some((head, body)) = text.split_once("\r\n\r\n") else {
                    // The first connection only sees that there is somebody.
                    if count == 0 {
                        return;
                    }
                    continue;
                };
                let length = header(head, "content-length").parse::<usize>();
                if length.is_ok_and(|length| body.len() >= length) || count == 0 {
                    break (head.to_owned(), body.to_owned());
                }
            };
            let form = form_urlencoded::parse(whole.1.as_bytes());
            let form = form.into_owned().collect();
            let answer = {
                let mut asked = asked.lock().unwrap();
                let path = whole.0.split(' ').nth(1).unwrap_or_default();
                let number = path
                    .rsplit('/')
                    .next()
                    .and_then(|end| end.parse::<usize>().ok());
                let answer = answers[number.unwrap_or(0)].clone();
                asked.push((whole.0, form));
                answer
            };
            let _ = socket.write_all(answer.as_bytes()).await;
        }
    });
    (server, asked)
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let found = lines.find(|(found, _)| found.eq_ignore_ascii_case(name));
    found.map_or("", |(_, value)| value)
}

fn http(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: text/xml\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn twiml(inner: &str) -> String {
    http("200 OK", &format!("<Response>{inner}</Response>"))
}

fn signed(text: &str) -> String {
    let mac = Hmac::<Sha1>::new_from_slice(TOKEN.as_bytes()).unwrap();
    STANDARD.encode(mac.chain_update(text).finalize().into_bytes())
}

fn replay(webhook: &Odd, flags: &str) -> String {
    format!(
        "replay calls.vtrace --dialect twilio --webhook 'http://127.0.0.1:{}/voice?tenant=a' -o run --quiet \
         --allow-invalid {flags}",
        webhook.port
    )
}

#[test]
fn each_call_goes_where_the_webhook_sends_it() {
    let desk = Desk::with_trace(CALLS);
    let (_gateway, address) = desk.gateway("--dialect twilio");
    let stream = format!("<Say>Hello</Say><Connect><Stream url=\"ws://{address}/\"/></Connect>");
    let (server, asked) = webhook(vec![twiml(&stream)]);
    desk.write("session.json", r#"{"form": {"From": "{var:number}"}}"#);
    desk.write("numbers.csv", "number\n+12025550111\n+12025550112\n");
    let flags = "--session session.json --session-vars numbers.csv";
    desk.voicelt(&replay(&server, flags)).exits(0);
    let rows = desk.requests("run");
    assert_eq!(rows.len(), 4);
    for row in &rows {
        assert_eq!((row.status, row.answers), (Status::Ok, 1), "{row:?}");
    }
    for session in desk.sessions("run") {
        assert_eq!(session.end, SessionEnd::Finished, "{session:?}");
        assert_eq!(session.peer.as_deref(), Some(&*address));
        // The one is told when the call comes in, the other is opened after that.
        let planned_ns = session.planned_start_ns;
        assert!(session.connected_ns.is_some_and(|ns| ns > planned_ns));
    }
    let asked = asked.lock().unwrap();
    let mut calls: Vec<&str> = asked.iter().map(|(_, form)| &*form["CallSid"]).collect();
    calls.sort_unstable();
    calls.dedup();
    assert_eq!(calls.len(), 4, "each call has a name of its own");
    for (head, form) in asked.iter() {
        assert!(
            head.starts_with("POST /voice?tenant=a HTTP/1.1\r\n"),
            "{head}"
        );
        assert_eq!(header(head, "host"), format!("127.0.0.1:{}", server.port));
        assert_eq!(form["CallStatus"], "ringing");
        assert!(
            ["+12025550111", "+12025550112"].contains(&&*form["From"]),
            "{form:?}"
        );
    }
    let run = std::fs::read_to_string(desk.path("run/run.json")).unwrap();
    let run: Value = serde_json::from_str(&run).unwrap();
    let shown = format!("http://127.0.0.1:{}/voice?tenant=(hidden)", server.port);
    assert_eq!(run["spec"]["target"], Value::String(shown));
    assert_eq!(run["spec"]["webhook"], Value::Bool(true));
}

#[test]
fn the_bot_is_told_what_the_webhook_says_by_who_proves_to_be_twilio() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 1");
    let told: Arc<Mutex<Vec<Value>>> = Arc::default();
    let all = told.clone();
    let bot = Odd::sockets(move |socket| {
        let told = all.clone();
        async move {
            let Ok(mut socket) = accept_async(socket).await else {
                return;
            };
            while let Some(Ok(Message::Text(text))) = socket.next().await {
                let message: Value = serde_json::from_str(&text).expect("JSON");
                told.lock().unwrap().push(message);
                if told.lock().unwrap().len() == 3 {
                    return;
                }
            }
        }
    });
    let stream = format!(
        "<Connect><Stream url=\"ws://127.0.0.1:{}/bot\"><Parameter name=\"tenant\" value=\"a&amp;b\"/>\
         <Parameter name=\"mine\" value=\"no\"/></Stream></Connect>",
        bot.port
    );
    let (server, asked) = webhook(vec![twiml(&stream)]);
    desk.write("session.json", r#"{"customParameters": {"mine": "yes"}}"#);
    let flags = "--session session.json --auth-token '{env:TOKEN}'";
    let mut command = desk.command(&replay(&server, flags));
    command.env("TOKEN", TOKEN);
    Output::of(&mut command).exits(99);
    let asked = asked.lock().unwrap();
    let (head, form) = &asked[0];
    let fields: String = form
        .iter()
        .map(|(name, value)| format!("{name}{value}"))
        .collect();
    let url = format!("http://127.0.0.1:{}/voice?tenant=a", server.port);
    let signature = signed(&format!("{url}{fields}"));
    assert_eq!(header(head, "x-twilio-signature"), signature);
    let told = told.lock().unwrap();
    let start = &told[1]["start"];
    assert_eq!(start["callSid"], form["CallSid"].as_str());
    assert_eq!(start["accountSid"], form["AccountSid"].as_str());
    let parameters = serde_json::json!({"tenant": "a&b", "mine": "yes"});
    assert_eq!(start["customParameters"], parameters);
    for file in [
        "run/run.json",
        "run/sessions.parquet",
        "run/requests.parquet",
    ] {
        let bytes = std::fs::read(desk.path(file)).unwrap();
        for secret in [TOKEN, &signature, "tenant=a"] {
            let is_it = |part: &[u8]| part == secret.as_bytes();
            assert!(!bytes.windows(secret.len()).any(is_it), "{file}: {secret}");
        }
    }
}

#[test]
fn a_webhook_that_fails_fails_its_call_with_its_reason() {
    let desk = Desk::with_trace("--synth speech-like:1s --arrivals constant:4/s --sessions 6");
    let (_gateway, address) = desk.gateway("--dialect twilio");
    let answers = vec![
        http("503 Service Unavailable", "all bots are busy").replace("text/xml", "text/plain"),
        twiml("<Reject/>"),
        http("200 OK", "{\"no\": \"xml\"}"),
        "HTTP/1.1 302 Found\r\nlocation: https://other/?key=s3cret\r\ncontent-length: 0\r\n\r\n"
            .to_owned(),
        twiml("<Connect><Stream url=\"ws://127.0.0.1:1/\"/></Connect>"),
        twiml(&format!(
            "<Connect><Stream url=\"ws://{address}/\"/></Connect>"
        )),
    ];
    let (server, _asked) = webhook(answers);
    desk.write("numbers.csv", "number\n0\n1\n2\n3\n4\n5\n");
    let command = replay(&server, "--session-vars numbers.csv");
    let command = command.replace("/voice?tenant=a", "/voice/{var:number}");
    desk.voicelt(&command).exits(0);
    let sessions = desk.sessions("run");
    let seen: Vec<_> = sessions
        .iter()
        .map(|session| (session.end, session.http_status))
        .collect();
    let expected = [
        (SessionEnd::NotStarted, Some(503)),
        (SessionEnd::NotStarted, Some(200)),
        (SessionEnd::NotStarted, Some(200)),
        (SessionEnd::NotStarted, Some(302)),
        (SessionEnd::NotStarted, Some(200)),
        (SessionEnd::Finished, Some(101)),
    ];
    assert_eq!(seen, expected, "{sessions:?}");
    let rows = desk.requests("run");
    let errors: Vec<&str> = rows
        .iter()
        .map(|row| row.error.as_deref().unwrap_or(""))
        .collect();
    for (error, part) in errors.iter().zip([
        "HTTP 503 Service Unavailable: webhook: all bots are busy",
        "it says <Reject>, and only <Connect><Stream> is followed",
        "it says no <Connect><Stream>",
        "it redirects to https://other/?key=(hidden)",
        "127.0.0.1:1",
        "",
    ]) {
        assert!(error.contains(part), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn what_a_webhook_cannot_have_is_refused() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 2");
    desk.write("session.json", r#"{"callSid": "CA1"}"#);
    let webhook = "--webhook http://127.0.0.1:1/voice";
    for (command, said) in [
        (
            format!("replay calls.vtrace --dialect realtime {webhook}"),
            "--webhook is of --dialect twilio",
        ),
        (
            format!("replay calls.vtrace --dialect twilio {webhook} --target ws://127.0.0.1:1"),
            "--target",
        ),
        (
            format!("replay calls.vtrace --dialect twilio {webhook} --session session.json"),
            "/callSid is one for all calls",
        ),
        (
            "replay calls.vtrace --dialect twilio --webhook 'https://me:s3cret@a/b?c=s3cret'"
                .to_owned(),
            "--webhook: ",
        ),
        (
            format!("doctor --dialect twilio {webhook}"),
            "doctor tells no webhook of a call",
        ),
    ] {
        let output = desk.voicelt(&command).exits(2);
        output.says(said);
        assert!(!output.said().contains("s3cret"), "{}", output.said());
    }
}
