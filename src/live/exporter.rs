//! Metrics over HTTP, for Prometheus to fetch: `GET /metrics` and nothing else.
//!
//! It is a thread of its own, of a low priority, so that whoever asks, and however often,
//! does not disturb what is measured. A client that is slow is hung up on.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use http::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::prometheus::{Exposition, plain};
use super::thread::lower_priority;

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
type Shown = Arc<Mutex<Option<Arc<Exposition>>>>;

/// A running exporter; dropping it ends it.
#[derive(Debug)]
pub struct Exporter {
    address: SocketAddr,
    shown: Shown,
    stop: Option<DropGuard>,
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
        let (shown, stop) = (Shown::default(), CancellationToken::new());
        let (of_thread, stopped) = (shown.clone(), stop.clone());
        let thread = std::thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || {
                lower_priority();
                runtime.block_on(async {
                    tokio::select! {
                        () = stopped.cancelled() => {}
                        () = serve(listener, &of_thread) => {}
                    }
                });
            })?;
        Ok(Exporter {
            address,
            shown,
            stop: Some(stop.drop_guard()),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hands out these metrics from now on.
    pub fn show(&self, page: Exposition) {
        *lock(&self.shown) = Some(Arc::new(page));
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It ends at once; that it panicked is no reason to.
            let _ = thread.join();
        }
    }
}

fn lock(shown: &Shown) -> std::sync::MutexGuard<'_, Option<Arc<Exposition>>> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves for ever; ends only when the listener cannot be used at all.
async fn serve(listener: TcpListener, shown: &Shown) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let mut connections = JoinSet::new();
    let mut by_age: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(AFTER_REFUSAL).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        by_age.retain(|connection| !connection.is_finished());
        if by_age.len() >= MOST_CONNECTIONS
            && let Some(oldest) = by_age.pop_front()
        {
            oldest.abort();
        }
        by_age.push_back(connections.spawn(answer(stream, shown.clone())));
    }
}

/// Answers the one request of a connection.
async fn answer(stream: TcpStream, shown: Shown) {
    let service = service_fn(move |request: Request<Incoming>| {
        let page = lock(&shown).clone();
        async move { Ok::<_, Infallible>(respond(&request, page.as_deref())) }
    });
    let served = http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(MOST_REQUEST_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    // A client that went away or is too slow is its own affair.
    let _ = tokio::time::timeout(PATIENCE, served).await;
}

fn respond<B>(request: &Request<B>, page: Option<&Exposition>) -> Response<Full<Bytes>> {
    if request.uri().path() != PATH {
        let text = format!("metrics are at {PATH}\n");
        return response(StatusCode::NOT_FOUND, PLAIN, text);
    }
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let text = "metrics can only be read: use GET\n".to_owned();
        let mut refused = response(StatusCode::METHOD_NOT_ALLOWED, PLAIN, text);
        let allowed = HeaderValue::from_static("GET, HEAD");
        refused.headers_mut().insert(ALLOW, allowed);
        return refused;
    }
    let text = match page.map(Exposition::open_metrics) {
        Some(Ok(text)) => text,
        Some(Err(_)) => {
            let text = "the metrics could not be written\n".to_owned();
            return response(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, text);
        }
        None => "# EOF\n".to_owned(),
    };
    match wants_open_metrics(request) {
        true => response(StatusCode::OK, OPEN_METRICS_1, text),
        false => response(StatusCode::OK, PLAIN, plain(&text)),
    }
}

fn wants_open_metrics<B>(request: &Request<B>) -> bool {
    let accepted = request.headers().get_all(ACCEPT).iter();
    let mut accepted = accepted.filter_map(|value| value.to_str().ok());
    accepted.any(|value| value.to_ascii_lowercase().contains(OPEN_METRICS))
}

fn response(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
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
        assert!(post.starts_with("HTTP/1.1 405 ") && post.contains("allow: GET, HEAD\r\n"));
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
