//! `voicelt doctor`, as users run it, on gateways that are well and on others.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Output;
use std::time::Duration;

use assert_cmd::Command;
use serde_json::Value;
use tokio::runtime::Runtime;
use voicelt::gateway::{Embedded, GatewaySpec};

use crate::support::tls::tls_in_front_of;

/// Runs `voicelt doctor` to its end, which must come within a minute.
fn doctor(args: &[&str]) -> Output {
    let mut command = Command::cargo_bin("voicelt").unwrap();
    command.env_remove("VOICELT_TARGET");
    command.arg("doctor").args(args);
    command.timeout(Duration::from_secs(60)).output().unwrap()
}

/// What it says of a target as JSON, and its exit code.
fn of(target: &str, more: &[&str]) -> (Value, Option<i32>) {
    let args = [&["--target", target, "--format", "json"], more].concat();
    let output = doctor(&args);
    let said = String::from_utf8_lossy(&output.stderr);
    let document = serde_json::from_slice(&output.stdout);
    (
        document.unwrap_or_else(|e| panic!("{e}: {said}")),
        output.status.code(),
    )
}

/// The check of this name: its level, what was found, and the advice.
fn check<'a>(document: &'a Value, name: &str) -> [&'a str; 3] {
    let mut checks = document["gateway"].as_array().unwrap().iter();
    let found = checks.find(|check| check["name"] == name);
    let found = found.unwrap_or_else(|| panic!("no `{name}` in {document:#}"));
    ["level", "found", "advice"].map(|key| found[key].as_str().unwrap_or_default())
}

fn embedded(spec: GatewaySpec) -> (Embedded, String) {
    let gateway = Embedded::start(spec).unwrap();
    let address = gateway.addr().to_string();
    (gateway, address)
}

#[test]
fn a_gateway_that_is_well_passes_every_check() {
    let output = doctor(&["--target", "embedded"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
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
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("failed  "), "{text}");
}

#[test]
fn nothing_that_listens_is_told_with_what_to_do() {
    let port = {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.local_addr().unwrap().port()
    };
    let (document, code) = of(&format!("127.0.0.1:{port}"), &[]);
    assert_eq!(code, Some(3), "{document:#}");
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
    let (document, code) = of("no-such-gateway.invalid:50051", &[]);
    assert_eq!(code, Some(3), "{document:#}");
    let [level, found, _] = check(&document, "resolves");
    assert_eq!(level, "failed");
    assert!(found.contains("no-such-gateway.invalid"), "{found}");
}

#[test]
fn tls_is_told_from_its_absence_and_trust_from_distrust() {
    let (gateway, clear) = embedded(GatewaySpec::default());
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, pem: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let runtime = Runtime::new().unwrap();
    let (port, pem) = runtime.block_on(tls_in_front_of(gateway.addr()));
    let right = file("right.pem", &pem);
    let other = rcgen::generate_simple_self_signed(["elsewhere".to_owned()]).unwrap();
    let wrong = file("wrong.pem", &other.cert.pem());

    let (document, code) = of(&format!("https://localhost:{port}"), &["--ca", &right]);
    assert_eq!(code, Some(0), "{document:#}");
    let [level, found, _] = check(&document, "tls");
    assert_eq!(level, "ok");
    assert!(
        found.starts_with("TLSv1.3, h2; certificate of CN="),
        "{found}"
    );
    assert!(found.contains(" for localhost, signed by CN="), "{found}");

    let told = [
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
        (
            format!("https://localhost:{port}"),
            "tls",
            "nobody who is trusted",
            "--ca",
        ),
        (
            format!("https://127.0.0.1:{port}"),
            "tls",
            "is for localhost, not for 127.0.0.1",
            "name",
        ),
    ];
    for (target, name, what, to_do) in told {
        let ca = if target.contains("127") {
            &right
        } else {
            &wrong
        };
        let (document, code) = of(&target, &["--ca", ca]);
        assert_eq!(code, Some(3), "{target}: {document:#}");
        let [level, found, advice] = check(&document, name);
        assert_eq!(level, "failed", "{target}");
        assert!(found.contains(what), "{target}: {found}");
        assert!(advice.contains(to_do), "{target}: {advice}");
    }
    gateway.stop().unwrap();
}

#[test]
fn a_gateway_that_answers_with_an_error_fails_the_check_of_the_call_alone() {
    let (gateway, address) = embedded(GatewaySpec {
        error_rate: 1.0,
        ..GatewaySpec::default()
    });
    let (document, code) = of(&address, &[]);
    assert_eq!(code, Some(99), "{document:#}");
    let [level, found, advice] = check(&document, "call");
    assert_eq!(level, "failed");
    assert!(
        found.starts_with("the gateway sent an ERROR event: "),
        "{found}"
    );
    assert!(advice.contains("log for session"), "{advice}");
    assert_eq!(check(&document, "health")[0], "ok");
    gateway.stop().unwrap();
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
    let (document, code) = of(&address, &[]);
    assert_eq!(code, Some(99), "{document:#}");
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
    let (document, code) = of(&address, &["--timeout", "1s"]);
    assert_eq!(code, Some(99), "{document:#}");
    assert_eq!(check(&document, "round trip")[0], "warning");
    assert_eq!(check(&document, "streams")[0], "skipped");
    assert_eq!(check(&document, "health")[0], "warning");
    let [level, found, advice] = check(&document, "call");
    assert_eq!(level, "failed");
    assert!(found.contains("no audio in time"), "{found}");
    assert!(advice.contains("--timeout"), "{advice}");
}

#[test]
fn bad_input_is_refused_before_anything_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "hello").unwrap();
    let text = text.to_str().unwrap();
    for (args, message) in [
        (["--target", "localhost"], "use host:port"),
        (["--audio", "/nowhere.wav"], "there is no such file"),
        (["--audio", text], "text file"),
        (["--timeout", "soon"], "is not a duration"),
        (["--header", "token"], "KEY:VALUE"),
    ] {
        let output = doctor(&args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(message), "{args:?}: {said}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
    let output = doctor(&["--target", "https://localhost:1", "--ca", text]);
    assert_eq!(output.status.code(), Some(2));
}
