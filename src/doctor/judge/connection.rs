//! What a gateway's addresses and connections amount to.

use jiff::fmt::rfc2822::DateTimeParser;

use super::addresses::{addresses, round_trips};
use crate::doctor::addresses::Found;
use crate::doctor::check::Check;
use crate::doctor::connection::Shown;
use crate::doctor::health::{Answer, Health, ROOM, Room};
use crate::transport::channel::{ConnectError, Endpoint};
use crate::units::{Human, NS_PER_S, SampleRate, Samples};

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
    found: Result<&Found<Shown>, &ConnectError>,
    now_s: i64,
) -> Vec<Check> {
    let mut checks = addresses(endpoint, found, |shown| shown.tls.as_ref(), now_s);
    if let Ok(Found {
        shown: Some(shown), ..
    }) = found
    {
        checks.extend(of_shown(shown));
    }
    checks
}

fn of_shown(shown: &Shown) -> Vec<Check> {
    let Answer {
        health,
        room: given,
        date,
    } = &shown.health;
    vec![
        round_trip(&shown.round_trips_ns),
        streams(shown),
        room(*given),
        of_health(health),
        clocks(date.as_ref()),
    ]
}

fn round_trip(round_trips_ns: &[i64]) -> Check {
    match round_trips(round_trips_ns) {
        Some(figures) => Check::ok("round trip", format!("{figures} HTTP/2 pings")),
        None => Check::warning(
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

fn room(given: Room) -> Check {
    let bytes = match given {
        Room::Bytes(bytes) => bytes,
        Room::Withheld => {
            return Check::warning(
                "flow control",
                "the gateway gave a stream no room to send within 1 s",
                "look at its HTTP/2 window; audio will wait for it",
            );
        }
        Room::Unknown => {
            return Check::skipped(
                "flow control",
                "the gateway ended the stream before its room was seen",
            );
        }
    };
    let samples = Samples((bytes / SAMPLE_BYTES) as u64);
    let audio_ns = samples.duration_ns(SampleRate::PREPARED);
    let or_more = if bytes >= ROOM { " or more" } else { "" };
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
    use crate::doctor::judge::addresses::testing::{lines, tls, tried};
    use crate::doctor::judge::addresses::{self, DAY_S};
    use crate::transport::endpoint::Carrier;

    fn endpoint() -> Endpoint {
        "https://gw:443".parse().unwrap()
    }

    fn shown() -> Shown {
        Shown {
            tls: Some(tls("h2")),
            most_streams: Some(100),
            round_trips_ns: vec![900_000, 300_000, 400_000],
            health: Answer {
                health: Health::Serving,
                room: Room::Bytes(65_535),
                date: Some(("Thu, 01 Jan 1970 00:00:10 GMT".to_owned(), 11 * NS_PER_S)),
            },
        }
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
            room: Room::Bytes(4_096),
            date: Some(("Thu, 01 Jan 1970 00:00:10 GMT".to_owned(), 0)),
        };
        let checks = [
            vec![addresses::tls(
                tight.tls.as_ref(),
                Carrier::Http2,
                90 * DAY_S,
            )],
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
}
