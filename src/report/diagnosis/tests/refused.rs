//! Runs over WebSockets whose servers refuse sessions, close them, or take nothing.

use super::{diagnose_run, moved, sole, timeline, turn};
use crate::report::Summary;
use crate::report::diagnosis::{Finding, Kind};
use crate::report::end_code::EndCode;
use crate::report::summarise::Asked;
use crate::results::manifest::RunManifest;
use crate::results::protocol::DialectName;
use crate::results::reader::RunDir;
use crate::results::row::{RequestRow, SessionRow, Status};
use crate::results::sample::{manifest, session, unanswered};
use crate::table::write_all;
use crate::units::NS_PER_MS;

fn realtime() -> RunManifest {
    let mut run = manifest();
    run.spec.dialect = DialectName::Realtime.into();
    run
}

/// A session of one turn over a WebSocket that went well.
fn well(number: u32) -> RequestRow {
    RequestRow {
        dialect: Some(DialectName::Realtime),
        grpc_code: None,
        http_status: Some(101),
        ..turn(number, start(number), 200, 5)
    }
}

fn start(number: u32) -> i64 {
    i64::from(number) * 100
}

/// One that failed with this code, or with an error that the server sent.
fn failed(number: u32, code: Option<EndCode>, error: &str) -> RequestRow {
    let closed = match code {
        Some(EndCode::Close(code)) => Some(code),
        _ => None,
    };
    let status = match code {
        Some(EndCode::Http(status)) => Some(status),
        _ => Some(101),
    };
    let row = moved(unanswered(0, Status::Error), number, start(number));
    RequestRow {
        dialect: Some(DialectName::Realtime),
        grpc_code: None,
        http_status: status,
        close_code: closed,
        error: Some(error.to_owned()),
        concurrent_sessions: Some(5),
        ..row
    }
}

/// The one finding of 40 turns, those that `way` makes among them.
fn found(kind: Kind, way: impl Fn(u32) -> Option<RequestRow>) -> Finding {
    let rows: Vec<_> = (0..40).map(|n| way(n).unwrap_or_else(|| well(n))).collect();
    sole(kind, diagnose_run(&realtime(), &rows, &timeline(10, |_| 5)))
}

#[test]
fn a_server_that_sheds_load_is_told_by_its_codes_and_each_is_counted() {
    let shed = found(Kind::LoadShed, |n| match n {
        7 | 19 | 23 => {
            let status = EndCode::Http(429);
            Some(failed(n, Some(status), "HTTP 429 Too Many Requests"))
        }
        12 => Some(failed(n, Some(EndCode::Http(503)), "HTTP 503")),
        15 | 31 => {
            let code = EndCode::Close(1013);
            Some(failed(n, Some(code), "close 1013 (try again later): full"))
        }
        34 => Some(failed(n, None, "rate_limit_exceeded: try again in 2 s")),
        _ => None,
    });
    let said = &shed.evidence;
    let refused = "3 turns refused at the upgrade with HTTP 429 Too Many Requests, the first at 0m02s, when 5 sessions were open";
    assert!(said.starts_with(refused), "{said}");
    for part in [
        "; 2 turns ended by close 1013 (try again later), the first at 0m03s",
        "; 1 turn refused at the upgrade with HTTP 503 Service Unavailable, ",
        "; 1 turn failed with rate_limit_exceeded, the first at 0m05s",
        " 3 of these 7 turns failed with “HTTP 429 Too Many Requests”.",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert!(shed.advice.contains("raise its limits"), "{shed:?}");
}

#[test]
fn closes_by_policy_and_by_the_servers_own_codes_are_told_with_what_it_said() {
    let policy = found(Kind::PolicyClose, |n| {
        let error = "close 1008 (policy violation): idle too long";
        (n % 10 == 3).then(|| failed(n, Some(EndCode::Close(1008)), error))
    });
    assert!(
        policy
            .evidence
            .contains("failed with “close 1008 (policy violation): idle too long”"),
        "{policy:?}"
    );
    let own = found(Kind::OwnClose, |n| match n {
        3 | 9 => Some(failed(n, Some(EndCode::Close(4001)), "close 4001: bye")),
        14..22 => {
            let code = 4100 + n;
            Some(failed(n, Some(EndCode::Close(code)), "close: over"))
        }
        _ => None,
    });
    assert!(
        own.evidence
            .starts_with("2 turns ended by close 4001, the first at "),
        "{own:?}"
    );
    assert!(own.evidence.contains("; 4 with other codes."), "{own:?}");
}

#[test]
fn a_close_that_says_none_of_this_is_named_by_its_error() {
    let error = "close 1011 (internal error): model exploded";
    let frequent = found(Kind::FrequentError, |n| {
        (n % 4 == 0).then(|| failed(n, Some(EndCode::Close(1011)), error))
    });
    assert!(frequent.title.contains(error), "{frequent:?}");
}

#[test]
fn a_server_that_was_ready_late_did_read() {
    let rows: Vec<_> = (0..20)
        .map(|n| RequestRow {
            blocked_ns: 400 * NS_PER_MS,
            ..well(n)
        })
        .collect();
    let findings = |ready_ms: i64, rows: &[RequestRow]| {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("run");
        std::fs::create_dir(&dir).unwrap();
        let put = |name: &str| dir.join(name);
        std::fs::write(put("run.json"), serde_json::to_string(&realtime()).unwrap()).unwrap();
        write_all(&put("requests.parquet"), 1024, &[], rows).unwrap();
        let seconds = timeline(10, |_| 5);
        write_all(&put("timeline.parquet"), 1024, &[], &seconds).unwrap();
        let sessions: Vec<_> = (0..20)
            .map(|n| SessionRow {
                http_status: Some(101),
                ready_ns: Some(start(n) + ready_ms * NS_PER_MS),
                ..session(n, start(n))
            })
            .collect();
        write_all(&put("sessions.parquet"), 1024, &[], &sessions).unwrap();
        let run = RunDir::open(&dir).unwrap();
        let asked = Asked::default();
        let summary = Summary::of_run(&run, &asked, |_| {}).unwrap();
        let wait = summary.ready_wait.unwrap();
        assert_eq!((wait.figures.n, wait.never), (20, 0));
        summary.diagnosis
    };
    assert_eq!(findings(390, &rows), [], "they waited for that alone");
    let not_read = sole(Kind::NotRead, findings(50, &rows));
    assert!(!not_read.evidence.contains("HTTP/2"), "{not_read:?}");
    assert!(
        not_read.evidence.starts_with("20 of 20 turns had chunks"),
        "{not_read:?}"
    );
}
