//! What can be seen of a run from outside while it goes on: lines on standard error, metrics over
//! HTTP, and what a Prometheus server is asked afterwards.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustls_pki_types::PrivateKeyDer;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};
use voicelt::report::Summary;
use voicelt::results::reader::RunDir;

/// How long anything here may take.
const WAIT: Duration = Duration::from_secs(60);

/// voicelt under way; killed when dropped.
struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
    /// What it has said.
    said: String,
}

impl Running {
    fn start(place: &Path, args: &[&str]) -> Running {
        Running::start_with(place, args, &[])
    }

    fn start_with(place: &Path, args: &[&str], env: &[(&str, &str)]) -> Running {
        let mut child = Command::new(env!("CARGO_BIN_EXE_voicelt"))
            .current_dir(place)
            .args(args)
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Running {
            stderr: BufReader::new(child.stderr.take().unwrap()),
            child,
            said: String::new(),
        }
    }

    /// What stands between `before` and `after` in the next line that holds both.
    fn says(&mut self, before: &str, after: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.stderr.read_line(&mut line).unwrap();
            assert!(read > 0, "it ended: {}", self.said);
            self.said.push_str(&line);
            let found = line.split_once(before).map(|(_, rest)| rest);
            if let Some((found, _)) = found.and_then(|rest| rest.split_once(after)) {
                return found.to_owned();
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The exit code, and all that it said.
    fn end(mut self) -> (Option<i32>, String) {
        // Standard error ends with the program.
        self.stderr.read_to_string(&mut self.said).unwrap();
        (
            self.child.wait().unwrap().code(),
            std::mem::take(&mut self.said),
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with `calls.vtrace`, of `sessions` calls of a second.
fn desk(sessions: &str) -> tempfile::TempDir {
    let desk = tempfile::tempdir().unwrap();
    let made = [
        "--quiet",
        "prepare",
        "--synth",
        "speech-like:1s",
        "-o",
        "calls.vtrace",
    ];
    let arrivals = ["--sessions", sessions, "--arrivals", "constant:10/s"];
    let ended = Running::start(desk.path(), &[&made[..], &arrivals].concat()).end();
    assert_eq!(ended, (Some(0), String::new()));
    desk
}

/// The page at `address`, in OpenMetrics text.
fn metrics(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(WAIT)).unwrap();
    let accept = "Accept: application/openmetrics-text;version=1.0.0";
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nHost: x\r\n{accept}\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The value of a metric on a page.
fn value(page: &str, metric: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(metric));
    let line = line.unwrap_or_else(|| panic!("no {metric} in {page}"));
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn an_address_that_is_taken_is_told_before_anything_starts() {
    let desk = desk("1");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let commands: [&[&str]; 3] = [
        &["replay", "calls.vtrace", "-t", "embedded"],
        &["gateway", "--listen", "127.0.0.1:0"],
        &[
            "record",
            "--listen",
            "127.0.0.1:0",
            "--upstream",
            "127.0.0.1:1",
            "-o",
            "a.vtrace",
            "--timing-only",
        ],
    ];
    for command in commands {
        let args = [command, &["--metrics-addr", &address]].concat();
        let (code, said) = Running::start(desk.path(), &args).end();
        assert_eq!(code, Some(2), "{said}");
        assert!(
            said.contains(&format!("--metrics-addr: cannot listen on {address}")),
            "{said}"
        );
    }
    assert!(!desk.path().join("runs").exists() && !desk.path().join("a.vtrace").exists());
}

#[test]
fn metrics_linger_with_the_final_numbers_until_ctrl_c() {
    let desk = desk("12");
    let args = [
        "replay",
        "calls.vtrace",
        "-t",
        "embedded",
        "-o",
        "run",
        "--allow-invalid",
        "--metrics-addr",
        "127.0.0.1:0",
        "--metrics-linger",
        "1h",
    ];
    let mut run = Running::start(desk.path(), &args);
    let address = run.says("metrics are at http://", "/metrics");
    assert_eq!(
        run.says("metrics stay at http://", " for 1h"),
        format!("{address}/metrics")
    );
    let page = metrics(&address);
    assert!(
        page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("# EOF\n"),
        "{page}"
    );
    let dir = RunDir::open(&desk.path().join("run")).unwrap();
    let rows = dir.requests().unwrap().rows;
    let of = |metric: &str| value(&page, &format!("voicelt_{metric}"));
    assert_eq!(of(r#"requests_total{status="ok"} "#), 12.0);
    assert_eq!(
        (of("offered_sessions_total "), of("started_sessions_total ")),
        (12.0, 12.0)
    );
    assert_eq!((of("active_sessions "), of("users ")), (0.0, 0.0));
    let chunks = dir
        .timeline()
        .unwrap()
        .rows
        .iter()
        .map(|row| row.achieved_chunks)
        .sum::<u64>();
    assert_eq!(of("schedule_lag_seconds_count "), chunks as f64);
    assert_eq!(of("judged_chunks_total "), chunks as f64);
    let seconds = rows
        .iter()
        .map(|row| row.response_ns.unwrap() as f64 / 1e9)
        .sum::<f64>();
    assert_eq!(of("response_seconds_count "), 12.0);
    assert!(
        (of("response_seconds_sum ") - seconds).abs() < 1e-6,
        "{seconds}"
    );
    let run_id = &dir.manifest().run_id;
    let info = format!(r#"run_info{{run_id="{run_id}",scenario="",trace="calls"}} "#);
    assert_eq!(of(&info), 1.0);
    for exemplar in page
        .lines()
        .filter_map(|line| line.split_once(" # {trace_id=\""))
    {
        let (trace_id, _) = exemplar.1.split_once('"').unwrap();
        assert!(
            rows.iter().any(|row| row.trace_id == trace_id),
            "{trace_id}"
        );
    }
    run.signal(Signal::INT);
    let (code, said) = run.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(TcpStream::connect(&address).is_err());
}

#[test]
fn a_gateway_counts_what_it_answers() {
    let desk = desk("12");
    let args = [
        "gateway",
        "--listen",
        "127.0.0.1:0",
        "--metrics-addr",
        "127.0.0.1:0",
    ];
    let mut gateway = Running::start(desk.path(), &args);
    let address = gateway.says("metrics are at http://", "/metrics");
    let target = gateway.says("listening on ", "\n");
    let args = [
        "replay",
        "calls.vtrace",
        "-t",
        &target,
        "-o",
        "run",
        "--allow-invalid",
    ];
    let (code, said) = Running::start(desk.path(), &args).end();
    assert_eq!(code, Some(0), "{said}");
    let page = metrics(&address);
    let of = |metric: &str| value(&page, &format!("voice_gateway_{metric}"));
    assert_eq!(of(r#"requests_total{status="success"} "#), 12.0);
    assert_eq!(of("active_streams "), 0.0);
    for time in [
        "asr_latency",
        "llm_ttft",
        "llm_total",
        "tts_latency",
        "e2e_latency",
    ] {
        assert_eq!(of(&format!("{time}_seconds_count ")), 12.0, "{time}");
    }
    // What the gateway says and what callers see are the same times, but for the way between them.
    let rows = RunDir::open(&desk.path().join("run"))
        .unwrap()
        .requests()
        .unwrap()
        .rows;
    let seen = rows
        .iter()
        .map(|row| row.e2e_ns.unwrap() as f64 / 1e9)
        .sum::<f64>();
    let told = of("e2e_latency_seconds_sum ");
    assert!(
        (seen - told).abs() < 0.5 * told,
        "{seen} s seen, {told} s told"
    );
}

#[test]
fn a_recorder_counts_what_it_carries() {
    let desk = desk("12");
    let args = ["gateway", "--listen", "127.0.0.1:0"];
    let mut gateway = Running::start(desk.path(), &args);
    let upstream = gateway.says("listening on ", "\n");
    let args = [
        "record",
        "--listen",
        "127.0.0.1:0",
        "--upstream",
        &upstream,
        "-o",
        "a.vtrace",
        "--timing-only",
        "--metrics-addr",
        "127.0.0.1:0",
    ];
    let mut recorder = Running::start(desk.path(), &args);
    let address = recorder.says("metrics are at http://", "/metrics");
    let target = recorder.says("listening on ", ", calls go on");
    let args = [
        "replay",
        "calls.vtrace",
        "-t",
        &target,
        "-o",
        "run",
        "--allow-invalid",
    ];
    let (code, said) = Running::start(desk.path(), &args).end();
    assert_eq!(code, Some(0), "{said}");
    let recorded = "voicelt_record_recorded_calls_total ";
    // What was carried is written down a moment later.
    let page = (0..600)
        .map(|_| {
            std::thread::sleep(Duration::from_millis(50));
            metrics(&address)
        })
        .find(|page| {
            value(page, recorded) == 12.0 && value(page, "voicelt_record_messages_total ") > 0.0
        })
        .unwrap();
    let of = |metric: &str| value(&page, &format!("voicelt_record_{metric}"));
    assert_eq!(
        (of("calls_total "), of("active_calls "), of("stopped ")),
        (12.0, 0.0, 0.0)
    );
    assert_eq!(of(r#"lost_calls_total{reason="not_in_time"} "#), 0.0);
    let rows = RunDir::open(&desk.path().join("run"))
        .unwrap()
        .requests()
        .unwrap()
        .rows;
    let sent: u64 = rows.iter().map(|row| row.bytes_sent).sum();
    assert!(of("bytes_total ") > sent as f64);
    let pieces = of(r#"added_latency_seconds_count{direction="to_gateway"} "#);
    assert!(pieces > 0.0 && of("journal_bytes ") > 0.0);
    recorder.signal(Signal::INT);
    let (code, said) = recorder.end();
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn without_a_terminal_there_is_a_line_now_and_then_unless_it_is_unwanted() {
    let desk = desk("60");
    let args = [
        "replay",
        "calls.vtrace",
        "-t",
        "embedded",
        "--allow-invalid",
    ];
    let (code, said) = Running::start(desk.path(), &args).end();
    assert_eq!(code, Some(0), "{said}");
    let line = said
        .lines()
        .find(|line| line.contains(" sessions started (60 planned) · "));
    let line = line.unwrap_or_else(|| panic!("{said}"));
    assert!(
        line.contains(" requests/s, response p50 ") && !said.contains('\x1b'),
        "{said}"
    );
    let (_, said) = Running::start(desk.path(), &[&args[..], &["--no-live"]].concat()).end();
    assert!(
        !said.contains(" planned)") && said.contains("results: "),
        "{said}"
    );
    let (_, said) = Running::start(
        desk.path(),
        &[&args[..], &["--quiet", "--limit", "1"]].concat(),
    )
    .end();
    assert_eq!(said, "");
}

/// A Prometheus server that knows one series, of which it tells to so many requests.
fn prometheus(requests: usize) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let answer = |_| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head = lines
                .by_ref()
                .map(Result::unwrap)
                .take_while(|line| !line.is_empty());
            let head: Vec<String> = head.collect();
            let known = head[0].contains("DCGM_FI_DEV_GPU_UTIL");
            let at = head[0]
                .split_once("&start=")
                .unwrap()
                .1
                .split_once('&')
                .unwrap()
                .0;
            let series =
                format!(r#"{{"metric":{{"gpu":"0"}},"values":[[{at},"40"],[{at}.5,"60"]]}}"#);
            let result = if known { series.as_str() } else { "" };
            let body = format!(r#"{{"status":"success","data":{{"result":[{result}]}}}}"#);
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
            .unwrap();
            head.join("\n")
        };
        (0..requests).map(answer).collect()
    });
    (url, thread)
}

#[test]
fn what_the_servers_measured_is_kept_with_the_run() {
    let desk = desk("2");
    let (url, thread) = prometheus(8);
    let args = [
        "replay",
        "calls.vtrace",
        "-t",
        "embedded",
        "-o",
        "run",
        "--allow-invalid",
        "--prometheus",
        &url,
        "--prometheus-query",
        "pods=sum(up)",
    ];
    let (code, said) = Running::start(desk.path(), &args).end();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("--prometheus"), "{said}");
    let asked = thread.join().unwrap();
    assert!(
        asked.iter().any(|head| head.contains("query=sum(up)")),
        "{asked:?}"
    );
    let dir = RunDir::open(&desk.path().join("run")).unwrap();
    let rows = dir.server().unwrap();
    let values: Vec<_> = rows
        .iter()
        .map(|row| (row.series.as_str(), row.value))
        .collect();
    assert_eq!(
        values,
        [
            ("gpu_utilisation_percent", 40.0),
            ("gpu_utilisation_percent", 60.0)
        ]
    );
    let summary = Summary::of_run(&dir, None).unwrap();
    assert_eq!((summary.server.len(), summary.server[0].mean), (1, 50.0));
}

/// A Prometheus server that speaks TLS with a certificate of its own, and has nothing.
fn prometheus_with_tls(place: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(place.join("ca.pem"), made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = listener.local_addr().unwrap().port();
    // It ends with the test.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(connection, stream.unwrap()));
            let mut line = String::new();
            // A client that does not trust the certificate says so and hangs up.
            while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let body = r#"{"status":"success","data":{"result":[]}}"#;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", body.len());
            let stream = stream.get_mut();
            let _ = write!(stream, "{head}connection: close\r\n\r\n{body}");
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    format!("https://localhost:{port}")
}

#[test]
fn a_certificate_that_is_not_trusted_is_not_accepted() {
    let desk = desk("1");
    let url = prometheus_with_tls(desk.path());
    let args = [
        "replay",
        "calls.vtrace",
        "-t",
        "embedded",
        "--allow-invalid",
        "--prometheus",
        &url,
    ];
    let (code, said) = Running::start(desk.path(), &args).end();
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("UnknownIssuer") && said.contains("warning: --prometheus: "),
        "{said}"
    );
    let ca = desk.path().join("ca.pem");
    let trusting = [("SSL_CERT_FILE", ca.to_str().unwrap())];
    let (_, said) = Running::start_with(desk.path(), &args, &trusting).end();
    assert!(
        said.contains("it has none of the series of the time of the run"),
        "{said}"
    );
}

#[test]
fn a_prometheus_that_cannot_be_asked_costs_a_warning_and_not_the_run() {
    let desk = desk("2");
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{closed}");
    let args = [
        "replay",
        "calls.vtrace",
        "-t",
        "embedded",
        "-o",
        "run",
        "--allow-invalid",
    ];
    let asked = [&args[..], &["--prometheus", &url]].concat();
    let (code, said) = Running::start(desk.path(), &asked).end();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.matches("warning: --prometheus: ").count(), 1, "{said}");
    assert!(!desk.path().join("run/server.parquet").exists());
    let wrong = [&args[..], &["--prometheus", "prometheus:9090"]].concat();
    let (code, said) = Running::start(desk.path(), &wrong).end();
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("give one such as http://prometheus:9090"),
        "{said}"
    );
}
