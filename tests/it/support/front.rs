//! Servers in front of a gateway.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertifiedKey, KeyPair};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{WantsServerCert, WebPkiClientVerifier};
use tokio_rustls::rustls::{ConfigBuilder, RootCertStore, ServerConfig};

/// A server that hands on to another what comes, as long as it lives.
pub(crate) struct Front {
    pub(crate) port: u16,
    _runtime: Runtime,
}

impl Front {
    /// Speaks TLS before the server at `address`; the certificate, in PEM, is for `localhost`.
    pub(crate) fn tls(address: &str) -> (Front, String) {
        let made = localhost();
        let pem = made.cert.pem();
        let config = ServerConfig::builder().with_no_client_auth();
        (Front::of_config(address, config, &made), pem)
    }

    /// As [`Front::tls`], and asks callers for the certificate `caller`.
    pub(crate) fn mutual_tls(address: &str, caller: &CertifiedKey<KeyPair>) -> (Front, String) {
        let made = localhost();
        let pem = made.cert.pem();
        let mut roots = RootCertStore::empty();
        roots.add(caller.cert.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build();
        let config = ServerConfig::builder().with_client_cert_verifier(verifier.unwrap());
        (Front::of_config(address, config, &made), pem)
    }

    /// As [`Front::mutual_tls`], and hangs up on callers without a certificate when the handshake
    /// is over, without a word, as grpcio does.
    pub(crate) fn curt_mutual_tls(caller: &CertifiedKey<KeyPair>) -> (Front, String) {
        let made = localhost();
        let pem = made.cert.pem();
        let mut roots = RootCertStore::empty();
        roots.add(caller.cert.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).allow_unauthenticated();
        let config = ServerConfig::builder().with_client_cert_verifier(verifier.build().unwrap());
        let acceptor = acceptor(config, &made);
        let front = Front::new("", move |caller| {
            let accepted = acceptor.accept(caller);
            async {
                drop(accepted.await);
                None::<TcpStream>
            }
        });
        (front, pem)
    }

    fn of_config(
        address: &str,
        config: ConfigBuilder<ServerConfig, WantsServerCert>,
        made: &CertifiedKey<KeyPair>,
    ) -> Front {
        let acceptor = acceptor(config, made);
        Front::new(address, move |caller| {
            let accepted = acceptor.accept(caller);
            // A client that does not trust us hangs up.
            async { accepted.await.ok() }
        })
    }

    /// Lets each connection wait so long before it is handed on to the server at `address`.
    pub(crate) fn slow(address: &str, wait: Duration) -> Front {
        Front::new(address, move |caller| async move {
            tokio::time::sleep(wait).await;
            Some(caller)
        })
    }

    fn new<Caller, Accept, Accepted>(address: &str, accept: Accept) -> Front
    where
        Caller: AsyncRead + AsyncWrite + Send + Unpin,
        Accept: Fn(TcpStream) -> Accepted + Clone + Send + 'static,
        Accepted: Future<Output = Option<Caller>> + Send,
    {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = address.to_owned();
        runtime.spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                let (accept, address) = (accept.clone(), address.clone());
                tokio::spawn(async move {
                    if let Some(mut caller) = accept(caller).await {
                        let mut server = TcpStream::connect(address).await.unwrap();
                        let _ = copy_bidirectional(&mut caller, &mut server).await;
                    }
                });
            }
        });
        Front {
            port,
            _runtime: runtime,
        }
    }
}

fn acceptor(
    config: ConfigBuilder<ServerConfig, WantsServerCert>,
    made: &CertifiedKey<KeyPair>,
) -> TlsAcceptor {
    let certificate = CertificateDer::from(made.cert.der().to_vec());
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut config = config.with_single_cert(vec![certificate], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// A certificate for `localhost` that signs itself.
pub(crate) fn localhost() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}
