//! TLS: verified by default, with the certificates that `--ca` names.

use voicelt::gateway::{Embedded, GatewaySpec};

use super::{Desk, said};
use crate::support::tls::tls_in_front_of;

#[test]
fn a_certificate_is_verified_and_ca_names_whom_to_trust() {
    let desk = Desk::with_trace(&["--synth", "speech-like:1s"]);
    let gateway = Embedded::start(GatewaySpec::default()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (port, pem) = runtime.block_on(tls_in_front_of(gateway.addr()));
    std::fs::write(desk.path("ca.pem"), pem).unwrap();
    let replay = |target: &str, more: &[&str]| {
        desk.voicelt(&[&["replay", "calls.vtrace", "-t", target], more].concat())
    };
    let localhost = format!("https://localhost:{port}");

    let unknown = replay(&localhost, &[]);
    assert_eq!(unknown.status.code(), Some(3), "{}", said(&unknown));
    assert!(said(&unknown).contains("--ca"), "{}", said(&unknown));

    let other_name = replay(&format!("https://127.0.0.1:{port}"), &["--ca", "ca.pem"]);
    assert_eq!(other_name.status.code(), Some(3), "{}", said(&other_name));

    let trusted = replay(&localhost, &["--ca", "ca.pem", "--allow-invalid"]);
    assert_eq!(trusted.status.code(), Some(0), "{}", said(&trusted));
    assert!(said(&trusted).contains("1 ok"), "{}", said(&trusted));

    let no_ca = replay(&localhost, &["--ca", "calls.vtrace/trace.json"]);
    assert_eq!(no_ca.status.code(), Some(2), "{}", said(&no_ca));
    gateway.stop().unwrap();
}
