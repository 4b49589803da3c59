//! `voicelt doctor`, as users run it, on gateways that are well and on others.

mod realtime;

use std::net::{Ipv4Addr, TcpListener};

use serde_json::Value;
use tokio::runtime::Runtime;

use crate::support::Desk;
use crate::support::front::Front;

/// What it says of a target as JSON, which it ends with this exit code.
fn told(desk: &Desk, code: i32, target: &str, flags: &str) -> Value {
    let output = desk.voicelt(&format!("doctor --target {target} --format json {flags}"));
    output.exits(code).json()
}

/// The check of this name: its level, what was found, and the advice.
fn check<'a>(document: &'a Value, name: &str) -> [&'a str; 3] {
    let mut checks = document["gateway"].as_array().unwrap().iter();
    let found = checks.find(|check| check["name"] == name);
    let found = found.unwrap_or_else(|| panic!("no `{name}` in {document:#}"));
    ["level", "found", "advice"].map(|key| found[key].as_str().unwrap_or_default())
}

#[test]
fn servers_that_never_say_that_they_are_ready_are_well() {
    let desk = Desk::new();
    let vosk = concat!(
        "--dialect ",
        env!("CARGO_MANIFEST_DIR"),
        "/proto/dialects/vosk.toml"
    );
    for dialect in [vosk, "--dialect twilio"] {
        let document = told(&desk, 0, "embedded", dialect);
        let [level, found, _] = check(&document, "session");
        assert_eq!(level, "ok", "{document:#}");
        assert!(found.contains("do not say that they are ready"), "{found}");
        let [level, found, _] = check(&document, "call");
        assert!(
            !["failed", "skipped"].contains(&level),
            "{dialect}: {found}"
        );
    }
}

#[test]
fn a_gateway_that_is_well_passes_every_check() {
    let output = Desk::new().voicelt("doctor --target embedded").exits(0);
    for line in [
        "ok       resolves",
        "ok       connects",
        "skipped  tls",
        "ok       round trip",
        "ok       streams",
        "ok       flow control",
        "ok       health        the gateway says SERVING",
        "ok       call          answered ",
        "ok       events",
        "timer",
        "open files",
    ] {
        output.says(line);
    }
    assert!(!output.stdout.contains("failed  "), "{}", output.stdout);
}

#[test]
fn nothing_that_listens_is_told_with_what_to_do() {
    let port = {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.local_addr().unwrap().port()
    };
    let document = told(&Desk::new(), 3, &format!("127.0.0.1:{port}"), "");
    let [level, found, advice] = check(&document, "connects");
    assert_eq!(level, "failed");
    assert!(found.contains("refused"), "{found}");
    assert!(advice.contains("listens on this port"), "{advice}");
    assert_eq!(check(&document, "call")[0], "skipped");
    let machine = document["machine"].as_array().unwrap();
    assert!(machine.iter().any(|check| check["name"] == "timer"));
}

#[test]
fn a_name_without_address_is_told() {
    let document = told(&Desk::new(), 3, "no-such-gateway.invalid:50051", "");
    let [level, found, _] = check(&document, "resolves");
    assert_eq!(level, "failed");
    assert!(found.contains("no-such-gateway.invalid"), "{found}");
}

#[test]
fn tls_is_told_from_its_absence_and_trust_from_distrust() {
    let desk = Desk::new();
    let (_gateway, clear) = desk.gateway("");
    let (front, pem) = Front::tls(&clear);
    let port = front.port;
    desk.write("right.pem", pem);
    let other = rcgen::generate_simple_self_signed(["elsewhere".to_owned()]).unwrap();
    desk.write("wrong.pem", other.cert.pem());

    let localhost = format!("https://localhost:{port}");
    let document = told(&desk, 0, &localhost, "--ca right.pem");
    let [level, found, _] = check(&document, "tls");
    assert_eq!(level, "ok");
    assert!(
        found.starts_with("TLSv1.3, h2; certificate of CN="),
        "{found}"
    );
    assert!(found.contains(" for localhost, signed by CN="), "{found}");

    let cases = [
        (
            format!("https://{clear}"),
            "tls",
            "does not answer in TLS",
            "http://",
        ),
        (
            format!("http://localhost:{port}"),
            "http/2",
            "does not speak HTTP/2",
            "https://",
        ),
        (localhost, "tls", "nobody who is trusted", "--ca"),
        (
            format!("https://127.0.0.1:{port}"),
            "tls",
            "is for localhost, not for 127.0.0.1",
            "name",
        ),
    ];
    for (target, name, what, to_do) in cases {
        let ca = match target.contains("127") {
            true => "--ca right.pem",
            false => "--ca wrong.pem",
        };
        let document = told(&desk, 3, &target, ca);
        let [level, found, advice] = check(&document, name);
        assert_eq!(level, "failed", "{target}");
        assert!(found.contains(what), "{target}: {found}");
        assert!(advice.contains(to_do), "{target}: {advice}");
    }
}

#[test]
fn a_gateway_that_answers_with_an_error_fails_the_check_of_the_call_alone() {
    let desk = Desk::new();
    let (_gateway, address) = desk.gateway("--error-rate 1");
    let document = told(&desk, 99, &address, "");
    let [level, found, advice] = check(&document, "call");
    assert_eq!(level, "failed");
    assert!(
        found.starts_with("the gateway sent an ERROR event: "),
        "{found}"
    );
    assert!(advice.contains("log for session"), "{advice}");
    assert_eq!(check(&document, "health")[0], "ok");
}

#[test]
fn a_grpc_server_of_another_kind_is_told_by_its_missing_method() {
    let runtime = Runtime::new().unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let (_reporter, health) = tonic_health::server::health_reporter();
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        let server = tonic::transport::Server::builder().add_service(health);
        server.serve_with_incoming(incoming).await.unwrap();
    });
    let document = told(&Desk::new(), 99, &address, "");
    let [level, found, advice] = check(&document, "call");
    assert_eq!(level, "failed");
    assert!(found.contains("UNIMPLEMENTED"), "{found}");
    assert!(advice.contains("VoiceGateway/StreamAudio"), "{advice}");
}

#[test]
fn a_server_that_accepts_and_says_nothing_is_given_up() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = silent.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let _kept: Vec<_> = silent.incoming().collect();
    });
    let document = told(&Desk::new(), 99, &address, "--timeout 1s");
    assert_eq!(check(&document, "round trip")[0], "warning");
    assert_eq!(check(&document, "streams")[0], "skipped");
    assert_eq!(check(&document, "health")[0], "warning");
    let [level, found, advice] = check(&document, "call");
    assert_eq!(level, "failed");
    assert!(found.contains("no connection was ready"), "{found}");
    assert!(advice.contains("--timeout"), "{advice}");
}

#[test]
fn bad_input_is_refused_before_anything_is_looked_at() {
    let desk = Desk::new();
    desk.write("notes.txt", "hello");
    for (flags, message) in [
        ("--target localhost", "use host:port"),
        ("--audio /nowhere.wav", "there is no such file"),
        ("--audio notes.txt", "text file"),
        ("--timeout soon", "is not a duration"),
        ("--header token", "KEY:VALUE"),
        ("--target https://localhost:1 --ca notes.txt", "notes.txt"),
    ] {
        desk.voicelt(&format!("doctor {flags}")).refused(message);
    }
}
