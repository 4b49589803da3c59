//! What must hold, and the search for the load at which it does, through the program.

use std::collections::BTreeSet;

use crate::support::{Desk, Output};

/// The path of the demonstration's trace.
use crate::support::desk::DEMO;

#[test]
fn a_limit_without_its_unit_is_refused_wherever_it_is_set() {
    let desk = Desk::new();
    let refused = |line: &str| desk.voicelt(line).exits(2).stderr;
    for line in [
        format!("replay {DEMO} -t embedded --require 'response.p50 < 800'"),
        format!("replay {DEMO} -t embedded --find-capacity 'response.p50 < 800'"),
        format!("run -a {DEMO} -t embedded --require 'response.p50 < 800'"),
        "report latest --require 'response.p50 < 800'".to_owned(),
    ] {
        let said = refused(&line);
        assert!(said.contains("write `800ms` or `800s`"), "{said}");
    }
    desk.write("voicelt.toml", "[replay]\nrequire = \"lag.p99 < 5\"\n");
    let said = refused(&format!("replay {DEMO} -t embedded"));
    assert!(said.contains("write `5ms` or `5s`"), "{said}");
    assert!(said.contains("voicelt.toml, line 2"), "{said}");
    std::fs::remove_file(desk.path("voicelt.toml")).unwrap();
    let line = format!("replay {DEMO} -t embedded");
    let mut command = desk.command(&line);
    let said = Output::of(command.env("VOICELT_REQUIRE", "throughput > 5"));
    assert!(said.exits(2).stderr.contains("write `5/s` or `5/m`"));
}

#[test]
fn fewer_sessions_than_were_asked_for_are_said_to_be() {
    let desk = Desk::new();
    let prepare = "prepare --synth speech-like:1s -o x.vtrace --sessions 10 --arrivals";
    desk.voicelt(&format!("{prepare} burst:5@20s"))
        .exits(0)
        .says("--arrivals burst:5@20s gives 5 sessions, not the 10 of --sessions");
    let output = desk.voicelt(&format!("{prepare} burst:10@20s")).exits(0);
    assert!(!output.said().contains("note"), "{}", output.said());
}

#[test]
fn a_search_tries_no_load_of_a_short_trace_twice() {
    let desk = Desk::with_trace("--synth speech-like:500ms --sessions 3 --arrivals constant:10/s");
    // Every turn fails, so that the search goes down to the lowest scale.
    let (_gateway, target) = desk.gateway("--error-rate 1");
    let search = "--find-capacity 'errors < 1%' --run-dir found --allow-invalid --quiet";
    let output = desk.voicelt(&format!("replay calls.vtrace -t {target} {search}"));
    output.exits(99);
    let runs = desk.names(".", "found");
    let sizes = runs.iter().map(|run| desk.requests(run).len());
    let sizes: Vec<usize> = sizes.collect();
    let distinct: BTreeSet<usize> = sizes.iter().copied().collect();
    assert_eq!(sizes.len(), distinct.len(), "{sizes:?} of {runs:?}");
    assert!(sizes.contains(&3) && !sizes.contains(&0), "{sizes:?}");
}
