//! OpenAI Realtime against a server on the PyPI package `websockets`, whose author never saw our frames: fragments
//! and control frames, refusals, closes, silence, and messages that no client should survive by luck. Each session of
//! a run meets another oddity, so that none disturbs those beside it.

use std::process::Command;

use voicelt::report::diagnosis::Kind;
use voicelt::report::summary::Summary;
use voicelt::results::manifest::VerdictLevel;
use voicelt::results::row::{RequestRow, SessionEnd, Status};
use voicelt::units::NS_PER_S;

use crate::replay::replay_into;
use crate::support::{Desk, Running};

/// What `server.py` says in an answer, and how many samples of sound come with it.
const WORDS: &str = "Größe: 10 €, 你好 🙂";
const SAMPLES: u64 = 7_200;

/// Starts the server; returns it and its address.
pub(super) fn server() -> (Running, String) {
    let python = std::env::var("VOICELT_TEST_WEBSOCKETS").unwrap_or("python3".to_owned());
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/it/foreign/realtime/server.py"
    );
    let mut server = Running::start(Command::new(python).arg(script));
    let address = server.address();
    (server, address)
}

/// A replay of the desk's trace whose sessions ask for what `vars.csv` has, a line each.
pub(super) fn replay(address: &str, run: &str, flags: &str) -> String {
    let target = format!("'ws://{address}/v1/realtime?mode={{var:mode}}'");
    format!(
        "{} --dialect realtime --microphone push-to-talk --session-vars vars.csv {flags}",
        replay_into(&target, run)
    )
}

/// What a session of a mode comes to.
pub(super) struct Case {
    pub(super) mode: &'static str,
    status: Status,
    http_status: Option<u32>,
    close_code: Option<u32>,
    error: Option<&'static str>,
    /// Whether the caller heard something.
    is_heard: bool,
    /// The code with which the server saw the session closed; `None` where there was none.
    seen: Option<u32>,
}

/// A session that is answered.
fn answered(mode: &'static str) -> Case {
    Case {
        mode,
        status: Status::Ok,
        http_status: Some(101),
        close_code: Some(1000),
        error: None,
        is_heard: true,
        seen: Some(1000),
    }
}

/// The upgrade is refused.
fn refused(mode: &'static str, status: u32, error: &'static str) -> Case {
    Case {
        status: Status::Error,
        http_status: Some(status),
        close_code: None,
        error: Some(error),
        is_heard: false,
        seen: None,
        ..answered(mode)
    }
}

/// It is over in the midst of the answer, in the row by this code.
fn ended(mode: &'static str, code: u32, error: &'static str) -> Case {
    Case {
        status: Status::Error,
        close_code: Some(code),
        error: Some(error),
        seen: Some(code),
        ..answered(mode)
    }
}

/// The server sent what is no event, and we hang up; no close code says that.
fn meaningless(mode: &'static str) -> Case {
    Case {
        status: Status::Error,
        close_code: None,
        error: Some("the server sent a message that is no JSON event"),
        ..answered(mode)
    }
}

/// Nothing more comes, up to the timeout.
fn silent(mode: &'static str, error: Option<&'static str>) -> Case {
    Case {
        status: Status::Timeout,
        close_code: None,
        error,
        is_heard: false,
        ..answered(mode)
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        answered("plain"),
        answered("fragments"),
        answered("ping"),
        refused(
            "http-429",
            429,
            "HTTP 429 Too Many Requests: not now; retry after 7 s",
        ),
        refused("http-401", 401, "HTTP 401 Unauthorized: not now"),
        refused(
            "http-302",
            302,
            "HTTP 302 Found: it redirects to https://elsewhere.example/v1/realtime?key=(hidden); redirects are not \
             followed, use that as the target if it is meant",
        ),
        ended(
            "close-1001",
            1001,
            "close 1001 (going away): enough of this",
        ),
        ended(
            "close-1008",
            1008,
            "close 1008 (policy violation): enough of this",
        ),
        ended(
            "close-1009",
            1009,
            "close 1009 (message too big): enough of this",
        ),
        ended(
            "close-1013",
            1013,
            "close 1013 (try again later): enough of this",
        ),
        ended("close-4001", 4001, "close 4001: enough of this"),
        ended(
            "vanish",
            1006,
            "the connection broke: Connection reset by peer (os error 104)",
        ),
        ended(
            "hang-up-inside",
            1006,
            "the server hung up inside a message",
        ),
        ended(
            "giant",
            1009,
            "close 1009 (message too big): the server sent a message of 1073741824 bytes or more; at most 16777216 are \
             accepted",
        ),
        ended(
            "masked",
            1002,
            "close 1002 (protocol error): the server masked a frame, which only clients may do",
        ),
        ended(
            "reserved-bit",
            1002,
            "close 1002 (protocol error): the server set a reserved bit of a frame, though no extension was agreed on",
        ),
        ended(
            "not-utf8",
            1007,
            "close 1007 (invalid data): the server sent a text message that is not UTF-8",
        ),
        meaningless("deep"),
        meaningless("binary"),
        // The session goes on.
        Case {
            status: Status::Error,
            error: Some("the server sent audio that is no base64"),
            ..answered("odd-base64")
        },
        Case {
            is_heard: true,
            ..silent("endless", None)
        },
        Case {
            http_status: None,
            seen: None,
            ..silent(
                "no-upgrade",
                Some("the server did not answer the request for a WebSocket"),
            )
        },
        silent(
            "no-session",
            Some("the server accepted the WebSocket and did not begin a session on it"),
        ),
        silent(
            "no-ready",
            Some("the server did not confirm what the session is to be"),
        ),
        silent("no-answer", None),
    ]
}

/// The rows in the order of their sessions.
pub(super) fn rows(desk: &Desk, run: &str) -> Vec<RequestRow> {
    let mut rows = desk.requests(run);
    rows.sort_by(|one, other| one.session_id.cmp(&other.session_id));
    rows
}

fn summary(desk: &Desk, run: &str) -> Summary {
    let summary = desk.run(run).manifest().summary.clone().unwrap();
    serde_json::from_value(summary).unwrap()
}

#[test]
#[ignore = "needs Python with websockets, which VOICELT_TEST_WEBSOCKETS may name"]
fn whatever_the_server_does_is_in_the_row_of_its_session_and_no_other() {
    let cases = cases();
    let sessions = cases.len();
    let desk = Desk::with_trace(&format!(
        "--synth speech-like:1s --arrivals constant:10/s --sessions {sessions}"
    ));
    let modes: Vec<_> = cases.iter().map(|case| case.mode).collect();
    desk.write("vars.csv", format!("mode\n{}\n", modes.join("\n")));
    let (mut server, address) = server();
    desk.voicelt(&replay(&address, "run", "--timeout 8s"))
        .exits(0);

    let rows = rows(&desk, "run");
    assert_eq!(rows.len(), sessions);
    for (case, row) in cases.iter().zip(&rows) {
        let mode = case.mode;
        assert_eq!(
            (row.status, row.http_status, row.close_code),
            (case.status, case.http_status, case.close_code),
            "{mode}: {row:?}"
        );
        assert_eq!(row.error.as_deref(), case.error, "{mode}");
        let words = case.is_heard.then_some(WORDS);
        assert_eq!(row.response_text.as_deref(), words, "{mode}");
        let samples = if case.is_heard { SAMPLES } else { 0 };
        assert_eq!(row.audio_received_samples, samples, "{mode}");
        assert_eq!(row.response_ns.is_some(), case.is_heard, "{mode}");
        if let Some(code) = case.seen {
            // What stands for no code at all is seen by either side alone.
            let said = server.says(&format!("{mode} was closed with "), "\n");
            assert_eq!(said, code.to_string(), "{mode}");
        }
    }
    let found = summary(&desk, "run").diagnosis;
    for (kind, evidence) in [
        (
            Kind::LoadShed,
            "1 turn refused at the upgrade with HTTP 429",
        ),
        (Kind::LoadShed, "1 turn ended by close 1013"),
        (Kind::PolicyClose, "1 turn ended by close 1008"),
        (Kind::OwnClose, "1 turn ended by close 4001"),
    ] {
        let of_kind = found.iter().find(|finding| finding.kind == kind);
        let finding = of_kind.unwrap_or_else(|| panic!("no {kind:?} in {found:?}"));
        assert!(finding.evidence.contains(evidence), "{finding:?}");
    }
}

/// Two calls of six seconds, to a server that has small buffers and leaves them full in this way.
fn unread(mode: &str, flags: &str, code: i32) -> (Desk, Summary) {
    let desk = Desk::with_trace("--synth speech-like:6s --sessions 2 --arrivals constant:2/s");
    desk.write("vars.csv", format!("mode\n{mode}\n{mode}\n"));
    let (_server, address) = server();
    desk.voicelt(&replay(&address, "run", flags)).exits(code);
    let summary = summary(&desk, "run");
    (desk, summary)
}

#[test]
#[ignore = "needs Python with websockets, which VOICELT_TEST_WEBSOCKETS may name"]
fn a_server_that_rests_blocks_chunks_and_makes_none_late() {
    let (desk, summary) = unread("slow", "", 0);
    for row in rows(&desk, "run") {
        assert_eq!((row.status, row.chunks_sent), (Status::Ok, 300), "{row:?}");
        // Each chunk of a second or more waited for up to that, and the sum counts all of them.
        assert!(row.blocked_ns > 10 * NS_PER_S, "{row:?}");
        assert!(row.lag_p99_ns.unwrap() < NS_PER_S / 2, "{row:?}");
    }
    for session in desk.sessions("run") {
        let blocked_ns = session.blocked_ns.unwrap();
        assert!(
            (NS_PER_S..4 * NS_PER_S).contains(&blocked_ns),
            "{session:?}"
        );
        assert_eq!(session.end, SessionEnd::Finished);
    }
    let lag = summary.lag.unwrap().figures;
    assert!(lag.blocked_chunks >= 100, "{lag:?}");
    // Those that are, a busy machine made late.
    assert!(lag.late_chunks < lag.blocked_chunks / 2, "{lag:?}");
    let run = desk.run("run");
    let verdict = run.manifest().verdict.as_ref().unwrap();
    let is_late = lag.late_chunks > 0;
    assert!(
        is_late || verdict.level != VerdictLevel::Invalid,
        "{verdict:?}"
    );
}

#[test]
#[ignore = "needs Python with websockets, which VOICELT_TEST_WEBSOCKETS may name"]
fn a_server_that_never_reads_on_is_to_blame() {
    // 99: no turn was answered.
    let (desk, summary) = unread("deaf", "--timeout 3s", 99);
    for row in rows(&desk, "run") {
        assert_eq!(row.status, Status::Timeout, "{row:?}");
        assert!(
            (1..row.chunks_planned).contains(&row.chunks_sent),
            "{row:?}"
        );
    }
    let kinds: Vec<Kind> = summary.diagnosis.iter().map(|found| found.kind).collect();
    // A sender that is late itself, on a busy machine, blames nobody.
    let blames = [Kind::NotRead, Kind::GeneratorLate];
    assert!(kinds.iter().any(|kind| blames.contains(kind)), "{kinds:?}");
}
