//! What can be seen of a run from outside while it goes on: lines on standard error, metrics over
//! HTTP, and what a Prometheus server is asked afterwards.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use voicelt::report::summarise::Asked;
use voicelt::report::summary::Summary;

use crate::support::front::Front;
use crate::support::{Desk, Output, Running, until};

/// A desk with `calls.vtrace`, of so many calls of a second.
fn desk(sessions: u32) -> Desk {
    let arrivals = "--arrivals constant:10/s";
    Desk::with_trace(&format!(
        "--synth speech-like:1s --sessions {sessions} {arrivals}"
    ))
}

/// A replay of the desk's trace, whatever the verdict.
fn replay(target: &str) -> String {
    format!("replay calls.vtrace -t {target} --allow-invalid")
}

/// Something that serves metrics, and their address.
fn start(desk: &Desk, line: &str) -> (Running, String) {
    let mut running = desk.start(&format!("{line} --metrics-addr 127.0.0.1:0"));
    let address = running.says("metrics are at http://", "/metrics");
    (running, address)
}

/// The page at `address`, in OpenMetrics text.
fn metrics(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
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
    let desk = desk(1);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for line in [
        "replay calls.vtrace -t embedded",
        "gateway --listen 127.0.0.1:0",
        "record --listen 127.0.0.1:0 --upstream 127.0.0.1:1 -o a.vtrace --timing-only",
    ] {
        desk.voicelt(&format!("{line} --metrics-addr {address}"))
            .refused(&format!("--metrics-addr: cannot listen on {address}"));
    }
    assert!(!desk.path("runs").exists() && !desk.path("a.vtrace").exists());
}

#[test]
fn metrics_linger_with_the_final_numbers_until_ctrl_c() {
    let desk = desk(12);
    let line = format!("{} -o run --metrics-linger 1h", replay("embedded"));
    let (mut run, address) = start(&desk, &line);
    assert_eq!(
        run.says("metrics stay at http://", " for 1h"),
        format!("{address}/metrics")
    );
    let page = metrics(&address);
    assert!(
        page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("# EOF\n"),
        "{page}"
    );
    let dir = desk.run("run");
    let rows = desk.requests("run");
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
    run.interrupt().exits(0);
    assert!(TcpStream::connect(&address).is_err());
}

#[test]
fn a_gateway_counts_what_it_answers() {
    let desk = desk(12);
    let (mut gateway, address) = start(&desk, "gateway --listen 127.0.0.1:0");
    let line = format!("{} -o run", replay(&gateway.address()));
    desk.voicelt(&line).exits(0);
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
    let rows = desk.requests("run");
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
    let desk = desk(12);
    let (_gateway, upstream) = desk.gateway("");
    let line = format!("record --listen 127.0.0.1:0 --upstream {upstream} -o a.vtrace");
    let (mut recorder, address) = start(&desk, &format!("{line} --timing-only"));
    let line = format!("{} -o run", replay(&recorder.address()));
    desk.voicelt(&line).exits(0);
    // What was carried is written down a moment later.
    let page = until(|| {
        let page = metrics(&address);
        let is_recorded = value(&page, "voicelt_record_recorded_calls_total ") == 12.0
            && value(&page, "voicelt_record_messages_total ") > 0.0;
        is_recorded.then_some(page)
    });
    let of = |metric: &str| value(&page, &format!("voicelt_record_{metric}"));
    assert_eq!(
        (of("calls_total "), of("active_calls "), of("stopped ")),
        (12.0, 0.0, 0.0)
    );
    assert_eq!(of(r#"lost_calls_total{reason="not_in_time"} "#), 0.0);
    let rows = desk.requests("run");
    let sent: u64 = rows.iter().map(|row| row.bytes_sent).sum();
    assert!(of("bytes_total ") > sent as f64);
    let pieces = of(r#"added_latency_seconds_count{direction="to_gateway"} "#);
    assert!(pieces > 0.0 && of("journal_bytes ") > 0.0);
    recorder.interrupt().exits(0);
}

#[test]
fn without_a_terminal_there_is_a_line_now_and_then_unless_it_is_unwanted() {
    let desk = desk(60);
    let replay = replay("embedded");
    let [watched, not_watched] = ["-o watched", "--no-live -o unwatched"]
        .map(|flag| desk.start(&format!("{replay} {flag}")));
    let said = watched.wait().exits(0).stderr;
    let mut lines = said.lines();
    let line = lines.find(|line| line.contains(" sessions started (60 planned) · "));
    let line = line.unwrap_or_else(|| panic!("{said}"));
    assert!(
        line.contains(" requests/s, response p50 ") && !said.contains('\x1b'),
        "{said}"
    );
    let said = not_watched.wait().stderr;
    assert!(
        !said.contains(" planned)") && said.contains("results: "),
        "{said}"
    );
    let quiet = desk.voicelt(&format!("{replay} --quiet --limit 1"));
    assert_eq!(quiet.stderr, "");
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
    let desk = desk(2);
    let (url, thread) = prometheus(8);
    let asks = format!("--prometheus {url} --prometheus-query 'pods=sum(up)'");
    let line = format!("{} -o run {asks}", replay("embedded"));
    let said = desk.voicelt(&line).exits(0).stderr;
    assert!(!said.contains("--prometheus"), "{said}");
    let asked = thread.join().unwrap();
    assert!(
        asked.iter().any(|head| head.contains("query=sum(up)")),
        "{asked:?}"
    );
    let dir = desk.run("run");
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
    let summary = Summary::of_run(&dir, &Asked::default(), |_| {}).unwrap();
    assert_eq!((summary.server.len(), summary.server[0].mean), (1, 50.0));
}

/// A Prometheus server that has nothing; returns its address.
fn empty_prometheus() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // It ends with the test.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let body = r#"{"status":"success","data":{"result":[]}}"#;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", body.len());
            let _ = write!(stream.get_mut(), "{head}connection: close\r\n\r\n{body}");
        }
    });
    address
}

#[test]
fn a_certificate_that_is_not_trusted_is_not_accepted() {
    let desk = desk(1);
    let (front, pem) = Front::tls(&empty_prometheus());
    desk.write("ca.pem", pem);
    let line = format!(
        "{} --prometheus https://localhost:{}",
        replay("embedded"),
        front.port
    );
    desk.voicelt(&line)
        .exits(0)
        .says("warning: --prometheus: ")
        .says("UnknownIssuer");
    let mut trusting = desk.command(&line);
    Output::of(trusting.env("SSL_CERT_FILE", "ca.pem"))
        .says("it has none of the series of the time of the run");
}

#[test]
fn a_prometheus_that_cannot_be_asked_costs_a_warning_and_not_the_run() {
    let desk = desk(2);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let replay = format!("{} -o run", replay("embedded"));
    let asked = desk.voicelt(&format!("{replay} --prometheus http://{address}"));
    let said = asked.exits(0).stderr;
    assert_eq!(said.matches("warning: --prometheus: ").count(), 1, "{said}");
    assert!(!desk.path("run/server.parquet").exists());
    desk.voicelt(&format!("{replay} --prometheus prometheus:9090"))
        .refused("give one such as http://prometheus:9090");
}
