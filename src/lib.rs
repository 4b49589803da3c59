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

pub mod audio;
pub mod campaign;
pub mod cli;
pub mod clock;
pub mod gateway;
pub mod live;
pub mod pcm;
pub mod record;
pub mod replay;
pub mod report;
pub mod results;
pub mod table;
pub mod trace;
pub mod units;
pub mod wire;
