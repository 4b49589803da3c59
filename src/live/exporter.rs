//! Metrics over HTTP, for Prometheus to fetch: `GET /metrics` and nothing else.
//!
//! It is a thread of its own, of a low priority, so that whoever asks, and however often,
//! does not disturb what is measured. A client that is slow is hung up on.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use http::{HeaderValue, StatusCode};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::prometheus::{Exposition, plain};
use crate::units::priority::lower_priority;

/// Where metrics are.
const PATH: &str = "/metrics";
/// What Prometheus asks for, and what it then gets.
const OPEN_METRICS: &str = "application/openmetrics-text";
const OPEN_METRICS_1: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// What everyone else gets.
const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Connections at a time; the oldest makes room for one more.
const MOST_CONNECTIONS: usize = 32;
/// How long a connection may take, from its opening to the last byte of the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most bytes of a request.
const MOST_REQUEST_BYTES: usize = 16 * 1024;
/// Rest after the system refused a connection.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// The metrics that are handed out now.
type Shown = Option<Arc<Exposition>>;

/// A running exporter; dropping it ends it.
#[derive(Debug)]
pub struct Exporter {
    address: SocketAddr,
    /// The thread ends when this is dropped.
    shown: Option<watch::Sender<Shown>>,
    thread: Option<JoinHandle<()>>,
}

impl Exporter {
    /// Listens on `address`, such as `0.0.0.0:9464`; port 0 takes a free one. There are no metrics
    /// before [`Exporter::show`].
    ///
    /// # Errors
    /// An address that cannot be listened on, or no thread.
    pub fn listen(address: &str) -> io::Result<Exporter> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (shown, mut of_thread) = watch::channel(None);
        let router = router(of_thread.clone());
        let thread = std::thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || {
                lower_priority();
                runtime.block_on(async {
                    tokio::select! {
                        _ = of_thread.wait_for(|_| false) => {}
                        () = serve(listener, router) => {}
                    }
                });
            })?;
        Ok(Exporter {
            address,
            shown: Some(shown),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hands out these metrics from now on.
    pub fn show(&self, exposition: Exposition) {
        if let Some(shown) = &self.shown {
            shown.send_replace(Some(Arc::new(exposition)));
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        drop(self.shown.take());
        if let Some(thread) = self.thread.take() {
            // It ends at once; that it panicked is no reason to.
            let _ = thread.join();
        }
    }
}

/// Serves for ever; ends only when the listener cannot be used at all. Connections end with the
/// runtime.
async fn serve(listener: TcpListener, router: Router) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let mut connections: VecDeque<tokio::task::JoinHandle<()>> = VecDeque::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(AFTER_REFUSAL).await;
            continue;
        };
        connections.retain(|connection| !connection.is_finished());
        if connections.len() >= MOST_CONNECTIONS
            && let Some(oldest) = connections.pop_front()
        {
            oldest.abort();
        }
        connections.push_back(tokio::spawn(answer(stream, router.clone())));
    }
}

/// Answers the one request of a connection.
async fn answer(stream: TcpStream, router: Router) {
    let served = http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(MOST_REQUEST_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // A client that went away or is too slow is its own affair.
    let _ = tokio::time::timeout(PATIENCE, served).await;
}

fn router(shown: watch::Receiver<Shown>) -> Router {
    Router::new()
        .route(PATH, get(metrics))
        .fallback(async || (StatusCode::NOT_FOUND, format!("metrics are at {PATH}\n")))
        .method_not_allowed_fallback(async || {
            let text = "metrics can only be read: use GET\n";
            (StatusCode::METHOD_NOT_ALLOWED, text)
        })
        .with_state(shown)
}

async fn metrics(State(shown): State<watch::Receiver<Shown>>, headers: HeaderMap) -> Response {
    let exposition = shown.borrow().clone();
    let text = match exposition.map(|exposition| exposition.open_metrics()) {
        Some(Ok(text)) => text,
        Some(Err(_)) => {
            let text = "the metrics could not be written\n";
            return (StatusCode::INTERNAL_SERVER_ERROR, text).into_response();
        }
        None => "# EOF\n".to_owned(),
    };
    match wants_open_metrics(&headers) {
        true => ([(CONTENT_TYPE, OPEN_METRICS_1)], text).into_response(),
        false => ([(CONTENT_TYPE, PLAIN)], plain(&text)).into_response(),
    }
}

fn wants_open_metrics(headers: &HeaderMap) -> bool {
    let is_asked = |value: &HeaderValue| {
        let value = value.to_str().unwrap_or_default();
        value.to_ascii_lowercase().contains(OPEN_METRICS)
    };
    headers.get_all(ACCEPT).iter().any(is_asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{ErrorKind, Read, Write};

    const WAIT: Duration = Duration::from_secs(20);

    fn exporter() -> Exporter {
        let exporter = Exporter::listen("127.0.0.1:0").unwrap();
        exporter.show(Exposition::new(|to| to.counter("calls", "Calls.", 3_u64)));
        exporter
    }

    fn connect(exporter: &Exporter) -> std::net::TcpStream {
        let stream = std::net::TcpStream::connect(exporter.address()).unwrap();
        stream.set_read_timeout(Some(WAIT)).unwrap();
        stream
    }

    /// The whole answer to a request of this head.
    fn ask(exporter: &Exporter, head: &str) -> String {
        try_to_ask(exporter, head).unwrap()
    }

    fn try_to_ask(exporter: &Exporter, head: &str) -> std::io::Result<String> {
        let mut stream = connect(exporter);
        stream.write_all(format!("{head}\r\nHost: x\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    #[test]
    fn the_format_is_what_the_client_reads() {
        let exporter = exporter();
        let open = "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1";
        let answer = ask(&exporter, open);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains(&format!("content-type: {OPEN_METRICS_1}\r\n")));
        assert!(answer.ends_with("# TYPE calls counter\ncalls_total 3\n# EOF\n"));
        let answer = ask(&exporter, "GET /metrics HTTP/1.1\r\nAccept: */*");
        assert!(answer.contains(&format!("content-type: {PLAIN}\r\n")));
        assert!(answer.ends_with("# TYPE calls_total counter\ncalls_total 3\n"));
    }

    #[test]
    fn metrics_can_be_read_and_nothing_else_is_there() {
        let exporter = exporter();
        let head = ask(&exporter, "HEAD /metrics HTTP/1.1");
        assert!(
            head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"),
            "{head}"
        );
        let post = ask(&exporter, "POST /metrics HTTP/1.1\r\nContent-Length: 0");
        assert!(post.starts_with("HTTP/1.1 405 ") && post.contains("allow: GET,HEAD\r\n"));
        let root = ask(&exporter, "GET / HTTP/1.1");
        assert!(root.starts_with("HTTP/1.1 404 ") && root.ends_with("metrics are at /metrics\n"));
        let large = format!("GET /metrics HTTP/1.1\r\nX: {}", "x".repeat(20_000));
        // It hangs up without reading to the end, so that its answer may be lost on the way.
        match try_to_ask(&exporter, &large) {
            Ok(answer) => assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}"),
            Err(error) => assert!(
                matches!(
                    error.kind(),
                    ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
                ),
                "{error}"
            ),
        }
    }

    #[test]
    fn slow_clients_do_not_keep_others_from_their_answer() {
        let exporter = exporter();
        let slow: Vec<_> = (0..2 * MOST_CONNECTIONS)
            .map(|_| {
                let mut stream = connect(&exporter);
                stream.write_all(b"GET /metr").unwrap();
                stream
            })
            .collect();
        let answer = ask(&exporter, "GET /metrics HTTP/1.1");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        // The first of them was hung up on, to make room.
        let mut first = slow.into_iter().next().unwrap();
        let mut rest = Vec::new();
        assert!(!matches!(first.read_to_end(&mut rest), Ok(n) if n > 0));
    }

    #[test]
    fn an_exporter_without_metrics_says_so_and_one_that_is_dropped_is_gone() {
        let exporter = Exporter::listen("127.0.0.1:0").unwrap();
        let open = "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text";
        assert!(ask(&exporter, open).ends_with("\r\n\r\n# EOF\n"));
        let address = exporter.address();
        assert!(Exporter::listen(&address.to_string()).is_err());
        drop(exporter);
        assert!(std::net::TcpStream::connect(address).is_err());
    }
}
