//! The settings of a run, as `run.json` keeps them under `spec`.
//!
//! Versions read what others wrote: a setting may be missing, and one of a kind that this version does
//! not know has no value, as if it were not known, and stays as it was written.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::answer::AnswerKind;
use super::protocol::{ConnectAhead, DialectName, Endpointing, Greeting, Profile, WireFormat};
use super::row::Phase;

crate::names! {
    /// Which command made a run.
    pub enum Command {
        /// An open loop.
        Replay = "replay",
        /// A closed loop.
        Run = "run",
    }
}

crate::names! {
    /// Which of the addresses that the gateway's name has a connection goes to.
    #[derive(Default)]
    pub enum Balance {
        /// Each address in turn; when it does not answer, the next.
        #[default]
        RoundRobin = "round-robin",
        /// The first address that answers.
        First = "first",
    }
}

crate::names! {
    /// Who wakes a worker.
    pub enum PacerKind {
        /// A timerfd of the Linux kernel: within microseconds.
        Timerfd = "timerfd",
        /// A thread that sleeps on a condition variable: any system.
        Portable = "portable",
    }
}

impl Default for PacerKind {
    /// The kernel's timer where there is one.
    fn default() -> PacerKind {
        match cfg!(target_os = "linux") {
            true => PacerKind::Timerfd,
            false => PacerKind::Portable,
        }
    }
}

/// What the system's scheduler granted a thread that sends; `None` or empty where it does not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// Processors that the thread may run on.
    pub cpus: Vec<u32>,
    /// The thread's niceness; negative goes before others.
    pub nice: Option<i32>,
    /// How late the kernel may make a wake-up in order to bundle it with others.
    pub timer_slack_ns: Option<u64>,
}

/// One setting of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Setting<T> {
    /// `run.json` does not have it.
    #[default]
    Missing,
    /// Its value.
    Known(T),
    /// As it was written: null, or of a kind that this version does not know.
    Other(Value),
}

impl<T> Setting<T> {
    /// Its value, where it has one that is known.
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        match self {
            Setting::Known(value) => Some(value),
            Setting::Missing | Setting::Other(_) => None,
        }
    }

    fn is_missing(&self) -> bool {
        matches!(self, Setting::Missing)
    }
}

impl<T: Serialize> Setting<T> {
    /// As it stands in `run.json`, where it does.
    #[must_use]
    pub fn written(&self) -> Option<Value> {
        let written = serde_json::to_value(self).ok();
        written.filter(|_| !self.is_missing())
    }
}

impl Setting<bool> {
    /// Whether it is known to be so.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.get() == Some(&true)
    }
}

impl<T> From<T> for Setting<T> {
    fn from(value: T) -> Setting<T> {
        Setting::Known(value)
    }
}

impl<T> From<Option<T>> for Setting<T> {
    /// What is not set is written as null.
    fn from(value: Option<T>) -> Setting<T> {
        value.map_or(Setting::Other(Value::Null), Setting::Known)
    }
}

impl From<&str> for Setting<String> {
    fn from(value: &str) -> Setting<String> {
        Setting::Known(value.to_owned())
    }
}

impl<T: Serialize> Serialize for Setting<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Setting::Missing => to.serialize_unit(),
            Setting::Known(value) => value.serialize(to),
            Setting::Other(written) => written.serialize(to),
        }
    }
}

impl<'de, T: Serialize + DeserializeOwned> Deserialize<'de> for Setting<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Setting<T>, D::Error> {
        let written = Value::deserialize(from)?;
        Ok(match T::deserialize(&written) {
            // Otherwise a part of it is not known, and would not be written again.
            Ok(value) if serde_json::to_value(&value).is_ok_and(|again| again == written) => {
                Setting::Known(value)
            }
            _ => Setting::Other(written),
        })
    }
}

macro_rules! settings {
    ($( $(#[$about:meta])+ $name:ident: $kind:ty, )+) => {
        /// All settings of a run, resolved, secrets hidden: in the order of their names.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Settings {
            $(
                $(#[$about])+
                #[serde(skip_serializing_if = "Setting::is_missing")]
                pub $name: Setting<$kind>,
            )+
            /// Those that this version does not know.
            #[serde(flatten)]
            pub rest: Map<String, Value>,
        }
    };
}

settings! {
    /// Whether the exit code is 0 though the schedule was not kept.
    allow_invalid: bool,
    /// How long after its last sound an answer has ended; null where the protocol says it.
    answer_gap_ns: i64,
    /// What the server answers with; where it is missing, the protocol says it.
    answers_by: AnswerKind,
    /// Level above which an answer is audible, of 10 ms at a time.
    audible_dbfs: f64,
    /// Where the users' speech comes from.
    audio: String,
    /// Which of the gateway's addresses connections go to.
    balance: Balance,
    /// How long an answer plays before callers speak into it; null where they do not.
    barge_in_ns: i64,
    /// The file of the certificates that are trusted; null for the system's.
    ca: String,
    /// The file of our certificate.
    cert: String,
    /// Audio in one message; null where that differs between clips.
    chunk_bytes: u64,
    /// Time from one message to the next; null where that differs between clips.
    chunk_interval_ns: i64,
    /// Audio in one message, at the pace of speech.
    chunk_ns: i64,
    /// Most memory for audio that is ready to be sent.
    clip_memory_bytes: u64,
    /// Chunks that are due within so long leave together.
    coalesce_ns: i64,
    /// Whether connections are opened only when a session needs them.
    cold_connections: bool,
    /// What made the run.
    command: Command,
    /// What is opened before a session's planned start; null where sessions share connections.
    connect_ahead: ConnectAhead,
    /// Connections of all workers.
    connections: u64,
    /// What the description of the dialect calls it; null where none describes it.
    description: String,
    /// How conversations are written; missing in runs of before, which are `stream-audio`.
    dialect: DialectName,
    /// Who finds the end of an utterance; null or missing where the trace says it.
    endpointing: Endpointing,
    /// Whether the load was to be made though this machine would not keep up.
    force: bool,
    /// What makes a turn good, for the search that the run was made for.
    goodput: Vec<Setting<String>>,
    /// What callers do about what the server says first; null where the protocol has no greeting.
    greeting: Greeting,
    /// Further request headers, their values hidden.
    headers: BTreeMap<String, String>,
    /// Whether the gateway's certificate was not verified.
    insecure_skip_verify: bool,
    /// Whether the gateway saw the trace's own session ids.
    keep_session_ids: bool,
    /// The language that users announce.
    language_code: String,
    /// Most sessions of the trace; null for all.
    limit: u64,
    /// Whether the trace starts again at its end.
    #[serde(rename = "loop")]
    looped: bool,
    /// Most sessions that the run may have; null without a limit.
    max_sessions: u64,
    /// Whether a row was kept of each message.
    messages: bool,
    /// How fast users send audio.
    pace: String,
    /// What wakes the workers.
    pacer: PacerKind,
    /// The parts of the run in order, each with the instant at which it ends.
    phases: Vec<(Setting<Phase>, i64)>,
    /// Which clip users speak next.
    pick: String,
    /// Buffer of the virtual caller.
    playout_buffer_ns: i64,
    /// The dialect's variation; null where it has none.
    profile: Profile,
    /// Whether callers wait for answers.
    reactive: bool,
    /// The response header that names the replica; null for none.
    replica_header: String,
    /// What must hold.
    require: Vec<Setting<String>>,
    /// How often the gateway's name is looked up again.
    resolve_every_ns: i64,
    /// Times the sessions of the trace.
    scale: f64,
    /// The scenario's name; null without one.
    scenario: String,
    /// What the threads that send were granted; missing while running.
    scheduling: Granted,
    /// What random choices derive from.
    seed: u64,
    /// The name that the gateway's certificate must have; null for the target's host.
    server_name: String,
    /// The file that was merged into what opens a session; null without one.
    session: String,
    /// Times as fast as the trace.
    speed: f64,
    /// How long before an instant the processor is kept busy.
    spin_ns: i64,
    /// Streams that the gateway allows on a connection; null without a limit, missing while
    /// running.
    stream_limit: u64,
    /// Whether an invalid verdict is one with the embedded gateway too.
    strict_verdict: bool,
    /// The gateway.
    target: String,
    /// Whether transcripts and answers were kept.
    text: bool,
    /// End of speech to first audio.
    timeout_ns: i64,
    /// The file of the outputs that function calls are answered with; null without one.
    tools: String,
    /// How long a turn is kept open for transcripts after its answer; null where the protocol has none
    /// that late.
    transcript_wait_ns: i64,
    /// No session starts so long after the first, or later; null without a limit.
    until_ns: i64,
    /// How long turns are left out of the headline, from the first session on.
    warmup_ns: i64,
    /// Whether the target is a webhook, which says for each call where its audio is to go.
    webhook: bool,
    /// Whether words are compared.
    wer: bool,
    /// The part of the trace that sessions must start in; null for all of it.
    window_ns: (i64, i64),
    /// How audio is coded on the wire; null where it is as in the trace.
    wire_format: WireFormat,
    /// Threads that send.
    workers: u64,
}

/// The target that is the reference gateway in this process, which shares our processor with the load:
/// an invalid verdict is expected there, and only a warning.
pub const EMBEDDED: &str = "embedded";

impl Settings {
    /// Whether an invalid verdict was to be expected, and nobody asked for a strict one.
    #[must_use]
    pub fn shares_our_processor(&self) -> bool {
        let is_embedded = self.target.get().is_some_and(|target| target == EMBEDDED);
        is_embedded && !self.strict_verdict.is_set()
    }

    /// Whether the run is not held to its verdict.
    #[must_use]
    pub fn may_be_invalid(&self) -> bool {
        self.allow_invalid.is_set() || self.shares_our_processor()
    }

    /// How conversations are written.
    #[must_use]
    pub fn dialect(&self) -> DialectName {
        self.dialect.get().copied().unwrap_or_default()
    }

    /// What the server answers with.
    #[must_use]
    pub fn answers_by(&self) -> AnswerKind {
        let by_protocol = || AnswerKind::of(self.dialect(), self.profile.get().copied());
        self.answers_by.get().copied().unwrap_or_else(by_protocol)
    }

    /// Whether callers said themselves when they had spoken, so that figures do not contain the server's
    /// detection of it.
    #[must_use]
    pub fn is_without_endpointing(&self) -> bool {
        self.endpointing.get() == Some(&Endpointing::None)
    }

    /// All of them by their names, as they were written.
    #[must_use]
    pub fn listed(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(listed)) => listed,
            _ => Map::new(),
        }
    }
}

impl From<Value> for Settings {
    /// What is no object has none.
    fn from(written: Value) -> Settings {
        serde_json::from_value(written).unwrap_or_default()
    }
}

/// Settings of any kind.
///
/// # Errors
/// What is no JSON.
pub(super) fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Settings, D::Error> {
    Value::deserialize(from).map(Settings::from)
}
