//! What a gateway's addresses and connections amount to.

use std::io::ErrorKind;
use std::net::SocketAddr;

use jiff::fmt::rfc2822::DateTimeParser;

use crate::doctor::check::Check;
use crate::doctor::connection::{Found, MOST_TRIED, Shown, Tried};
use crate::doctor::health::{Answer, Health};
use crate::transport::certificate::day;
use crate::transport::channel::{ConnectError, Endpoint, TlsFacts};
use crate::units::{Human, NS_PER_S, SampleRate, Samples};

/// A certificate that expires within so many days is worth a word.
const SOON_DAYS: i64 = 14;
const DAY_S: i64 = 86_400;
/// Fewer streams on a connection than this make a load one of connections.
const FEW_STREAMS: usize = 10;
/// Sessions that figures are worked out for.
const SESSIONS: usize = 1_000;
/// Room for less audio than this makes a gateway's hiccup stop the caller.
const LEAST_ROOM_NS: i64 = NS_PER_S / 4;
/// Clocks that differ by less agree: the header has steps of a second.
const SKEW_S: i64 = 2;
/// PCM16.
const SAMPLE_BYTES: usize = 2;

/// Everything that is to be said of `found`; `now_s` is the wall clock, seconds since 1970-01-01.
#[must_use]
pub fn connection(
    endpoint: &Endpoint,
    found: Result<&Found, &ConnectError>,
    now_s: i64,
) -> Vec<Check> {
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            return vec![Check::failed("resolves", error.found(), error.advice())];
        }
    };
    let mut checks = vec![resolves(endpoint, &found.addresses)];
    checks.push(connects(&found.tried));
    match &found.shown {
        Some(shown) => {
            checks.push(tls(shown.tls.as_ref(), now_s));
            checks.extend(of_shown(shown));
        }
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

fn tls(facts: Option<&TlsFacts>, now_s: i64) -> Check {
    let Some(facts) = facts else {
        return Check::skipped("tls", "not spoken: the target is not https://");
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
    if facts.alpn.is_none() {
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

fn of_shown(shown: &Shown) -> Vec<Check> {
    let Answer {
        health,
        room_bytes,
        is_at_least,
        date,
    } = &shown.health;
    vec![
        round_trip(&shown.round_trips_ns),
        streams(shown),
        room(*room_bytes, *is_at_least),
        of_health(health),
        clocks(date.as_ref()),
    ]
}

fn round_trip(round_trips_ns: &[i64]) -> Check {
    let mut sorted = round_trips_ns.to_vec();
    sorted.sort_unstable();
    match (sorted.first(), sorted.get(sorted.len() / 2)) {
        (Some(least), Some(median)) => Check::ok(
            "round trip",
            format!(
                "{} at the median, {} at least, of {} HTTP/2 pings",
                Human(*median),
                Human(*least),
                sorted.len()
            ),
        ),
        _ => Check::warning(
            "round trip",
            "no HTTP/2 ping was answered within 2 s",
            "look whether the gateway hangs, and whether this is its gRPC port",
        ),
    }
}

fn streams(shown: &Shown) -> Check {
    match shown.most_streams {
        _ if shown.round_trips_ns.is_empty() => {
            Check::skipped("streams", "the gateway has not told its settings")
        }
        None => Check::ok("streams", "the gateway sets no limit on a connection"),
        Some(0) => Check::failed(
            "streams",
            "the gateway takes no streams at all",
            "raise its limit of concurrent streams, or wait until it is ready",
        ),
        Some(limit) => {
            let connections = SESSIONS.div_ceil(limit);
            let found = format!(
                "at most {limit} on a connection: {SESSIONS} sessions need {connections} connections or more"
            );
            match limit {
                ..FEW_STREAMS => Check::warning(
                    "streams",
                    found,
                    "raise the gateway's limit of concurrent streams, unless callers come one by one",
                ),
                _ => Check::ok("streams", found),
            }
        }
    }
}

fn room(bytes: Option<usize>, is_at_least: bool) -> Check {
    let Some(bytes) = bytes else {
        return Check::warning(
            "flow control",
            "the gateway gave a stream no room to send within 1 s",
            "look at its HTTP/2 window; audio will wait for it",
        );
    };
    let samples = Samples((bytes / SAMPLE_BYTES) as u64);
    let audio_ns = samples.duration_ns(SampleRate::PREPARED);
    let or_more = if is_at_least { " or more" } else { "" };
    let found = format!(
        "a stream may send {bytes} bytes{or_more} ({} of audio at 16 kHz) before the gateway must read",
        Human(audio_ns)
    );
    match audio_ns {
        ..LEAST_ROOM_NS => Check::warning(
            "flow control",
            found,
            "raise the gateway's initial window: at its least pause callers are blocked",
        ),
        _ => Check::ok("flow control", found),
    }
}

fn of_health(health: &Health) -> Check {
    match health {
        Health::Serving => Check::ok("health", "the gateway says SERVING"),
        Health::NotServing(word) => Check::failed(
            "health",
            format!("the gateway says {word}"),
            "wait until it has started, or look at what it depends on",
        ),
        Health::NotServed => Check::skipped("health", "the gateway serves no gRPC health check"),
        Health::Failed(why) => Check::warning(
            "health",
            format!("the gateway did not answer the gRPC health check: {why}"),
            "see whether the call below is answered; a proxy may not let this check through",
        ),
    }
}

fn clocks(date: Option<&(String, i64)>) -> Check {
    let read = date.and_then(|(date, wall_ns)| {
        let theirs = DateTimeParser::new().parse_timestamp(date).ok()?;
        Some(wall_ns / NS_PER_S - theirs.as_second())
    });
    match read {
        None => Check::skipped("clocks", "the gateway sends no date to compare with"),
        Some(ahead) if ahead.abs() <= SKEW_S => {
            Check::ok("clocks", "this machine and the gateway agree to 2 s")
        }
        Some(ahead) => {
            let way = if ahead > 0 { "ahead of" } else { "behind" };
            Check::warning(
                "clocks",
                format!(
                    "this machine's clock is {} s {way} the gateway's",
                    ahead.unsigned_abs()
                ),
                "set both by NTP, or their logs will not match; latencies are not touched by it",
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::certificate::Certificate;

    fn endpoint() -> Endpoint {
        "https://gw:443".parse().unwrap()
    }

    fn tried(peer: &str, error: Option<ConnectError>) -> Tried {
        Tried {
            peer: peer.parse().unwrap(),
            took_ns: 1_500_000,
            error,
        }
    }

    fn refused(peer: &str) -> Tried {
        let error = ConnectError::Tcp {
            address: peer.to_owned(),
            source: ErrorKind::ConnectionRefused.into(),
        };
        tried(peer, Some(error))
    }

    fn shown() -> Shown {
        Shown {
            tls: Some(TlsFacts {
                version: "TLSv1.3".to_owned(),
                alpn: Some("h2".to_owned()),
                certificate: Some(Certificate {
                    subject: "CN=gw".to_owned(),
                    issuer: "CN=authority".to_owned(),
                    names: vec!["gw".to_owned()],
                    not_after_s: 100 * DAY_S,
                }),
            }),
            most_streams: Some(100),
            round_trips_ns: vec![900_000, 300_000, 400_000],
            health: Answer {
                health: Health::Serving,
                room_bytes: Some(65_535),
                is_at_least: false,
                date: Some(("Thu, 01 Jan 1970 00:00:10 GMT".to_owned(), 11 * NS_PER_S)),
            },
        }
    }

    fn lines(checks: &[Check]) -> String {
        let line = |check: &Check| {
            let advice = check.advice.as_deref().map(|advice| format!(" → {advice}"));
            let advice = advice.unwrap_or_default();
            format!("{} {}: {}{advice}", check.level, check.name, check.found)
        };
        checks.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_gateway_that_is_well_has_a_line_for_each_thing() {
        let found = Found {
            addresses: vec!["10.0.0.1:443".parse().unwrap()],
            tried: vec![tried("10.0.0.1:443", None)],
            shown: Some(shown()),
        };
        insta::assert_snapshot!(lines(&connection(&endpoint(), Ok(&found), 0)), @r"
        ok resolves: gw: 10.0.0.1
        ok connects: 10.0.0.1:443 ready after 1.50 ms
        ok tls: TLSv1.3, h2; certificate of CN=gw for gw, signed by CN=authority, until 1970-04-11
        ok round trip: 400 µs at the median, 300 µs at least, of 3 HTTP/2 pings
        ok streams: at most 100 on a connection: 1000 sessions need 10 connections or more
        ok flow control: a stream may send 65535 bytes (2.05 s of audio at 16 kHz) before the gateway must read
        ok health: the gateway says SERVING
        ok clocks: this machine and the gateway agree to 2 s
        ");
    }

    #[test]
    fn what_is_tight_is_a_warning_and_says_what_to_do() {
        let mut tight = shown();
        tight.most_streams = Some(1);
        tight.round_trips_ns = vec![1];
        tight.health = Answer {
            health: Health::Failed("UNAVAILABLE".to_owned()),
            room_bytes: Some(4_096),
            is_at_least: false,
            date: Some(("Thu, 01 Jan 1970 00:00:10 GMT".to_owned(), 0)),
        };
        let checks = [
            vec![tls(tight.tls.as_ref(), 90 * DAY_S)],
            of_shown(&tight)[1..].to_vec(),
        ];
        insta::assert_snapshot!(lines(&checks.concat()), @r"
        warning tls: TLSv1.3, h2; certificate of CN=gw for gw, signed by CN=authority, until 1970-04-11 → renew the certificate before it expires
        warning streams: at most 1 on a connection: 1000 sessions need 1000 connections or more → raise the gateway's limit of concurrent streams, unless callers come one by one
        warning flow control: a stream may send 4096 bytes (128 ms of audio at 16 kHz) before the gateway must read → raise the gateway's initial window: at its least pause callers are blocked
        warning health: the gateway did not answer the gRPC health check: UNAVAILABLE → see whether the call below is answered; a proxy may not let this check through
        warning clocks: this machine's clock is 10 s behind the gateway's → set both by NTP, or their logs will not match; latencies are not touched by it
        ");
    }

    #[test]
    fn a_gateway_that_is_silent_has_not_told_its_settings() {
        let mut silent = shown();
        silent.round_trips_ns.clear();
        silent.most_streams = None;
        silent.health.date = None;
        let levels = of_shown(&silent);
        let levels: Vec<_> = levels.iter().map(|check| check.level.name()).collect();
        assert_eq!(levels, ["warning", "skipped", "ok", "ok", "skipped"]);
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
}
