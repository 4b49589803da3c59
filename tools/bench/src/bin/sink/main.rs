//! The receiver of the benchmarks: stamps every client message as its bytes are read, logs it and
//! throws it away. One thread. It answers if it is asked to, whatever is said: see `answering`.

mod answering;
mod grpc;
mod realtime;
mod websocket;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use voicelt::gateway::arrivals::{ArrivalsLog, ArrivalsSink};
use voicelt::replay::scheduling;

const USAGE: &str = "usage: sink LOG [--max-streams N] [--answer] \
    [--realtime] [--certificate PEM --key PEM [--accept-delay MILLISECONDS]]";

fn main() -> Result<()> {
    let (log, door) = arguments(std::env::args().skip(1))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    // It is to see what arrives when it arrives: before its own log is written.
    let _ = scheduling::request();
    LocalSet::new().block_on(&runtime, serve(&log, Rc::new(door)))
}

/// How connections are served.
#[derive(Default)]
struct Door {
    grpc: grpc::Manners,
    /// WebSockets of the Realtime protocol, which are always answered, instead of gRPC.
    is_realtime: bool,
    /// Of Realtime's connections.
    tls: Option<TlsAcceptor>,
    /// Before TLS is accepted.
    accept_delay: Duration,
}

fn arguments(mut args: impl Iterator<Item = String>) -> Result<(PathBuf, Door)> {
    let log = PathBuf::from(args.next().context(USAGE)?);
    let mut door = Door::default();
    let (mut certificate, mut key) = (None, None);
    while let Some(name) = args.next() {
        let mut value = || args.next().context(USAGE);
        match name.as_str() {
            "--max-streams" => door.grpc.max_streams = Some(value()?.parse().context(USAGE)?),
            "--answer" => door.grpc.answers = true,
            "--realtime" => door.is_realtime = true,
            "--certificate" => certificate = Some(value()?),
            "--key" => key = Some(value()?),
            "--accept-delay" => {
                door.accept_delay = Duration::from_millis(value()?.parse().context(USAGE)?);
            }
            _ => bail!("{name}: {USAGE}"),
        }
    }
    if let (Some(certificate), Some(key)) = (certificate, key) {
        door.tls = Some(acceptor(certificate.as_ref(), key.as_ref())?);
    }
    Ok((log, door))
}

fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor> {
    let certificates = CertificateDer::pem_file_iter(certificate)?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Serves until SIGTERM or Ctrl-C.
async fn serve(log: &Path, door: Rc<Door>) -> Result<()> {
    let log = ArrivalsLog::create(log)?;
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    say(&format!("listening on {}", listener.local_addr()?));
    let sink = Rc::new(log.sink());
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    loop {
        let (socket, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        };
        let (door, sink) = (door.clone(), sink.clone());
        tokio::task::spawn_local(async move {
            if let Err(error) = connection(&door, socket, &sink).await {
                say(&format!("connection: {error}"));
            }
        });
    }
    let report = log.finish()?;
    say(&format!("logged {} lost {}", report.logged, report.lost));
    Ok(())
}

async fn connection(door: &Door, socket: TcpStream, sink: &Rc<ArrivalsSink>) -> Result<()> {
    socket.set_nodelay(true)?;
    if !door.is_realtime {
        return grpc::serve(socket, sink, &door.grpc).await;
    }
    let Some(tls) = &door.tls else {
        return realtime::serve(socket, sink).await;
    };
    tokio::time::sleep(door.accept_delay).await;
    realtime::serve(tls.accept(socket).await?, sink).await
}

#[expect(clippy::print_stderr, reason = "the program's output")]
fn say(text: &str) {
    eprintln!("{text}");
}
