//! TLS: verified by default, with the certificates that `--ca` names.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use voicelt::gateway::{Embedded, GatewaySpec};

use crate::{Desk, said};

/// Speaks TLS with a certificate for `localhost` in front of `gateway`; returns its port and the
/// certificate in PEM.
async fn tls_in_front_of(gateway: SocketAddr) -> (u16, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = CertificateDer::from(made.cert.der().to_vec());
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust us hangs up.
                let Ok(mut caller) = acceptor.accept(stream).await else {
                    return;
                };
                let mut server = TcpStream::connect(gateway).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut caller, &mut server).await;
            });
        }
    });
    (port, made.cert.pem())
}

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
