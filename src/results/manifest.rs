//! `run.json`: what a run was, and how it ended.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rand::RngExt;

use super::settings::{self, Settings};
use crate::units::{Epoch, NS_PER_S};

/// The version of the run directory's format; a reader refuses a newer major version.
pub const RUN_FORMAT: &str = "1.0";

/// What makes runs and traces: `voicelt` and its version.
pub const TOOL: &str = concat!("voicelt ", env!("CARGO_PKG_VERSION"));

crate::names! {
    /// How a run stands.
    pub enum ExitReason {
        /// Under way.
        Running = "running",
        /// Ran to its end.
        Finished = "finished",
        /// Stopped by a signal; what had happened by then is written.
        Interrupted = "interrupted",
        /// Stopped by a failure of our own.
        Failed = "failed",
        /// Killed before it could say so; `run.json` never says it, a reader finds out.
        Killed = "killed",
        /// Under way or killed: it was made elsewhere, or by an earlier version; `run.json` never says it.
        Unknown = "unknown",
    }
}

/// The process that makes a run, by which a reader knows whether it still does.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it was started, in ticks since the system was: field 22 of `/proc/PID/stat`. Numbers are
    /// used again.
    pub started_ticks: u64,
    /// The namespace that the number counts in, as a container has one of its own.
    pub pid_namespace: String,
}

crate::names! {
    /// Whether the generator kept the schedule.
    pub enum VerdictLevel {
        /// The schedule was kept.
        Valid = "valid",
        /// The schedule was kept with minor violations; figures stand, with a warning.
        Degraded = "degraded",
        /// The schedule was not kept; the figures are not to be trusted.
        Invalid = "invalid",
    }
}

/// The verdict on our own part of a run.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Verdict {
    /// The worst of the reasons' levels.
    pub level: VerdictLevel,
    /// Each reason in a sentence with its figure; empty when valid.
    pub reasons: Vec<String>,
}

impl Verdict {
    /// Adds a reason; the verdict is as bad as its worst one.
    pub fn add(&mut self, level: VerdictLevel, reason: String) {
        self.level = self.level.max(level);
        self.reasons.push(reason);
    }
}

/// The trace that was replayed.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TraceRef {
    /// Its name.
    pub name: String,
    /// Hash of its content.
    pub content_blake3: String,
}

/// An address that the gateway's name got or lost during a run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AddressChange {
    /// When that was seen.
    pub at_ns: i64,
    /// The address and port.
    pub address: String,
    /// Whether the name got it; otherwise it lost it.
    pub came: bool,
}

crate::names! {
    /// Why a connection did not come to be.
    pub enum ConnectFailure {
        /// Nothing came from the address in time.
        NoAnswer = "no_answer",
        /// It was accepted, and the HTTP/2 settings of the server did not come in time.
        NoSettings = "no_settings",
        /// Nobody listens there.
        Refused = "refused",
        /// There is no way to it.
        Unreachable = "unreachable",
        /// TLS failed.
        Tls = "tls",
        /// It does not speak HTTP/2.
        NotHttp2 = "not_http2",
        /// A limit of this machine.
        OurLimit = "our_limit",
    }
}

/// What came of the connections to one address during a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct AddressConnections {
    /// The address and port.
    pub address: String,
    /// Connections that were tried; one that is tried again counts again.
    pub tried: u64,
    /// Those of them that did not come to be, by the reason.
    pub failed: BTreeMap<ConnectFailure, u64>,
    /// Those that were ready two seconds or more after their beginning.
    pub late: u64,
    /// The shortest time that one took until it was ready, TLS and HTTP/2 settings included; null when
    /// none was.
    pub fastest_ns: Option<i64>,
    /// The longest.
    pub slowest_ns: Option<i64>,
}

impl AddressConnections {
    /// Adds others to the same address.
    pub fn add(&mut self, others: AddressConnections) {
        self.tried += others.tried;
        for (why, count) in others.failed {
            *self.failed.entry(why).or_default() += count;
        }
        self.late += others.late;
        let least = [self.fastest_ns, others.fastest_ns].into_iter().flatten();
        self.fastest_ns = least.min();
        self.slowest_ns = self.slowest_ns.max(others.slowest_ns);
    }
}

/// What the plan asked for.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Planned {
    /// Sessions.
    pub sessions: u64,
    /// Turns of all sessions.
    pub turns: u64,
    /// Audio and fill chunks.
    pub chunks: u64,
    /// Largest number of sessions open at once.
    pub peak_sessions: u64,
    /// Most chunks in a second.
    #[serde(default)]
    pub peak_chunks_per_s: u64,
    /// Most PCM bytes in a second.
    #[serde(default)]
    pub peak_bytes_per_s: u64,
    /// From the first to the last planned event.
    pub duration_ns: i64,
}

/// What the users of a closed loop did.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ClosedLoop {
    /// Name of the scenario; null without one.
    pub scenario: Option<String>,
    /// Most users at once.
    pub users: u32,
    /// How audio is sent, as `--pace` names it: `realtime`, `original` or `fast:FACTOR`.
    pub pace: String,
    /// Shortest and longest time that a user thinks between two requests.
    pub think_ns: [i64; 2],
    /// Requests after which a user leaves; null without a limit.
    pub requests_per_user: Option<u32>,
    /// Utterances of a session.
    pub turns_per_session: u32,
    /// How the number of users goes.
    pub stages: Vec<Stage>,
}

/// A stretch of a closed loop: the number of users goes to `users`, and stays there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stage {
    /// Users at its end.
    pub users: u32,
    /// How long the way there takes.
    pub ramp_ns: i64,
    /// How long they stay so many.
    pub hold_ns: i64,
}

/// The place of a run among several that were made together.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Campaign {
    /// What all of them share: 32 hex digits.
    pub campaign_id: String,
    /// Its number among them, from 1.
    pub number: u32,
    /// How many there were to be.
    pub of: u32,
    /// Rest before each but the first.
    pub cool_down_ns: i64,
}

/// The machine that made the load.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Host {
    /// Its name.
    pub hostname: String,
    /// Kernel name and release.
    pub os: String,
    /// Processor model; empty where unknown.
    pub cpu: String,
    /// Cores this process may use.
    pub cores: u32,
}

/// What the machine that made the load could do, measured just before the run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Calibration {
    /// The pacer that was measured, as `--pacer` names it.
    pub pacer: String,
    /// How late a wake-up was: the median.
    pub timer_error_p50_ns: i64,
    /// How late a wake-up was: the 99th percentile.
    pub timer_error_p99_ns: i64,
    /// How late the latest wake-up was.
    pub timer_error_max_ns: i64,
    /// CPU time of the sending thread for one chunk, the write included.
    pub chunk_cost_ns: i64,
}

/// The whole of `run.json`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RunManifest {
    /// [`RUN_FORMAT`].
    pub format: String,
    /// 32 hex digits.
    pub run_id: String,
    /// Name of the run directory.
    pub name: String,
    /// `voicelt` and its version.
    pub tool: String,
    /// How the run stands.
    pub exit_reason: ExitReason,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC; null while running.
    pub finished_at: Option<String>,
    /// When the last call had ended and the last user left; null while running, and where no run came
    /// about.
    #[serde(default)]
    pub ended_ns: Option<i64>,
    /// The resolved settings, secrets redacted.
    #[serde(default, deserialize_with = "settings::read")]
    pub spec: Settings,
    /// The machine that made the load.
    pub host: Host,
    /// The process that makes it; null where the system does not tell.
    #[serde(default)]
    pub process: Option<Process>,
    /// `--label k=v`.
    pub labels: BTreeMap<String, String>,
    /// The trace that was replayed.
    pub trace: TraceRef,
    /// What the users did; null for a replay.
    #[serde(default)]
    pub closed_loop: Option<ClosedLoop>,
    /// Its place among runs that were made together; null for a run alone.
    #[serde(default)]
    pub campaign: Option<Campaign>,
    /// What all `*_ns` instants of the run count from.
    pub epoch: Epoch,
    /// What the machine could do just before the run; null where it was not measured.
    #[serde(default)]
    pub calibration: Option<Calibration>,
    /// What the plan asked for.
    pub planned: Planned,
    /// BLAKE3 of the file of each table that the run must have, by its name: `clips` from the beginning
    /// on, the others when it has ended; empty in runs of before.
    #[serde(default)]
    pub tables: BTreeMap<String, String>,
    /// The addresses that the gateway's name got and lost during the run, in order, at most 1,000; empty
    /// while running, and for a gateway named by its address.
    #[serde(default)]
    pub address_changes: Vec<AddressChange>,
    /// What came of the connections to each address, in the order of the addresses; not there while
    /// running.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connections: Vec<AddressConnections>,
    /// Our own part; null while running.
    pub verdict: Option<Verdict>,
    /// The summary that `report` shows; null while running.
    pub summary: Option<serde_json::Value>,
}

impl RunManifest {
    /// A run of `trace` that begins at `epoch`, with an id of its own; the rest is empty.
    #[must_use]
    pub fn begin(name: String, trace: TraceRef, epoch: Epoch) -> RunManifest {
        RunManifest {
            format: RUN_FORMAT.to_owned(),
            run_id: format!("{:032x}", rand::rng().random::<u128>()),
            name,
            tool: TOOL.to_owned(),
            exit_reason: ExitReason::Running,
            started_at: second(epoch.realtime_ns).to_string(),
            finished_at: None,
            ended_ns: None,
            spec: Settings::default(),
            host: Host::default(),
            process: None,
            labels: BTreeMap::new(),
            trace,
            closed_loop: None,
            campaign: None,
            epoch,
            calibration: None,
            planned: Planned::default(),
            tables: BTreeMap::new(),
            address_changes: Vec::new(),
            connections: Vec::new(),
            verdict: None,
            summary: None,
        }
    }

    /// The name under which the gateway saw a session: of this run alone, unless it was told to
    /// keep the trace's.
    #[must_use]
    pub fn wire_session_id(&self, session_id: &str, copy: u32) -> String {
        match self.spec.keep_session_ids.is_set() {
            true => session_id.to_owned(),
            false => wire_session_id(&self.run_id, session_id, copy),
        }
    }
}

/// The second of a wall clock that says `realtime_ns`.
#[must_use]
pub fn second(realtime_ns: i64) -> Timestamp {
    Timestamp::from_second(realtime_ns.div_euclid(NS_PER_S)).unwrap_or_default()
}

/// The name of a session on the wire that is of this run alone.
#[must_use]
pub fn wire_session_id(run_id: &str, session_id: &str, copy: u32) -> String {
    let run = run_id.get(..8).unwrap_or(run_id);
    format!("{run}-{session_id}-{copy}")
}

/// The W3C trace id of a session, as the gateway sees it: the same inputs give the same one.
#[must_use]
pub fn trace_id(run_id: &str, session_id: &str, copy: u32) -> String {
    let hash = blake3::hash(format!("{run_id} {session_id} {copy}").as_bytes());
    hash.to_hex()[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize as _;

    use super::*;
    use crate::results::sample;

    #[test]
    fn a_run_of_before_connections_were_counted_is_read() {
        let run = RunManifest {
            connections: vec![AddressConnections {
                address: "10.0.0.9:50051".to_owned(),
                tried: 8,
                failed: [(ConnectFailure::NoAnswer, 2)].into(),
                ..AddressConnections::default()
            }],
            ..sample::manifest()
        };
        let mut json = serde_json::to_value(&run).unwrap();
        assert_eq!(json["connections"][0]["failed"]["no_answer"], 2);
        let read = |json: &serde_json::Value| RunManifest::deserialize(json).unwrap();
        assert_eq!(read(&json), run);
        json.as_object_mut().unwrap().remove("connections");
        assert_eq!(read(&json).connections, []);
    }
}
