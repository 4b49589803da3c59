//! The HTTP interface of a Prometheus server: range queries, bounded in time and size.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http::uri::{Authority, Uri};
use serde::Deserialize;
use tokio_rustls::rustls::crypto::ring::default_provider;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use super::series::Query;
use crate::results::row::ServerRow;
use crate::units::NS_PER_S;

/// Where the token for Prometheus is taken from: never from a flag, which others could read.
pub const TOKEN: &str = "VOICELT_PROMETHEUS_TOKEN";

/// How long a query may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most bytes of an answer.
const MOST_BYTES: u64 = 32 * 1024 * 1024;
/// Values of a series that are asked for, at most and about.
const MOST_VALUES: i64 = 1_000;

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// The server cannot be reached, or hung up.
    #[error("cannot ask {url}: {reason}")]
    Unreachable { url: String, reason: String },
    /// The server wants another token, or has moved.
    #[error("{url} answered {status}; is it the URL of Prometheus, and the token right?")]
    Refused { url: String, status: u16 },
    /// The server did not like the query.
    #[error("{0}")]
    Query(String),
    /// The server's answer is none.
    #[error("the answer cannot be understood ({0}); is it the URL of Prometheus?")]
    NotUnderstood(String),
    /// More than is kept.
    #[error("there is more than is kept; ask for less, such as a sum")]
    TooMuch,
}

impl FetchError {
    /// Whether further queries would end in the same way.
    pub(super) fn is_about_the_server(&self) -> bool {
        use FetchError::{NotUnderstood, Refused, Unreachable};
        matches!(self, Unreachable { .. } | Refused { .. } | NotUnderstood(_))
    }
}

/// The time that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// The run's epoch, since 1970.
    epoch_ns: i64,
    /// Whole seconds from 1970.
    from_s: i64,
    to_s: i64,
    step_s: i64,
}

impl Span {
    /// So long from an epoch on.
    pub(super) fn of(epoch_ns: i64, length_ns: i64) -> Span {
        let from_s = epoch_ns.div_euclid(NS_PER_S);
        let to_s = (epoch_ns + length_ns.max(0) + NS_PER_S - 1).div_euclid(NS_PER_S);
        Span {
            epoch_ns,
            from_s,
            to_s,
            step_s: ((to_s - from_s + MOST_VALUES - 1) / MOST_VALUES).max(1),
        }
    }
}

/// A Prometheus server; its token is never shown.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    url: String,
    authorization: Option<HeaderValue>,
}

/// What Prometheus answers.
#[derive(Debug, Deserialize)]
struct Answer {
    status: String,
    error: Option<String>,
    data: Option<Data>,
}

#[derive(Debug, Deserialize)]
struct Data {
    #[serde(default)]
    result: Vec<Series>,
}

#[derive(Debug, Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
}

impl Client {
    /// The server at `url`, which is asked with `token` if there is one.
    ///
    /// # Errors
    /// Says what is wrong with the URL or the token.
    pub(super) fn new(url: &str, token: Option<&str>) -> Result<Client, String> {
        let what = "give one such as http://prometheus:9090";
        let parsed = url.parse::<Uri>();
        let parsed = parsed.map_err(|error| format!("`{url}` is no URL ({error}); {what}"))?;
        let scheme = parsed.scheme_str().unwrap_or_default();
        let authority = parsed.authority().map_or("", Authority::as_str);
        if authority.contains('@') {
            return Err(format!(
                "leave name and password out of the URL, which is shown; a token is taken from {}",
                TOKEN
            ));
        }
        if !["http", "https"].contains(&scheme) || authority.is_empty() || parsed.query().is_some()
        {
            return Err(format!("`{url}` is no URL of a server; {what}"));
        }
        let authorization = token.map(|token| HeaderValue::try_from(format!("Bearer {token}")));
        let mut authorization = authorization
            .transpose()
            .map_err(|_| format!("what {} holds is no token", TOKEN))?;
        if let Some(value) = &mut authorization {
            value.set_sensitive(true);
        }
        Ok(Client {
            agent: agent(scheme == "https"),
            url: format!("{}/api/v1/query_range", url.trim_end_matches('/')),
            authorization,
        })
    }

    /// The values of `query` in `span`, at most so many.
    pub(super) fn range(
        &self,
        query: &Query,
        span: &Span,
        most_rows: usize,
    ) -> Result<Vec<ServerRow>, FetchError> {
        let unreachable = |error: ureq::Error| FetchError::Unreachable {
            url: self.url.clone(),
            reason: error.to_string(),
        };
        let mut request = self
            .agent
            .get(&self.url)
            .query("query", &query.promql)
            .query("start", span.from_s.to_string())
            .query("end", span.to_s.to_string())
            .query("step", span.step_s.to_string());
        if let Some(value) = &self.authorization {
            request = request.header(http::header::AUTHORIZATION, value);
        }
        let mut response = request.call().map_err(unreachable)?;
        let status = response.status();
        let body = response.body_mut().with_config().limit(MOST_BYTES);
        let body = body.read_to_vec().map_err(|error| match error {
            ureq::Error::BodyExceedsLimit(_) => FetchError::TooMuch,
            error => unreachable(error),
        })?;
        let answer = serde_json::from_slice::<Answer>(&body);
        if !status.is_success() {
            // Prometheus explains a bad query; others do not explain themselves so.
            return Err(match answer.ok().and_then(|answer| answer.error) {
                Some(error) => FetchError::Query(error),
                None => FetchError::Refused {
                    url: self.url.clone(),
                    status: status.as_u16(),
                },
            });
        }
        let answer = answer.map_err(|error| FetchError::NotUnderstood(error.to_string()))?;
        match answer.data {
            Some(data) if answer.status == "success" => rows(&query.name, span, data, most_rows),
            _ => Err(FetchError::Query(answer.error.unwrap_or(answer.status))),
        }
    }
}

/// A client that trusts the system's certificates and follows nobody elsewhere.
fn agent(tls: bool) -> Agent {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(PATIENCE));
    if tls {
        let certificates = rustls_native_certs::load_native_certs().certs;
        let certificates: Vec<_> = certificates
            .iter()
            .map(|certificate| Certificate::from_der(certificate).to_owned())
            .collect();
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(default_provider()))
            .root_certs(RootCerts::new_with_certs(&certificates))
            .build();
        config = config.tls_config(tls);
    }
    config.build().new_agent()
}

/// The values as rows; what is no number is left out.
fn rows(
    name: &str,
    span: &Span,
    data: Data,
    most_rows: usize,
) -> Result<Vec<ServerRow>, FetchError> {
    let count: usize = data.result.iter().map(|series| series.values.len()).sum();
    if count > most_rows {
        return Err(FetchError::TooMuch);
    }
    let mut rows = Vec::with_capacity(count);
    for mut series in data.result {
        series.metric.remove("__name__");
        let labels = serde_json::to_string(&series.metric).unwrap_or_default();
        for (at_s, value) in series.values {
            let value = value.parse::<f64>().unwrap_or(f64::NAN);
            if value.is_finite() && at_s.is_finite() {
                // Milliseconds are what Prometheus keeps.
                let at_ns = (at_s * 1e3).round() as i64 * 1_000_000;
                rows.push(ServerRow {
                    series: name.to_owned(),
                    labels: labels.clone(),
                    at_ns: at_ns - span.epoch_ns,
                    value,
                });
            }
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    /// A server that gives one answer to one request, and returns what it was asked.
    fn server(status: &str, body: impl Into<Vec<u8>>) -> (String, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/prom/", listener.local_addr().unwrap());
        let body = body.into();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            let mut piece = [0; 1024];
            while !asked.ends_with(b"\r\n\r\n") {
                let read = stream.read(&mut piece).unwrap();
                assert!(read > 0, "the client hung up");
                asked.extend(&piece[..read]);
            }
            // The client may hang up before it has read all of it.
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(&body);
            String::from_utf8(asked).unwrap()
        });
        (url, thread)
    }

    fn query() -> Query {
        "streams=sum(voice_gateway_active_streams) + 1"
            .parse()
            .unwrap()
    }

    fn ask(status: &str, body: impl Into<Vec<u8>>) -> Result<Vec<ServerRow>, String> {
        let (url, thread) = server(status, body);
        let client = Client::new(&url, None).unwrap();
        let span = Span::of(1_000 * NS_PER_S + 500_000_000, 2 * NS_PER_S);
        let found = client.range(&query(), &span, 3);
        thread.join().unwrap();
        found.map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_rows_on_the_clock_of_the_run() {
        let body = r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"__name__":"x","gpu":"0","a":"\"b\""},"values":[[1000.5,"1"],[1001.781,"2.5"]]},
            {"metric":{},"values":[[1001,"NaN"]]}]}}"#;
        let row = |at_ns, value| ServerRow {
            series: "streams".to_owned(),
            labels: r#"{"a":"\"b\"","gpu":"0"}"#.to_owned(),
            at_ns,
            value,
        };
        let expected = vec![row(0, 1.0), row(1_281_000_000, 2.5)];
        assert_eq!(ask("200 OK", body), Ok(expected));
    }

    #[test]
    fn the_query_the_time_and_the_token_are_sent() {
        let body = r#"{"status":"success","data":{"result":[]}}"#;
        let (url, thread) = server("200 OK", body);
        let client = Client::new(&url, Some("s3cret")).unwrap();
        assert!(!format!("{client:?}").contains("s3cret"));
        let span = Span::of(1_000 * NS_PER_S + 1, 5_000 * NS_PER_S);
        assert_eq!(client.range(&query(), &span, 3).unwrap(), []);
        let asked = thread.join().unwrap();
        let first = asked.lines().next().unwrap();
        assert!(
            first.starts_with("GET /prom/api/v1/query_range?query=sum(")
                && first.contains("%2B%201&start=1000&end=6001&step=6 HTTP/1.1"),
            "{first}"
        );
        assert!(
            asked.contains("authorization: Bearer s3cret\r\n"),
            "{asked}"
        );
    }

    #[test]
    fn what_goes_wrong_says_what_to_do() {
        let refused = ask(
            "400 Bad Request",
            r#"{"status":"error","error":"parse error"}"#,
        );
        assert_eq!(refused, Err("parse error".to_owned()));
        let said = |status, body: &str| ask(status, body).unwrap_err();
        assert!(said("401 Unauthorized", "no").contains("answered 401; is it"));
        assert!(said("302 Found", "").contains("answered 302; is it"));
        assert!(said("200 OK", "<html>").contains("cannot be understood"));
        let four = r#"{"status":"success","data":{"result":[{"metric":{},"values":[[1,"1"],[2,"1"],[3,"1"],[4,"1"]]}]}}"#;
        assert!(said("200 OK", four).contains("more than is kept"));
        let large = vec![b' '; MOST_BYTES as usize + 1];
        assert!(
            ask("200 OK", large)
                .unwrap_err()
                .contains("more than is kept")
        );
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
        let client = Client::new(&format!("http://{}", closed.unwrap()), None).unwrap();
        let error = client.range(&query(), &Span::of(0, 1), 3).unwrap_err();
        assert!(error.is_about_the_server(), "{error}");
    }

    #[test]
    fn only_urls_without_secrets_are_taken() {
        for url in [
            "prometheus:9090",
            "ftp://a",
            "http://",
            "/x",
            "http://a/?b=c",
            "http://u:p@a",
        ] {
            let refused = Client::new(url, None).unwrap_err();
            assert!(!refused.contains("u:p"), "{refused}");
        }
        for url in [
            "http://a:9090",
            "https://a/prometheus/",
            "http://[::1]:9090",
        ] {
            Client::new(url, None).unwrap();
        }
        assert!(Client::new("http://a", Some("a\nb")).is_err());
    }

    #[test]
    fn a_long_run_is_asked_for_in_larger_steps() {
        let step = |seconds| Span::of(0, seconds * NS_PER_S).step_s;
        assert_eq!([0, 30, 1_000, 1_001, 36_000].map(step), [1, 1, 1, 2, 36]);
    }
}
