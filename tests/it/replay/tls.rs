//! TLS: verified by default, with the certificates that `--ca` names.

use crate::support::Desk;
use crate::support::front::{Front, localhost};

#[test]
fn a_certificate_is_verified_and_ca_names_whom_to_trust() {
    let desk = Desk::with_trace("--synth speech-like:1s");
    let (_gateway, address) = desk.gateway("");
    let (front, pem) = Front::tls(&address);
    desk.write("ca.pem", pem);
    let port = front.port;
    let replay = |to: &str| desk.voicelt(&format!("replay calls.vtrace -t {to}"));

    let unknown = replay(&format!("https://localhost:{port}"));
    unknown.exits(3).says("--ca");
    replay(&format!("https://127.0.0.1:{port} --ca ca.pem")).exits(3);
    let trusted = format!("https://localhost:{port} --ca ca.pem --allow-invalid");
    replay(&trusted).exits(0).says("1 ok");
    replay(&format!(
        "https://localhost:{port} --ca calls.vtrace/trace.json"
    ))
    .exits(2);
}

#[test]
fn a_gateway_that_asks_for_a_certificate_is_shown_ours() {
    let desk = Desk::with_trace("--synth speech-like:1s");
    let (_gateway, address) = desk.gateway("");
    let (ours, other) = (localhost(), localhost());
    let (front, pem) = Front::mutual_tls(&address, &ours);
    desk.write("ca.pem", pem);
    for (name, made) in [("ours", &ours), ("other", &other)] {
        desk.write(&format!("{name}.pem"), made.cert.pem());
        desk.write(&format!("{name}.key"), made.signing_key.serialize_pem());
    }
    let target = format!("https://localhost:{} --ca ca.pem", front.port);
    let replay = |flags: &str| desk.voicelt(&format!("replay calls.vtrace -t {target} {flags}"));

    let none = replay("");
    none.exits(3)
        .says("asks for a client certificate")
        .says("--cert FILE and --key FILE");
    replay("--cert other.pem --key other.key")
        .exits(3)
        .says("refused our client certificate");
    let shown = "--cert ours.pem --key ours.key --allow-invalid -o run";
    replay(shown).exits(0).says("1 ok");
    let run = desk.read("run/run.json");
    assert!(
        run.contains("ours.pem") && !run.contains("PRIVATE KEY"),
        "{run}"
    );

    replay("--cert ours.pem").exits(2).says("--key");
    replay("--cert ours.pem --key ca.pem")
        .exits(2)
        .says("--key takes");
    replay("--cert ours.key --key ours.key")
        .exits(2)
        .says("--cert takes");
    replay("--cert ours.pem --key other.key").exits(2);
    let doctor = format!("doctor -t {target} --cert ours.pem --key ours.key");
    desk.voicelt(&doctor).says("ok").says("localhost");
}

#[test]
fn a_gateway_that_asks_for_a_certificate_and_hangs_up_is_not_taken_for_one_without_http2() {
    let desk = Desk::with_trace("--synth speech-like:1s");
    let ours = localhost();
    let (front, pem) = Front::curt_mutual_tls(&ours);
    desk.write("ca.pem", pem);
    desk.write("ours.pem", ours.cert.pem());
    desk.write("ours.key", ours.signing_key.serialize_pem());
    let target = format!("-t https://localhost:{} --ca ca.pem", front.port);
    desk.voicelt(&format!("replay calls.vtrace {target}"))
        .exits(3)
        .says("asked for a client certificate, and hung up when it got none")
        .says("--cert FILE and --key FILE");
    desk.voicelt(&format!(
        "replay calls.vtrace {target} --cert ours.pem --key ours.key"
    ))
    .exits(3)
    .says("hung up when it had seen ours");
    desk.voicelt(&format!("doctor {target}"))
        .says("asked for a client certificate");
}

#[test]
fn a_name_other_than_the_targets_can_be_asked_for_and_verification_left_out() {
    let desk = Desk::with_trace("--synth speech-like:1s");
    let (_gateway, address) = desk.gateway("");
    let (front, pem) = Front::tls(&address);
    desk.write("ca.pem", pem);
    let port = front.port;
    let replay = |flags: &str| {
        let line =
            format!("replay calls.vtrace -t https://127.0.0.1:{port} --allow-invalid {flags}");
        desk.voicelt(&line)
    };
    replay("--ca ca.pem").exits(3).says("--server-name");
    replay("--ca ca.pem --server-name localhost -o named").exits(0);
    replay("--ca ca.pem --server-name elsewhere")
        .exits(3)
        .says("not for elsewhere");
    assert_eq!(
        desk.json("named/run.json")["spec"]["server_name"],
        "localhost"
    );

    let unverified = replay("--insecure-skip-verify -o unverified").exits(0);
    unverified.says("warning: the gateway's certificate is not verified");
    let spec = &desk.json("unverified/run.json")["spec"];
    assert_eq!(spec["insecure_skip_verify"], true);
}

#[test]
fn a_recorder_shows_its_certificate_and_asks_for_one() {
    let desk = Desk::with_trace("--synth speech-like:1s");
    let (_gateway, address) = desk.gateway("");
    let (ours, caller) = (localhost(), localhost());
    let (front, pem) = Front::mutual_tls(&address, &ours);
    desk.write("gateway.pem", pem);
    for (name, made) in [("ours", &ours), ("caller", &caller)] {
        desk.write(&format!("{name}.pem"), made.cert.pem());
        desk.write(&format!("{name}.key"), made.signing_key.serialize_pem());
    }
    let mut recorder = desk.start(&format!(
        "record --listen 127.0.0.1:0 --upstream https://localhost:{} --ca gateway.pem --cert ours.pem --key ours.key \
         --tls-cert ours.pem --tls-key ours.key --client-ca caller.pem --timing-only -o live.vtrace",
        front.port
    ));
    let address = recorder.address();
    let (_, port) = address.rsplit_once(':').unwrap();
    let target = format!("https://localhost:{port} --ca ours.pem --allow-invalid");
    let replay = |flags: &str| desk.voicelt(&format!("replay calls.vtrace -t {target} {flags}"));
    replay("").exits(3).says("asks for a client certificate");
    replay("--cert caller.pem --key caller.key")
        .exits(0)
        .says("1 ok");
    recorder.interrupt();
    assert_eq!(desk.trace("live.vtrace").sessions.len(), 1);
}
