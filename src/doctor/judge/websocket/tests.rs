//! Every sentence that is said of a WebSocket and its session.

use super::*;
use crate::doctor::judge::addresses::testing::{lines, tls, tried};

fn endpoint() -> Endpoint {
    "wss://gw/v1/realtime?model=m&key=s3cret".parse().unwrap()
}

fn shown() -> Shown {
    Shown {
        tls: Some(tls("http/1.1")),
        patience_ns: 10_000_000_000,
        upgrade: agreed(0, None),
        session: Some(Session {
            first: Some(("session.created".to_owned(), 8_000_000)),
            beginning: Beginning::Ready {
                name: "session.updated".to_owned(),
                took_ns: 12_000_000,
            },
        }),
        round_trips_ns: Some(vec![900_000, 300_000, 400_000]),
    }
}

fn agreed(offered: usize, chosen: Option<usize>) -> Upgrade {
    Upgrade {
        took_ns: 3_000_000,
        answer: Answer::Agreed { offered, chosen },
    }
}

fn refused(code: EndCode, words: &str) -> Check {
    upgrade(&Upgrade {
        took_ns: 3_000_000,
        answer: Answer::Refused(Ended::new(code, words)),
    })
}

fn begun(first: Option<&str>, beginning: Beginning) -> Check {
    let first = first.map(|name| (name.to_owned(), 8_000_000));
    session(&Session { first, beginning }, 10_000_000_000)
}

#[test]
fn a_server_that_is_in_order_has_a_line_for_each_thing() {
    let found = Found {
        addresses: vec!["10.0.0.1:443".parse().unwrap()],
        tried: vec![tried("10.0.0.1:443", None)],
        shown: Some(shown()),
    };
    insta::assert_snapshot!(lines(&websocket(&endpoint(), Ok(&found), 0)), @r"
    ok resolves: gw: 10.0.0.1
    ok connects: 10.0.0.1:443 ready after 1.50 ms
    ok tls: TLSv1.3, http/1.1; certificate of CN=gw for gw, signed by CN=authority, until 1970-04-11
    ok upgrade: HTTP 101 after 3.00 ms
    ok session: session.created 8.00 ms after the upgrade, ready by session.updated after 12.0 ms
    ok ping: 400 µs at the median, 300 µs at least, of 3 round trips
    ");
}

#[test]
fn what_follows_a_refusal_is_skipped() {
    let refused = Shown {
        upgrade: Upgrade {
            took_ns: 3_000_000,
            answer: Answer::Refused(Ended::new(EndCode::Http(401), "no key")),
        },
        session: None,
        round_trips_ns: None,
        ..shown()
    };
    assert!(!refused.is_ready());
    let found = Found {
        addresses: vec!["10.0.0.1:443".parse().unwrap()],
        tried: vec![tried("10.0.0.1:443", None)],
        shown: Some(refused),
    };
    let checks = websocket(&endpoint(), Ok(&found), 0);
    assert_eq!(
        checks[3..],
        [
            Check::failed(
                "upgrade",
                "refused after 3.00 ms with HTTP 401 Unauthorized: no key",
                CREDENTIALS
            ),
            Check::skipped("session", "there is no WebSocket to begin it on"),
            Check::skipped("ping", "there is no WebSocket left to ask on"),
        ]
    );
}

#[test]
fn a_subprotocol_is_told_by_its_place() {
    let found = |offered, chosen| upgrade(&agreed(offered, chosen)).found;
    let table = [
        (0, None, "HTTP 101 after 3.00 ms"),
        (
            1,
            Some(1),
            "HTTP 101 after 3.00 ms, with the subprotocol that was offered",
        ),
        (
            3,
            Some(2),
            "HTTP 101 after 3.00 ms, with subprotocol 2 of the 3 that were offered",
        ),
        (
            2,
            None,
            "HTTP 101 after 3.00 ms, without any subprotocol that was offered",
        ),
    ];
    for (offered, chosen, expected) in table {
        assert_eq!(found(offered, chosen), expected);
    }
}

#[test]
fn each_refusal_has_its_advice() {
    let table = [
        (101, "a proxy in between may answer"),
        (302, "wss:// for https://"),
        (401, "--header 'authorization: Bearer TOKEN'"),
        (403, "--header 'authorization: Bearer TOKEN'"),
        (404, "the path of the --target"),
        (200, "lets upgrades of HTTP/1.1 through"),
        (426, "lets upgrades of HTTP/1.1 through"),
        (400, "--model NAME"),
        (429, "sheds load"),
        (503, "sheds load"),
        (500, "into its log"),
    ];
    for (status, expected) in table {
        let check = refused(EndCode::Http(status), "words");
        let advice = check.advice.unwrap();
        assert!(advice.contains(expected), "{status}: {advice}");
        assert!(check.found.ends_with("words"), "{}", check.found);
    }
    assert_eq!(
        refused(EndCode::Broken, "the server hung up"),
        Check::failed(
            "upgrade",
            "not answered: the server hung up",
            "check that this is the server's port for WebSockets, and that wss:// is used where it speaks TLS"
        )
    );
    let missing = upgrade(&Upgrade {
        took_ns: 10_000_000_000,
        answer: Answer::Missing,
    });
    assert_eq!(
        missing,
        Check::failed(
            "upgrade",
            "not answered within 10.0 s",
            "look whether the server hangs, and whether this is its port for WebSockets"
        )
    );
}

#[test]
fn a_session_that_does_not_come_about_says_how_far_it_came() {
    let ready = Beginning::Ready {
        name: "session.created".to_owned(),
        took_ns: 8_000_000,
    };
    assert_eq!(
        begun(Some("session.created"), ready),
        Check::ok(
            "session",
            "ready by session.created 8.00 ms after the upgrade"
        )
    );
    let closed = |code, words: &str| Beginning::Ended(Ended::new(EndCode::Close(code), words));
    let table = [
        (
            begun(
                Some("error"),
                Beginning::Refused("no such voice".to_owned()),
            ),
            "the server refused it: no such voice",
            "--session",
        ),
        (
            begun(
                Some("a message"),
                Beginning::Unreadable("the server sent a message that is no JSON event"),
            ),
            "the server sent a message that is no JSON event",
            "another protocol",
        ),
        (
            begun(None, closed(1013, "full")),
            "it ended before it was ready: close 1013 (try again later): full",
            "sheds load",
        ),
        (
            begun(None, closed(1008, "")),
            "it ended before it was ready: close 1008 (policy violation)",
            "--header",
        ),
        (
            begun(None, closed(1011, "")),
            "it ended before it was ready: close 1011 (internal error)",
            "log",
        ),
        (
            begun(None, Beginning::Missing),
            "the server said nothing within 10.0 s of the upgrade",
            "the path",
        ),
        (
            begun(Some("session.created"), Beginning::Missing),
            "session.created 8.00 ms after the upgrade, and nothing within 10.0 s that the session is ready",
            "--profile",
        ),
    ];
    for (check, found, advice) in table {
        assert_eq!(
            (check.level.name(), check.found.as_str()),
            ("failed", found)
        );
        assert!(check.advice.unwrap().contains(advice), "{found}");
    }
}

#[test]
fn a_server_that_answers_no_ping_is_to_be_looked_at() {
    assert_eq!(
        ping(Some(&[])),
        Check::warning(
            "ping",
            "no ping was answered within 2 s",
            "servers must answer pings (RFC 6455): look whether this one hangs, or a proxy keeps them"
        )
    );
}
