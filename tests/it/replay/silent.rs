//! One of a gateway's two addresses does not answer: the calls are made at the other, in time, and the
//! report says which it was.

use std::net::TcpListener;

use voicelt::report::diagnosis::Kind;
use voicelt::report::summarise::Asked;
use voicelt::report::summary::Summary;
use voicelt::results::manifest::ConnectFailure;
use voicelt::units::NS_PER_S;

use crate::support::{Desk, Output};

/// A run of 40 calls at the addresses of the gateway and `silent`, which are those of one name.
fn run_beside(desk: &Desk, address: &str, silent: &str) {
    let (_, port) = address.rsplit_once(':').unwrap();
    desk.write(
        "hosts",
        format!("{silent} gateway.test\n127.0.0.1 gateway.test\n"),
    );
    let replay = format!(
        "unshare --mount --map-root-user -- sh -c 'mount --bind hosts /etc/hosts && \
         exec voicelt replay calls.vtrace -t http://gateway.test:{port} -o run --allow-invalid'"
    );
    Output::of(&mut desk.shell(&replay)).exits(0);
}

#[test]
#[ignore = "needs unshare, which makes a hosts file of its own"]
fn an_address_that_does_not_answer_delays_no_call_and_is_named() {
    let desk = Desk::with_trace("--synth speech-like:1s --arrivals constant:10/s --sessions 40");
    let (_gateway, address) = desk.gateway("--slots 100");
    let (_, port) = address.rsplit_once(':').unwrap();
    // The system takes connections in its name, and nobody ever says a word on them.
    let silent = TcpListener::bind(format!("127.0.0.2:{port}")).unwrap();
    run_beside(&desk, &address, "127.0.0.2");

    let run = desk.run("run");
    let verdict = run.manifest().verdict.as_ref().unwrap();
    // How busy the machine is that runs the tests is not what is asked.
    let starts = |reason: &String| reason.contains("session start lag");
    assert!(!verdict.reasons.iter().any(starts), "{verdict:?}");
    let rows = desk.requests("run");
    assert_eq!(rows.len(), 40);
    for row in &rows {
        assert_eq!(row.peer.as_deref(), Some(address.as_str()));
        assert!(row.status.is_success(), "{row:?}");
        let late_ns = row.started_ns.unwrap() - row.intended_start_ns;
        assert!(late_ns < NS_PER_S, "{late_ns} ns");
    }
    let silent = silent.local_addr().unwrap().to_string();
    let connections = run.manifest().connections.iter();
    let found = connections.clone().find(|found| found.address == silent);
    let found = found.unwrap();
    let counted = [ConnectFailure::NoAnswer, ConnectFailure::NoSettings];
    let counted = counted.iter().filter_map(|why| found.failed.get(why));
    assert_eq!(counted.sum::<u64>(), found.tried, "{found:?}");
    let summary = Summary::of_run(&run, &Asked::default(), |_| {}).unwrap();
    let mut findings = summary.diagnosis.iter();
    let finding = findings.find(|finding| finding.kind == Kind::ConnectionsFailed);
    let finding = finding.unwrap();
    let title = format!(
        "{0} of {0} connections to {silent} did not answer",
        found.tried
    );
    assert_eq!(finding.title, title);
    assert!(
        finding
            .evidence
            .contains("All 40 sessions ran on the other"),
        "{finding:?}"
    );
    desk.voicelt("report run").says(&title);
}
