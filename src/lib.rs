//! voicelt records and replays the traffic of streaming voice gateways.
//!
//! ```text
//! audio files ──► prepare ──┐                                    ┌─► report
//! other logs  ──► import  ──┼──►  TRACE  ──► replay  ──►  RUN  ──┼─► notebooks (Parquet)
//! live calls  ──► record  ──┘    (bundle)                (dir)   └─► screen (live)
//! ```
//!
//! Two contracts hold the house up: the [`trace`] (what callers do, and when) and the run
//! ([`results`]: what happened). Everything upstream makes traces, everything downstream reads
//! runs. The words of the code, the files and the documentation are those of `ARCHITECTURE.md`.
//!
//! # From a program
//!
//! A spec is built, a trace replayed, and the rows are read from the run directory, where a notebook
//! would read them too:
//!
//! ```
//! use std::sync::Arc;
//!
//! use voicelt::clock::epoch_now;
//! use voicelt::gateway::{Embedded, GatewaySpec};
//! use voicelt::live::gauges::Gauges;
//! use voicelt::replay::phases::Phases;
//! use voicelt::replay::plan::Shape;
//! use voicelt::replay::{Gateway, Replay, ReplaySpec, Stop, Traffic, plan_extent, trace_ref};
//! use voicelt::report::Summary;
//! use voicelt::results::manifest::{ExitReason, RunManifest};
//! use voicelt::results::reader::RunDir;
//! use voicelt::results::writer::{RunWriter, write_manifest};
//! use voicelt::trace::stream::Bundle;
//! use voicelt::units::{NS_PER_S, RunTime};
//! use voicelt::transport::channel::TlsOptions;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Any gateway that serves the protocol; here the reference gateway in this process.
//! let server = Embedded::start(GatewaySpec::default())?;
//! let gateway = Gateway::reach(server.addr().to_string().parse()?, &TlsOptions::default())?;
//!
//! // The first two calls of a trace, from a tenth of a second after the run's epoch.
//! let bundle = Arc::new(Bundle::open("traces/demo.vtrace".as_ref())?);
//! let shape = Shape { limit: Some(2), ..Shape::default() };
//! let first = RunTime(NS_PER_S / 10);
//! let plan = plan_extent::plan(&bundle, &shape, first)?;
//! let spec = ReplaySpec {
//!     phases: Phases::steady(first..RunTime(60 * NS_PER_S)),
//!     ..ReplaySpec::default()
//! };
//! let replay = Replay::prepare(spec, gateway, bundle.clone(), Traffic::Plan(plan))?;
//!
//! # let runs = tempfile::tempdir()?;
//! # let dir = runs.path().join("mine");
//! # let dir = dir.as_path();
//! # /*
//! let dir = "runs/mine".as_ref();
//! # */
//! let mut manifest = RunManifest::begin("mine".to_owned(), trace_ref(&bundle), epoch_now());
//! let writer = RunWriter::create(dir, &manifest, false)?;
//! let gauges = Arc::new(Gauges::default());
//! let mut outcome = replay.run(&manifest, writer, &gauges, &Stop::default(), &|_ended| {})?;
//! outcome.writer.merge()?;
//! manifest.exit_reason = ExitReason::Finished;
//! manifest.verdict = Some(outcome.verdict);
//! write_manifest(dir, &manifest)?;
//!
//! let run = RunDir::open(dir)?;
//! for row in run.requests()?.rows {
//!     println!("{} turn {}: {:?} ns", row.session_id, row.turn, row.response_ns);
//!     assert!(row.response_ns.is_some());
//! }
//! let summary = Summary::of_run(&run, outcome.lag)?;
//! assert_eq!(summary.load.sessions_started, 2);
//! server.stop()?;
//! # Ok(())
//! # }
//! ```

pub mod audio;
pub mod campaign;
#[expect(
    clippy::disallowed_macros,
    clippy::disallowed_types,
    reason = "the room where arguments are parsed and errors end"
)]
pub mod cli;
pub mod clock;
pub mod conversation;
pub mod dialect;
pub mod doctor;
pub mod fence;
pub mod gateway;
pub mod live;
pub mod pcm;
pub mod record;
pub mod replay;
pub mod report;
pub mod results;
pub mod table;
pub mod trace;
pub mod transport;
pub mod units;
