//! Over TLS, and opened on a thread of its own.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use rcgen::CertifiedKey;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::*;
use crate::transport::channel::ConnectError;
use crate::transport::race::Told;
use crate::transport::websocket::dialler::{Attempt, Dialler};

/// What makes a server that speaks these protocols, and the options that trust it.
fn certified(alpn: &[u8]) -> (TlsAcceptor, TlsOptions, tempfile::NamedTempFile) {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut ca = tempfile::NamedTempFile::new().unwrap();
    ca.write_all(cert.pem().as_bytes()).unwrap();
    let key = signing_key.serialize_der().try_into().unwrap();
    let chain = vec![cert.der().clone()];
    let config = ServerConfig::builder().with_no_client_auth();
    let mut config = config.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![alpn.to_vec()];
    let options = TlsOptions {
        ca: Some(ca.path().to_owned()),
        ..TlsOptions::default()
    };
    (TlsAcceptor::from(Arc::new(config)), options, ca)
}

#[tokio::test(flavor = "current_thread")]
async fn messages_of_many_records_go_both_ways_over_tls() {
    let (acceptor, options, _ca) = certified(b"http/1.1");
    let conversation = async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = listener.local_addr().unwrap();
        let served = tokio::task::spawn_local(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let stream = acceptor.accept(stream).await.unwrap();
            let mut server = tokio_tungstenite::accept_async(stream).await.unwrap();
            while let Some(Ok(message)) = server.next().await {
                if message.is_text() {
                    server.send(message).await.unwrap();
                }
            }
        });
        let url = format!("wss://localhost:{}/v1", peer.port());
        let connector = Connector::new(url.parse().unwrap(), &options).unwrap();
        let line = Line::open(connector, peer).await.unwrap();
        assert_eq!(
            line.facts.as_ref().unwrap().alpn.as_deref(),
            Some("http/1.1")
        );
        let mut caller = Caller::over(line, &url, &[]).await;
        assert_eq!(caller.head().await.status, 101);
        let texts = ["short".to_owned(), "x".repeat(200_000), "last".to_owned()];
        for text in &texts {
            assert_eq!(caller.say(text), Sent::Taken);
            while caller.heard.last() != Some(text) {
                let (outgoing, incoming) = (&mut caller.outgoing, &mut caller.incoming);
                let heard = &mut caller.heard;
                poll_fn(|context| {
                    let _ = outgoing.poll_room(context);
                    incoming.poll_read(context, |message| {
                        heard.push(String::from_utf8(message.to_vec()).unwrap());
                    })
                })
                .await;
            }
            assert!(caller.outgoing.take_written(&caller.clock).is_some());
        }
        caller.outgoing.close(1000);
        assert!(caller.end().await.is_ok());
        drop(caller);
        served.await.unwrap();
    };
    LocalSet::new().run_until(conversation).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_server_without_http_1_1_is_told_what_it_lacks() {
    let (acceptor, options, _ca) = certified(b"h2");
    let conversation = async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = listener.local_addr().unwrap();
        tokio::task::spawn_local(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let refused = acceptor.accept(stream).await;
            assert!(refused.is_err());
        });
        let url = format!("wss://localhost:{}/v1", peer.port());
        let connector = Connector::new(url.parse().unwrap(), &options).unwrap();
        let refused = Line::open(connector, peer).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Tls { .. }), "{refused:?}");
        assert!(refused.to_string().contains("http/1.1"), "{refused}");
    };
    LocalSet::new().run_until(conversation).await;
}

/// Handshakes are made and told of on the dialler's thread, while the thread that ordered them runs no runtime
/// at all and waits: nothing of them can happen on it.
#[test]
fn connections_are_opened_while_the_thread_that_wants_them_is_busy() {
    const LINES: usize = 40;
    let (acceptor, options, _ca) = certified(b"http/1.1");
    let (address, its_address) = std::sync::mpsc::channel();
    let (over, is_over) = tokio::sync::oneshot::channel::<()>();
    let server = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            address.send(listener.local_addr().unwrap()).unwrap();
            let accepting = async {
                let mut held = Vec::new();
                loop {
                    // One after the other: a slow accept.
                    let (stream, _) = listener.accept().await.unwrap();
                    held.push(acceptor.accept(stream).await.unwrap());
                }
            };
            tokio::select! {
                () = accepting => {}
                _ = is_over => {}
            }
        });
    });
    let peer = its_address.recv().unwrap();
    // By a name, so that the certificate is checked.
    let url = format!("wss://localhost:{}", peer.port());
    let connector = Connector::new(url.parse().unwrap(), &options).unwrap();
    let dialler = Dialler::start(connector).unwrap();
    let begun = Arc::new(Mutex::new(Vec::new()));
    let ordered: Vec<_> = (0..LINES)
        .map(|number| {
            let begun = begun.clone();
            let attempt = Attempt {
                start: 0,
                pause: LAST_WORDS,
                fresh: LAST_WORDS,
            };
            dialler.dial(None, attempt, move |_, told| {
                if matches!(told, Told::Begun) {
                    begun
                        .lock()
                        .unwrap()
                        .push((number, std::thread::current().id()));
                }
            })
        })
        .collect();
    for answer in ordered {
        let (line, took_ns) = answer.blocking_recv().unwrap().unwrap();
        assert!(line.tls.is_some() && took_ns > 0);
        assert_eq!(line.peer.port(), peer.port());
        assert!(!line.is_lost());
    }
    let ours = std::thread::current().id();
    let begun = begun.lock().unwrap();
    assert!(begun.len() >= LINES);
    assert!(begun.iter().all(|(_, thread)| *thread != ours));
    drop(dialler);
    over.send(()).unwrap();
    server.join().unwrap();
}
