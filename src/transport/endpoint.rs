//! Where a gateway is, as users name it.

use std::fmt;
use std::str::FromStr;

/// Where a gateway is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Whether TLS is spoken.
    pub tls: bool,
}

/// A target that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no target; use host:port, http://host:port or https://host:port")]
pub struct EndpointError(String);

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Endpoint, EndpointError> {
        let wrong = || EndpointError(text.to_owned());
        let (tls, rest) = match text.split_once("://") {
            Some(("http" | "grpc", rest)) => (false, rest),
            Some(("https" | "grpcs", rest)) => (true, rest),
            Some(_) => return Err(wrong()),
            None => (false, text),
        };
        let authority: http::uri::Authority =
            rest.trim_end_matches('/').parse().map_err(|_| wrong())?;
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
        if host.is_empty() || authority.as_str().contains('@') {
            return Err(wrong());
        }
        Ok(Endpoint { host, port, tls })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

impl Endpoint {
    /// `host:port`, with brackets around an IPv6 address.
    #[must_use]
    pub fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_host_and_port_or_a_url() {
        let shown = [
            "localhost:50051",
            "http://gw",
            "https://gw.example:8443/",
            "grpcs://[::1]:1",
        ]
        .map(|text| text.parse::<Endpoint>().unwrap().to_string());
        let expected = [
            "http://localhost:50051",
            "http://gw:80",
            "https://gw.example:8443",
            "https://[::1]:1",
        ];
        assert_eq!(shown, expected);
        for text in [
            "localhost",
            "ftp://gw:1",
            "http://",
            "http://me:secret@gw:1",
            "",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
