//! A limit on streams, planted in the gateway: the report names it, and says nothing where there is
//! none.

use voicelt::report::diagnosis::{Finding, Kind};
use voicelt::report::summarise::Asked;
use voicelt::report::summary::Summary;

use super::replay_into;
use crate::support::Desk;

/// Calls of two to three seconds, eight a second.
const CALLS: &str = "--synth speech-like:2s --synth speech-like:2500ms --synth speech-like:3s \
                     --arrivals constant:8/s --sessions 24";

/// What a replay against a gateway with these flags finds, and what `report` says of it.
fn diagnose(gateway: &str) -> (Vec<Finding>, String) {
    let desk = Desk::with_trace(CALLS);
    let (_gateway, target) = desk.gateway(gateway);
    let replay = replay_into(&target, "run");
    let output = desk.voicelt(&format!("{replay} --html page.html"));
    assert!(matches!(output.code, Some(0 | 99)), "{}", output.said());
    let summary = Summary::of_run(&desk.run("run"), &Asked::default(), |_| {}).unwrap();
    // How busy the machine is that runs the tests is not what is asked.
    let findings = summary.diagnosis.into_iter();
    let findings: Vec<_> = findings
        .filter(|finding| finding.kind != Kind::GeneratorLate)
        .collect();
    let page = desk.read("page.html");
    assert!(page.matches("<svg").count() >= 5, "charts");
    for finding in &findings {
        let title = finding.title.replace('\'', "&#39;");
        assert!(page.contains(&title), "{finding:?}");
    }
    (findings, desk.voicelt("report run").said())
}

#[test]
fn streams_that_a_proxy_cuts_off_are_said_to_be_with_their_age() {
    let (findings, text) = diagnose("--cut-streams-after 1s");
    let [limit] = &findings[..] else {
        panic!("{findings:#?}");
    };
    assert_eq!(limit.kind, Kind::StreamLimit);
    assert!(
        limit.title.starts_with("Streams are cut off 1."),
        "{limit:?}"
    );
    assert!(limit.evidence.contains("UNAVAILABLE"), "{limit:?}");
    assert!(text.contains(&limit.title), "{text}");
}

#[test]
fn of_a_gateway_without_such_a_limit_nothing_is_said() {
    let (findings, text) = diagnose("");
    assert_eq!(findings, [], "{text}");
}
