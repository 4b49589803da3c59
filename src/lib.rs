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
//! A spec says what is to be sent, the run is made, and its rows are read from the run directory, where
//! a notebook would read them too. Whoever wants to look on implements [`campaign::Observer`]:
//!
//! ```
//! use voicelt::campaign::{Callers, RunSpec};
//! use voicelt::gateway::{Embedded, GatewaySpec};
//! use voicelt::replay::{Gateway, plan::Shape};
//! use voicelt::transport::channel::TlsOptions;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Any gateway that serves the protocol; here the reference gateway in this process.
//! let server = Embedded::start(GatewaySpec::default())?;
//! let gateway = Gateway::reach(server.addr().to_string().parse()?, &TlsOptions::default())?;
//!
//! // The first two calls of a trace.
//! let shape = Shape { limit: Some(2), ..Shape::default() };
//! # let runs = tempfile::tempdir()?;
//! let spec = RunSpec {
//! #   dir: Some(runs.path().join("mine")), /*
//!     dir: Some("runs/mine".into()),
//! #   */
//!     callers: Callers::Trace { shape, warmup_ns: 0 },
//!     ..RunSpec::of_trace("traces/demo.vtrace".as_ref())?
//! };
//! let report = spec.make(spec.extent()?, &gateway, &())?;
//!
//! for row in report.run.requests()?.rows {
//!     println!("{} turn {}: {:?} ns", row.session_id, row.turn, row.response_ns);
//!     assert!(row.response_ns.is_some());
//! }
//! assert_eq!(report.summary().load.sessions_started, 2);
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
pub mod storage;
pub mod table;
pub mod trace;
pub mod transport;
pub mod units;
