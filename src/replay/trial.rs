//! A short run of the engine itself, to measure what a chunk costs: more sessions than a core can serve send to
//! a server of this process that reads and discards. All that a run does for a chunk is in it: its timer, its
//! frame, its write and its row.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use tokio::runtime::Builder;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::LocalSet;

use super::connections::{Opening, Series, Source};
use super::facts::RunFacts;
use super::idle::Idle;
use super::limits::raise_open_files;
use super::pacer::Pacer;
use super::phases::Phases;
use super::scheduling;
use super::script::Script;
use super::session_index::SessionIndex;
use super::starts::Starts;
use super::worker::{Assignment, work};
use super::{ReplaySpec, Stop};
use crate::clock::{RunClock, epoch_now, thread_cpu_ns};
use crate::dialect::{Carrier, Dialect};
use crate::live::gauges::Gauges;
use crate::pcm::codec::{Codec, Format};
use crate::results::protocol::DialectName;
use crate::results::settings::PacerKind;
use crate::trace::model::{EventKind, EventRow, Microphone, SessionRow, SessionRows, TurnRow};
use crate::transport::channel::{Connector, Endpoint, TlsOptions};
use crate::units::{NS_PER_MS, RunTime, SampleRate, Samples};

/// How large a trial is.
#[derive(Debug, Clone, Copy)]
struct Size {
    sessions: u32,
    /// Chunks of a session, in two trials: what they differ by is what chunks cost, without sessions.
    chunks: [u32; 2],
    /// From a chunk of a session to its next.
    step_ns: i64,
    /// From the start of a trial to its first session.
    lead_ns: i64,
}

/// So many sessions that what is known of them is in no near cache, as in a run, and a quarter of a million chunks a
/// second, while sessions are still being opened: there is always one to send, and mostly of another session than the
/// one before.
const SHARED: Size = Size {
    sessions: 2_000,
    chunks: [1, 9],
    step_ns: 8 * NS_PER_MS,
    lead_ns: 50 * NS_PER_MS,
};
/// Each session has a connection, which has a file at either end. An upgrade costs as much as a hundred chunks, so that
/// there are few sessions of many, and chunks no faster than they are sent: of those that are behind, several would be
/// written at once.
const SINGLE: Size = Size {
    sessions: 100,
    chunks: [1, 201],
    step_ns: 2 * NS_PER_MS,
    lead_ns: 200 * NS_PER_MS,
};
/// As many connections as a run opens by itself, where so many files may be open: a connection has one at either
/// end here, and most are to be left for others.
const CONNECTIONS: u64 = 64;
const FILES_A_CONNECTION: u64 = 16;
/// How much audio is in a chunk.
const CHUNK_NS: i64 = 20 * NS_PER_MS;
/// How audio is that is sent as it is in the trace.
const AS_TRACED: Format = Format {
    codec: Codec::Pcm16,
    rate: SampleRate(16_000),
};

/// What is measured.
struct Trial<'a> {
    kind: PacerKind,
    dialect: &'a Dialect,
    size: Size,
    /// Connections that sessions share.
    connections: u32,
}

/// CPU time of the sending thread for one chunk as this dialect writes it, by two trials on the server at this
/// address.
///
/// # Errors
/// The system's, and a server that cannot be reached.
pub(super) fn chunk_cost_ns(
    kind: PacerKind,
    dialect: &Dialect,
    server: SocketAddr,
) -> io::Result<i64> {
    let files = raise_open_files().soft.unwrap_or(u64::MAX) / FILES_A_CONNECTION;
    let (endpoint, size) = match dialect.nature().carrier {
        Carrier::Http2 => (format!("http://{server}"), SHARED),
        Carrier::WebSocket => (format!("ws://{server}"), SINGLE.within(files)),
    };
    let endpoint = endpoint.parse::<Endpoint>().map_err(io::Error::other)?;
    let connector = Connector::new(endpoint, &TlsOptions::default());
    let connector = connector.map_err(|error| io::Error::other(error.to_string()))?;
    let trial = Trial {
        kind,
        dialect,
        size,
        connections: files.clamp(1, CONNECTIONS) as u32,
    };
    let sources = [Source::of(connector.clone())?, Source::of(connector)?];
    scheduling::request();
    let [few, many] = size.chunks;
    let [of_few, of_many] = sources;
    let without_ns = trial.cpu_ns(few, of_few)?;
    let with_ns = trial.cpu_ns(many, of_many)?;
    let chunks = i64::from(size.sessions) * i64::from(many - few);
    Ok(((with_ns - without_ns) / chunks).max(1))
}

impl Size {
    /// With no more sessions than so many quarters of them, at least one.
    fn within(self, files: u64) -> Size {
        let most = u32::try_from(4 * files).unwrap_or(u32::MAX).max(1);
        Size {
            sessions: self.sessions.min(most),
            ..self
        }
    }
}

impl Trial<'_> {
    /// CPU time of this thread for sessions of so many chunks.
    fn cpu_ns(&self, chunks: u32, source: Source) -> io::Result<i64> {
        let mut runtime = Builder::new_current_thread();
        let idle = Idle::watch(&mut runtime);
        let runtime = runtime.enable_all().build()?;
        let clock = RunClock::new(&epoch_now());
        // Turns, sessions and their starts; nobody reads them.
        let (sink, _entries) = sync_channel(4 * self.size.sessions as usize);
        let gauges = Arc::new(Gauges::default());
        let job = Assignment {
            number: 0,
            starts: Starts::planned(scripts(self.dialect, self.size, chunks)),
            spec: Arc::new(ReplaySpec {
                dialect: self.dialect.clone(),
                ..ReplaySpec::default()
            }),
            run: Arc::new(RunFacts {
                run_id: String::new(),
                epoch_realtime_ns: 0,
                keep_text: false,
                keep_session_ids: true,
                clips: Arc::default(),
                closed_loop: false,
                dialect: DialectName::StreamAudio,
                nature: self.dialect.nature(),
                phases: Phases::default(),
            }),
            clock: clock.clone(),
            gauges: gauges.clone(),
            sink,
            stop: Stop::default(),
            idle,
        };
        let before_ns = thread_cpu_ns();
        LocalSet::new().block_on(&runtime, async {
            let pacer = Pacer::new(self.kind, clock, 0)?;
            let opening = Opening::default();
            let series = Series { first: 0, step: 1 };
            let connections = source.begin(0..self.connections, series, opening, NS_PER_MS);
            work(job, pacer, connections).await
        })?;
        let used_ns = thread_cpu_ns() - before_ns;
        let sent = gauges.lag.counts().total();
        match sent == u64::from(self.size.sessions) * u64::from(chunks) {
            true => Ok(used_ns),
            false => Err(io::Error::other(format!(
                "only {sent} chunks could be sent to a server of this process"
            ))),
        }
    }
}

/// Callers who say so many chunks and hang up, their starts spread over a chunk.
fn scripts(
    dialect: &Dialect,
    size: Size,
    chunks: u32,
) -> tokio::sync::mpsc::UnboundedReceiver<Arc<Script>> {
    let (scripts, planned) = unbounded_channel();
    let wire = dialect.nature().input.unwrap_or(AS_TRACED);
    let bytes = chunk_bytes(wire);
    let lengths = std::iter::repeat_n(bytes, chunks as usize);
    let audio = dialect.frame_audio(&vec![0; bytes * chunks as usize], lengths);
    for session in 0..size.sessions {
        // Each has rows of its own, as the sessions of a trace have.
        let rows = rows(session, chunks, size.step_ns);
        let index = SessionIndex::of(&rows);
        let after_ns = i64::from(session) * size.step_ns / i64::from(size.sessions);
        let start = RunTime(size.lead_ns + after_ns);
        let (rows, index) = (Arc::new(rows), Arc::new(index));
        let script = Script::new(rows, index, u64::from(session), 0, start);
        script.provide(0, audio.clone());
        // Whoever receives them is still there.
        let _ = scripts.send(Arc::new(script));
    }
    planned
}

fn rows(session: u32, chunks: u32, step_ns: i64) -> SessionRows {
    let end_ns = i64::from(chunks) * step_ns;
    let event = |at_ns, kind, count| EventRow {
        session,
        turn: 0,
        at_ns,
        kind,
        clip: None,
        offset_bytes: 0,
        chunk_bytes: chunk_bytes(AS_TRACED) as u32,
        interval_ns: step_ns,
        count,
        text: None,
    };
    SessionRows {
        session: SessionRow {
            session,
            session_id: format!("trial-{session}"),
            start_ns: 0,
            language_code: String::new(),
            sample_rate_hz: AS_TRACED.rate.0,
            microphone: Microphone::PushToTalk,
            turns: 1,
            recorded_status: None,
            recorded_end_ns: None,
            metadata: None,
        },
        turns: vec![TurnRow {
            session,
            turn: 0,
            at_ns: 0,
            end_ns,
            speech_start_ns: Some(0),
            speech_end_ns: Some(end_ns),
            think_ns: None,
            clip: None,
        }],
        events: vec![
            event(0, EventKind::Config, 1),
            event(0, EventKind::Audio, chunks),
            event(end_ns, EventKind::Cancel, 1),
        ],
        replies: Vec::new(),
    }
}

/// Bytes of a chunk.
fn chunk_bytes(format: Format) -> usize {
    format.bytes_per_sample() * Samples::in_ns(CHUNK_NS, format.rate).0 as usize
}
