//! What a gateway's WebSocket and the session on it amount to.

use super::addresses::{addresses, round_trips};
use crate::doctor::addresses::Found;
use crate::doctor::check::Check;
use crate::doctor::websocket::{Answer, Beginning, Session, Shown, Upgrade};
use crate::transport::channel::{ConnectError, Endpoint};
use crate::transport::ended::{EndCode, Ended};
use crate::units::Human;

/// What to do where a server asks who calls.
const CREDENTIALS: &str = "give what it asks for, such as --header 'authorization: Bearer TOKEN' or --header 'api-key: KEY', and see \
     whether that may use this model";
/// What to do where a server takes no further session.
const SHEDS_LOAD: &str = "the server sheds load: wait as long as it says, and look at its limits and its quota before a load is made";

/// Everything that is to be said of `found`; `now_s` is the wall clock, seconds since 1970-01-01.
#[must_use]
pub fn websocket(
    endpoint: &Endpoint,
    found: Result<&Found<Shown>, &ConnectError>,
    now_s: i64,
) -> Vec<Check> {
    let mut checks = addresses(endpoint, found, |shown| shown.tls.as_ref(), now_s);
    if let Ok(Found {
        shown: Some(shown), ..
    }) = found
    {
        checks.push(upgrade(&shown.upgrade));
        checks.push(match &shown.session {
            Some(begun) => session(begun, shown.patience_ns),
            None => Check::skipped("session", "there is no WebSocket to begin it on"),
        });
        checks.push(ping(shown.round_trips_ns.as_deref()));
    }
    checks
}

fn upgrade(upgrade: &Upgrade) -> Check {
    let took = Human(upgrade.took_ns);
    match &upgrade.answer {
        Answer::Agreed { offered, chosen } => {
            let subprotocol = match (offered, chosen) {
                (0, _) => String::new(),
                (1, Some(_)) => ", with the subprotocol that was offered".to_owned(),
                (offered, Some(chosen)) => {
                    format!(", with subprotocol {chosen} of the {offered} that were offered")
                }
                (_, None) => ", without any subprotocol that was offered".to_owned(),
            };
            Check::ok("upgrade", format!("HTTP 101 after {took}{subprotocol}"))
        }
        Answer::Refused(ended) => Check::failed(
            "upgrade",
            match ended.code {
                EndCode::Http(_) => format!("refused after {took} with {ended}"),
                _ => format!("not answered: {ended}"),
            },
            match ended.code {
                EndCode::Http(status) => of_status(status),
                _ => {
                    "check that this is the server's port for WebSockets, and that wss:// is used where it speaks TLS"
                }
            },
        ),
        Answer::Missing => Check::failed(
            "upgrade",
            format!("not answered within {took}"),
            "look whether the server hangs, and whether this is its port for WebSockets",
        ),
    }
}

/// What to do about an upgrade that was refused with this HTTP status.
pub(super) fn of_status(status: u16) -> &'static str {
    match status {
        101 => {
            "look who answers at this address: a proxy in between may answer in the server's place"
        }
        300..=399 => {
            "redirects are not followed, or credentials would go to another server: use the place as the --target if it is \
             meant, with wss:// for https://"
        }
        401 | 403 | 407 => CREDENTIALS,
        404 | 405 => {
            "check the path of the --target, usually wss://HOST/v1/realtime, and that the server has the model that \
             is asked for"
        }
        429 | 503 => SHEDS_LOAD,
        200..=299 | 426 => {
            "check the path of the --target, and that a proxy in between lets upgrades of HTTP/1.1 through"
        }
        400..=499 => {
            "look at what it says: it may want a model in the query (--model NAME), or another --profile"
        }
        _ => "look whether the server has started, and into its log or that of a proxy before it",
    }
}

/// What to do about a WebSocket that the server closed with this code.
pub(super) fn of_close(code: u16) -> Option<&'static str> {
    Some(match code {
        1013 | 4029 | 4429 => SHEDS_LOAD,
        1008 | 3000 | 3003 | 4001 | 4003 | 4401 | 4403 => CREDENTIALS,
        _ => return None,
    })
}

fn session(session: &Session, patience_ns: i64) -> Check {
    let failed = |found: String, advice| Check::failed("session", found, advice);
    let within = Human(patience_ns);
    match (&session.beginning, &session.first) {
        (Beginning::Ready { name, took_ns }, Some((first, first_ns))) if first != name => {
            Check::ok(
                "session",
                format!(
                    "{first} {} after the upgrade, ready by {name} after {}",
                    Human(*first_ns),
                    Human(*took_ns)
                ),
            )
        }
        (Beginning::Ready { name, took_ns }, _) => Check::ok(
            "session",
            format!("ready by {name} {} after the upgrade", Human(*took_ns)),
        ),
        (Beginning::Unsaid, _) => Check::ok(
            "session",
            "begun: servers of this protocol do not say that they are ready",
        ),
        (Beginning::Refused(words), _) => failed(
            format!("the server refused it: {words}"),
            "look at what it says: --model, --profile, --session and --open decide what is asked for, --header who asks",
        ),
        (Beginning::Unreadable(why), _) => failed(
            (*why).to_owned(),
            "check the path of the --target: another protocol may be served there",
        ),
        (Beginning::Ended(ended), _) => failed(
            format!("it ended before it was ready: {ended}"),
            closed(ended),
        ),
        (Beginning::Missing, None) => failed(
            format!("the server said nothing within {within} of the upgrade"),
            "check the path of the --target, and look whether the server hangs",
        ),
        (Beginning::Missing, Some((first, first_ns))) => failed(
            format!(
                "{first} {} after the upgrade, and nothing within {within} that the session is ready",
                Human(*first_ns)
            ),
            "look whether the server has another --profile, or hangs",
        ),
    }
}

fn closed(ended: &Ended) -> &'static str {
    let code = ended.close_code().and_then(of_close);
    code.unwrap_or("look into the server's log, and whether it has another --profile")
}

fn ping(round_trips_ns: Option<&[i64]>) -> Check {
    let Some(round_trips_ns) = round_trips_ns else {
        return Check::skipped("ping", "there is no WebSocket left to ask on");
    };
    match round_trips(round_trips_ns) {
        Some(figures) => Check::ok("ping", format!("{figures} round trips")),
        None => Check::warning(
            "ping",
            "no ping was answered within 2 s",
            "servers must answer pings (RFC 6455): look whether this one hangs, or a proxy keeps them",
        ),
    }
}

#[cfg(test)]
mod tests;
