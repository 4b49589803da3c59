//! What a gateway's addresses amount to, and the TLS that is spoken there, whatever is carried.

use std::io::ErrorKind;
use std::net::SocketAddr;

use crate::doctor::addresses::{Found, MOST_TRIED, Tried};
use crate::doctor::check::Check;
use crate::transport::certificate::day;
use crate::transport::channel::{ConnectError, Endpoint, TlsFacts};
use crate::transport::endpoint::Carrier;
use crate::units::Human;

/// A certificate that expires within so many days is worth a word.
const SOON_DAYS: i64 = 14;
/// Seconds of a day.
pub(super) const DAY_S: i64 = 86_400;

/// What is to be said of the addresses that were `found`, and of the TLS of the one that showed more, which
/// `tls_of` gives; `now_s` is the wall clock, seconds since 1970-01-01.
pub(super) fn addresses<Shown>(
    endpoint: &Endpoint,
    found: Result<&Found<Shown>, &ConnectError>,
    tls_of: impl FnOnce(&Shown) -> Option<&TlsFacts>,
    now_s: i64,
) -> Vec<Check> {
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            return vec![Check::failed("resolves", error.found(), error.advice())];
        }
    };
    let mut checks = vec![resolves(endpoint, &found.addresses), connects(&found.tried)];
    match &found.shown {
        Some(shown) => checks.push(tls(tls_of(shown), endpoint.carrier, now_s)),
        None => checks.extend(spoken(&found.tried)),
    }
    checks
}

fn resolves(endpoint: &Endpoint, addresses: &[SocketAddr]) -> Check {
    let shown = addresses.iter().take(MOST_TRIED);
    let shown: Vec<_> = shown.map(|address| address.ip().to_string()).collect();
    if endpoint.host.parse::<std::net::IpAddr>().is_ok() {
        return Check::ok("resolves", format!("{} is an address", endpoint.host));
    }
    let more = match addresses.len().saturating_sub(MOST_TRIED) {
        0 => String::new(),
        more => format!(", and {more} more, which are not tried"),
    };
    Check::ok(
        "resolves",
        format!("{}: {}{more}", endpoint.host, shown.join(", ")),
    )
}

/// Whether the error came after TCP had connected.
fn came_through(error: &ConnectError) -> bool {
    matches!(error, ConnectError::Tls { .. } | ConnectError::Http2 { .. })
}

/// A name for this machine often has two addresses, and a gateway listens on one of them.
fn is_other_loopback(tried: &Tried) -> bool {
    let refused = matches!(&tried.error, Some(ConnectError::Tcp { source, .. })
        if source.kind() == ErrorKind::ConnectionRefused);
    refused && tried.peer.ip().is_loopback()
}

fn connects(tried: &[Tried]) -> Check {
    let one = |tried: &Tried| match &tried.error {
        None => format!("{} ready after {}", tried.peer, Human(tried.took_ns)),
        Some(error) if came_through(error) => format!("{} takes connections", tried.peer),
        Some(error) => error.found(),
    };
    let found: Vec<_> = tried.iter().map(one).collect();
    let found = found.join("; ");
    let missing = |tried: &&Tried| tried.error.as_ref().is_some_and(|e| !came_through(e));
    let lost: Vec<&Tried> = tried.iter().filter(missing).collect();
    let error = lost.first().and_then(|tried| tried.error.as_ref());
    match error {
        None => Check::ok("connects", found),
        Some(error) if lost.len() == tried.len() => {
            Check::failed("connects", found, error.advice())
        }
        Some(_) if lost.iter().all(|tried| is_other_loopback(tried)) => {
            Check::ok("connects", found)
        }
        Some(_) => Check::warning(
            "connects",
            found,
            "a load goes to the addresses that answer; mend the others, or name one as the target",
        ),
    }
}

/// What failed on a connection that came about.
fn spoken(tried: &[Tried]) -> Option<Check> {
    let error = tried.iter().filter_map(|tried| tried.error.as_ref());
    let error = error.into_iter().find(|error| came_through(error))?;
    let name = match error {
        ConnectError::Tls { .. } => "tls",
        _ => "http/2",
    };
    Some(Check::failed(name, error.found(), error.advice()))
}

/// What TLS agreed on, for streams of `carrier`.
pub(super) fn tls(facts: Option<&TlsFacts>, carrier: Carrier, now_s: i64) -> Check {
    let Some(facts) = facts else {
        return Check::skipped(
            "tls",
            match carrier {
                Carrier::Http2 => "not spoken: the target is not https://",
                Carrier::WebSocket => "not spoken: the target is not wss://",
            },
        );
    };
    let protocol = facts.alpn.as_deref().unwrap_or("no protocol");
    let mut found = format!("{}, {protocol}", facts.version);
    let mut left_days = i64::MAX;
    if let Some(certificate) = &facts.certificate {
        left_days = certificate.not_after_s.saturating_sub(now_s) / DAY_S;
        found = format!(
            "{found}; certificate of {} for {}, signed by {}, until {}",
            certificate.subject,
            certificate.names.join(", "),
            certificate.issuer,
            day(certificate.not_after_s)
        );
    }
    // HTTP/1.1 needs nobody to choose it.
    if facts.alpn.is_none() && carrier == Carrier::Http2 {
        return Check::warning(
            "tls",
            format!("{found}; the gateway chose no protocol (ALPN)"),
            "gRPC asks for h2 in ALPN, and other clients will refuse this gateway",
        );
    }
    match left_days {
        ..SOON_DAYS => Check::warning("tls", found, "renew the certificate before it expires"),
        _ => Check::ok("tls", found),
    }
}

/// The median and the least of round trips, and of how many; `None` where there are none.
pub(super) fn round_trips(round_trips_ns: &[i64]) -> Option<String> {
    let mut sorted = round_trips_ns.to_vec();
    sorted.sort_unstable();
    let (least, median) = (sorted.first()?, sorted.get(sorted.len() / 2)?);
    Some(format!(
        "{} at the median, {} at least, of {}",
        Human(*median),
        Human(*least),
        sorted.len()
    ))
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use crate::transport::certificate::Certificate;

    pub(in crate::doctor::judge) fn tried(peer: &str, error: Option<ConnectError>) -> Tried {
        Tried {
            peer: peer.parse().unwrap(),
            took_ns: 1_500_000,
            error,
        }
    }

    pub(in crate::doctor::judge) fn tls(alpn: &str) -> TlsFacts {
        TlsFacts {
            version: "TLSv1.3".to_owned(),
            alpn: Some(alpn.to_owned()),
            certificate: Some(Certificate {
                subject: "CN=gw".to_owned(),
                issuer: "CN=authority".to_owned(),
                names: vec!["gw".to_owned()],
                not_after_s: 100 * DAY_S,
            }),
        }
    }

    pub(in crate::doctor::judge) fn lines(checks: &[Check]) -> String {
        let line = |check: &Check| {
            let advice = check.advice.as_deref().map(|advice| format!(" → {advice}"));
            let advice = advice.unwrap_or_default();
            format!("{} {}: {}{advice}", check.level, check.name, check.found)
        };
        checks.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{tls as facts, tried};
    use super::*;

    fn refused(peer: &str) -> Tried {
        let error = ConnectError::Tcp {
            address: peer.to_owned(),
            source: ErrorKind::ConnectionRefused.into(),
        };
        tried(peer, Some(error))
    }

    #[test]
    fn addresses_that_do_not_answer_count_unless_they_are_this_machine_by_another_name() {
        let level = |tried: &[Tried]| connects(tried).level.name();
        let answers = |peer| tried(peer, None);
        assert_eq!(
            level(&[answers("10.0.0.1:1"), refused("10.0.0.2:1")]),
            "warning"
        );
        assert_eq!(level(&[answers("127.0.0.1:1"), refused("[::1]:1")]), "ok");
        assert_eq!(
            level(&[refused("127.0.0.1:1"), refused("[::1]:1")]),
            "failed"
        );
        let tls = ConnectError::Tls {
            address: "gw:1".to_owned(),
            reason: "it does not answer in TLS".to_owned(),
            advice: "use http://".to_owned(),
        };
        let tls = [tried("10.0.0.1:1", Some(tls))];
        assert_eq!(level(&tls), "ok");
        assert_eq!(
            spoken(&tls),
            Some(Check::failed(
                "tls",
                "TLS with gw:1 failed: it does not answer in TLS",
                "use http://"
            ))
        );
    }

    #[test]
    fn a_websocket_needs_no_choice_of_a_protocol() {
        let mut agreed = facts("http/1.1");
        let level = |facts: &TlsFacts, carrier| tls(Some(facts), carrier, 0).level.name();
        assert_eq!(level(&agreed, Carrier::WebSocket), "ok");
        agreed.alpn = None;
        assert_eq!(level(&agreed, Carrier::WebSocket), "ok");
        assert_eq!(level(&agreed, Carrier::Http2), "warning");
        let in_clear = tls(None, Carrier::WebSocket, 0);
        assert_eq!(in_clear.found, "not spoken: the target is not wss://");
    }
}
