//! TLS: verified by default, with the certificates that `--ca` names.

use crate::support::Desk;
use crate::support::front::Front;

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
