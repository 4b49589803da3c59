//! Servers that take no more of what is sent: the rows, the summary and the diagnosis say so, and it is not the
//! sender's lag.

use voicelt::report::diagnosis::Kind;
use voicelt::report::summary::Summary;
use voicelt::results::row::Status;

use super::replay_into;
use crate::support::Desk;
use crate::support::odd::Odd;

/// Two calls of six seconds to a server that takes less than that, each of which is given up after two.
fn unread(server: &Odd) {
    let desk = Desk::with_trace("--synth speech-like:6s --sessions 2 --arrivals constant:2/s");
    let target = format!("http://127.0.0.1:{}", server.port);
    let replay = replay_into(&target, "run");
    // 99: no turn was answered.
    desk.voicelt(&format!("{replay} --timeout 2s --messages"))
        .exits(99);
    let run = desk.run("run");
    let rows = desk.requests("run");
    let sent: u32 = rows.iter().map(|row| row.chunks_sent).sum();
    let planned: u32 = rows.iter().map(|row| row.chunks_planned).sum();
    assert!(sent < planned, "all of {planned} chunks were taken");
    for row in &rows {
        assert_eq!(row.status, Status::Timeout);
        // The last chunk that left waited for nothing; the one behind it for two seconds.
        assert!(row.blocked_ns >= 1_900_000_000, "{row:?}");
    }
    let sessions = run.sessions().unwrap().rows;
    for session in &sessions {
        let blocked_ns = session.blocked_ns.unwrap();
        let whole_ns = session.ended_ns.unwrap() - session.planned_start_ns;
        assert!(
            (1_900_000_000..whole_ns).contains(&blocked_ns),
            "{session:?}"
        );
    }
    let summary = run.manifest().summary.clone().unwrap();
    let summary: Summary = serde_json::from_value(summary).unwrap();
    let lag = summary.lag.unwrap().figures;
    assert!(lag.blocked_chunks >= 100, "{lag:?}");
    assert!(lag.late_chunks < 20, "{lag:?}");
    let kinds: Vec<Kind> = summary.diagnosis.iter().map(|found| found.kind).collect();
    assert!(kinds.contains(&Kind::NotRead), "{kinds:?}");
}

#[test]
fn a_server_that_opens_no_window_is_to_blame() {
    unread(&Odd::calls(|request, respond| async move {
        std::future::pending::<()>().await;
        drop((request, respond));
    }));
}

#[test]
fn a_server_that_leaves_its_socket_unread_is_to_blame() {
    unread(&Odd::deaf());
}
