//! Runs that a program makes with the library, and looks at while they go.

use std::cell::{Cell, RefCell};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use voicelt::campaign::feasibility::Feasibility;
use voicelt::campaign::run::{Ran, UnderWay};
use voicelt::campaign::{Callers, Observer, RunError, RunSpec};
use voicelt::gateway::{Embedded, GatewaySpec};
use voicelt::replay::Gateway;
use voicelt::replay::plan::Shape;
use voicelt::results::ResultsError;
use voicelt::results::manifest::{ExitReason, RunManifest};
use voicelt::results::settings::Command;
use voicelt::transport::channel::TlsOptions;

use crate::support::Desk;

/// Notes what it is shown.
#[derive(Default)]
struct Noted {
    /// Whether it stops the run before its first session.
    stops: bool,
    calls: RefCell<Vec<&'static str>>,
    sessions: Cell<u64>,
    turns: AtomicU32,
}

impl Observer for Noted {
    fn ready(&self, feasibility: &Feasibility, _warnings: &[String]) {
        self.calls.borrow_mut().push("ready");
        self.sessions.set(feasibility.extent.sessions);
    }

    fn watch(&self, run: UnderWay<'_>) -> io::Result<Ran> {
        self.calls.borrow_mut().push("watch");
        assert_eq!(run.manifest.exit_reason, ExitReason::Running);
        if self.stops {
            run.stop.stop_arrivals();
        }
        let turns = &self.turns;
        Ok(run.go(&|_row| {
            turns.fetch_add(1, Ordering::SeqCst);
        }))
    }

    fn ended(&self, dir: &Path, manifest: &RunManifest) {
        self.calls.borrow_mut().push("ended");
        assert!(dir.join("requests.parquet").is_file());
        assert!(manifest.verdict.is_some() && manifest.summary.is_none());
    }
}

/// The first two calls of the trace on the desk, into the run `name`.
fn two_calls(desk: &Desk, name: &str) -> RunSpec {
    let shape = Shape {
        limit: Some(2),
        ..Shape::default()
    };
    RunSpec {
        dir: Some(desk.path(name)),
        callers: Callers::Trace {
            shape,
            warmup_ns: 0,
        },
        ..RunSpec::of_trace(&desk.path("calls.vtrace")).unwrap()
    }
}

#[test]
fn a_run_is_shown_on_its_way_and_stopped_by_who_looks_on() {
    let desk = Desk::with_trace("--synth speech-like:400ms --arrivals constant:4/s --sessions 3");
    let server = Embedded::start(GatewaySpec::default()).unwrap();
    let endpoint = server.addr().to_string().parse().unwrap();
    let gateway = Gateway::reach(endpoint, &TlsOptions::default()).unwrap();

    let (spec, seen) = (two_calls(&desk, "whole"), Noted::default());
    let whole = spec.make(spec.extent().unwrap(), &gateway, &seen).unwrap();
    assert_eq!(*seen.calls.borrow(), ["ready", "watch", "ended"]);
    assert_eq!((seen.sessions.get(), seen.turns.into_inner()), (2, 2));
    assert!(!whole.interrupted);
    assert_eq!(whole.summary().load.sessions_started, 2);
    let run = desk.run("whole");
    let settings = &run.manifest().spec;
    assert_eq!(settings.command.get(), Some(&Command::Replay));
    assert_eq!(
        (settings.limit.get(), settings.target.get()),
        (Some(&2), None)
    );
    assert_eq!(run.manifest().exit_reason, ExitReason::Finished);
    run.check_tables().unwrap();
    desk.voicelt("report whole").exits(0);

    let taken = spec.make(spec.extent().unwrap(), &gateway, &());
    let taken = taken.map(drop).unwrap_err();
    assert!(
        matches!(taken, RunError::Results(ResultsError::Taken { .. })),
        "{taken}"
    );

    let stopped = Noted {
        stops: true,
        ..Noted::default()
    };
    let spec = two_calls(&desk, "stopped");
    let report = spec
        .make(spec.extent().unwrap(), &gateway, &stopped)
        .unwrap();
    assert!(report.interrupted);
    assert_eq!(report.summary().load.sessions_started, 0);
    let run = desk.run("stopped");
    assert_eq!(run.manifest().exit_reason, ExitReason::Interrupted);
    server.stop().unwrap();
}

#[test]
fn a_load_that_this_machine_cannot_make_is_not_begun_unless_it_is_forced() {
    let desk = Desk::with_trace("--synth speech-like:400ms");
    let server = Embedded::start(GatewaySpec::default()).unwrap();
    let endpoint = server.addr().to_string().parse().unwrap();
    let gateway = Gateway::reach(endpoint, &TlsOptions::default()).unwrap();
    let spec = two_calls(&desk, "run");
    let mut extent = spec.extent().unwrap();
    extent.peak_chunks_per_s = u64::MAX;
    let seen = Noted::default();
    let refused = spec.make(extent, &gateway, &seen).map(drop).unwrap_err();
    assert!(matches!(refused, RunError::Infeasible(_)), "{refused}");
    assert_eq!(*seen.calls.borrow(), [""; 0]);
    assert!(!desk.path("run").exists());
    let mut forced = spec;
    forced.settings.force = true.into();
    forced.make(extent, &gateway, &seen).unwrap();
    assert!(desk.path("run/run.json").exists());
    server.stop().unwrap();
}
