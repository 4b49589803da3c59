//! Where a gateway is, as users name it, and how it is shown: what stands in its query may be a secret.

use std::fmt;
use std::str::FromStr;

use http::uri::{Authority, PathAndQuery};

/// What carries the streams of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// Many streams on a connection of HTTP/2.
    Http2,
    /// A connection a stream, which begins with an upgrade of HTTP/1.1.
    WebSocket,
}

impl Carrier {
    /// What is spoken inside TLS, as ALPN names it.
    #[must_use]
    pub fn alpn(self) -> &'static [u8] {
        match self {
            Carrier::Http2 => b"h2",
            Carrier::WebSocket => b"http/1.1",
        }
    }
}

/// Where a gateway is. Shown without the values of its query.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Whether TLS is spoken.
    pub tls: bool,
    /// What carries its streams.
    pub carrier: Carrier,
    /// Path and query; empty where none was given.
    path: String,
}

/// A target that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It cannot be read. It may hold a password.
    #[error("`{0}` is no target; use host:port, or a URL with http://, https://, ws:// or wss://")]
    Unreadable(String),
    /// It names who logs in.
    #[error("`{0}` holds a name or a password; give those as a header (--header KEY:VALUE)")]
    LogsIn(String),
    /// A path or a query where gRPC decides on the path.
    #[error("`{0}` has a path, and this dialect is gRPC, which has its own; leave the path out")]
    HasPath(Endpoint),
    /// A WebSocket for a dialect on HTTP/2.
    #[error("`{0}` is a WebSocket, and this dialect is gRPC; use host:port, http:// or https://")]
    IsWebSocket(Endpoint),
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Endpoint, EndpointError> {
        let wrong = || EndpointError::Unreadable(text.to_owned());
        let (tls, carrier, rest) = match text.split_once("://") {
            Some(("http" | "grpc", rest)) => (false, Carrier::Http2, rest),
            Some(("https" | "grpcs", rest)) => (true, Carrier::Http2, rest),
            Some(("ws", rest)) => (false, Carrier::WebSocket, rest),
            Some(("wss", rest)) => (true, Carrier::WebSocket, rest),
            Some(_) => return Err(wrong()),
            None => (false, Carrier::Http2, text),
        };
        let path_starts = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(path_starts);
        if authority.contains('@') {
            return Err(EndpointError::LogsIn(text.to_owned()));
        }
        let authority: Authority = authority.parse().map_err(|_| wrong())?;
        let names_port = authority.as_str().len() > authority.host().len();
        if names_port && authority.port_u16().is_none() {
            return Err(wrong());
        }
        let port = match (authority.port_u16(), text.contains("://")) {
            (Some(port), _) => port,
            (None, true) => {
                if tls {
                    443
                } else {
                    80
                }
            }
            (None, false) => return Err(wrong()),
        };
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        if host.is_empty() || path.contains('#') {
            return Err(wrong());
        }
        let path = match path {
            "" | "/" => String::new(),
            _ if path.starts_with('?') => format!("/{path}"),
            _ => path.to_owned(),
        };
        let endpoint = Endpoint {
            host,
            port,
            tls,
            carrier,
            path,
        };
        PathAndQuery::try_from(endpoint.path_and_query()).map_err(|_| wrong())?;
        Ok(endpoint)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), without_values(&self.path))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

impl Endpoint {
    /// A host and a port in clear, for HTTP/2.
    #[must_use]
    pub fn in_clear(host: &str, port: u16) -> Endpoint {
        Endpoint {
            host: host.to_owned(),
            port,
            tls: false,
            carrier: Carrier::Http2,
            path: String::new(),
        }
    }

    /// The same place, reached by `carrier`: what a dialect is carried by decides, where the target's scheme
    /// leaves it open.
    ///
    /// # Errors
    /// A WebSocket or a path where the dialect is gRPC.
    pub fn carried_by(self, carrier: Carrier) -> Result<Endpoint, EndpointError> {
        match (carrier, self.carrier) {
            (Carrier::Http2, Carrier::WebSocket) => Err(EndpointError::IsWebSocket(self)),
            (Carrier::Http2, _) if !self.path.is_empty() => Err(EndpointError::HasPath(self)),
            _ => Ok(Endpoint { carrier, ..self }),
        }
    }

    /// `host:port`, with brackets around an IPv6 address.
    #[must_use]
    pub fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// Scheme, host and port, as in `wss://host:443`.
    #[must_use]
    pub fn origin(&self) -> String {
        let scheme = match (self.carrier, self.tls) {
            (Carrier::Http2, false) => "http",
            (Carrier::Http2, true) => "https",
            (Carrier::WebSocket, false) => "ws",
            (Carrier::WebSocket, true) => "wss",
        };
        format!("{scheme}://{}", self.authority())
    }

    /// The path and the query of a request, at least `/`. It may hold secrets: it is sent, and never shown.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        match self.path.as_str() {
            "" => "/",
            path => path,
        }
    }
}

/// A path and query, or all of a URL, without the values of its query, which may be secrets.
#[must_use]
pub fn without_values(url: &str) -> String {
    let (url, fragment) = match url.split_once('#') {
        Some((url, _)) => (url, "#(hidden)"),
        None => (url, ""),
    };
    let Some((path, query)) = url.split_once('?') else {
        return format!("{url}{fragment}");
    };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) => format!("{name}=(hidden)"),
        None if pair.is_empty() => String::new(),
        // What has no name may be a value.
        None => "(hidden)".to_owned(),
    });
    let pairs: Vec<String> = pairs.collect();
    format!("{path}?{}{fragment}", pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        text.parse::<Endpoint>().unwrap().to_string()
    }

    #[test]
    fn targets_are_host_and_port_or_a_url() {
        let table = [
            ("localhost:50051", "http://localhost:50051"),
            ("http://gw", "http://gw:80"),
            ("https://gw.example:8443/", "https://gw.example:8443"),
            ("grpcs://[::1]:1", "https://[::1]:1"),
            ("ws://gw", "ws://gw:80"),
            ("wss://gw/v1/realtime", "wss://gw:443/v1/realtime"),
            ("ws://[::1]:8000/a/b", "ws://[::1]:8000/a/b"),
        ];
        for (text, expected) in table {
            assert_eq!(shown(text), expected);
        }
        for text in [
            "localhost",
            "ftp://gw:1",
            "http://",
            "",
            "ws:///v1",
            "ws://gw/a b",
            "ws://gw/a#b",
            "wss://gw:99999/a",
        ] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert!(matches!(error, EndpointError::Unreadable(_)), "{text}");
            assert!(error.to_string().contains("ws:// or wss://"));
        }
        for text in ["http://me:secret@gw:1", "wss://me@gw/v1"] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert!(error.to_string().contains("--header"), "{error}");
        }
    }

    #[test]
    fn values_of_a_query_are_sent_and_never_shown() {
        let endpoint: Endpoint = "wss://gw/v1?model=secret&key=s3cret&bare".parse().unwrap();
        let said = "wss://gw:443/v1?model=(hidden)&key=(hidden)&(hidden)";
        assert_eq!(endpoint.to_string(), said);
        assert_eq!(format!("{endpoint:?}"), format!("Endpoint({said})"));
        let sent = "/v1?model=secret&key=s3cret&bare";
        assert_eq!(endpoint.path_and_query(), sent);
        let bare: Endpoint = "ws://gw?key=s".parse().unwrap();
        assert_eq!(bare.path_and_query(), "/?key=s");
        assert_eq!(without_values("/a?b=c#d=e"), "/a?b=(hidden)#(hidden)");
    }

    #[test]
    fn a_path_is_for_web_sockets_alone() {
        let by = |text: &str, carrier| text.parse::<Endpoint>().unwrap().carried_by(carrier);
        let refused = by("https://gw/v1?key=s3cret", Carrier::Http2).unwrap_err();
        let said = refused.to_string();
        assert!(said.contains("leave the path out"), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
        let refused = by("ws://gw", Carrier::Http2).unwrap_err().to_string();
        assert!(refused.contains("https://"), "{refused}");
        for (text, expected) in [
            ("https://gw/v1", "wss://gw:443/v1"),
            ("wss://gw/v1", "wss://gw:443/v1"),
            ("gw:1", "ws://gw:1"),
        ] {
            let endpoint = by(text, Carrier::WebSocket).unwrap();
            assert_eq!(endpoint.to_string(), expected);
        }
        assert_eq!(
            by("gw:1", Carrier::Http2).unwrap().to_string(),
            "http://gw:1"
        );
    }
}
