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

use super::connections::{Connections, Opening};
use super::idle::Idle;
use super::limits::raise_open_files;
use super::pacer::Pacer;
use super::phases::Phases;
use super::progress::RunFacts;
use super::scheduling;
use super::script::Script;
use super::session_index::SessionIndex;
use super::starts::Starts;
use super::worker::{Assignment, work};
use super::{ReplaySpec, Stop};
use crate::clock::{RunClock, epoch_now, thread_cpu_ns};
use crate::dialect::Dialect;
use crate::live::gauges::Gauges;
use crate::results::settings::PacerKind;
use crate::trace::model::{EventKind, EventRow, Microphone, SessionRow, SessionRows, TurnRow};
use crate::transport::channel::{ConnectError, Connector, Endpoint, TlsOptions};
use crate::units::{NS_PER_MS, RunTime};

/// So many that what is known of them is in no near cache, as in a run.
const SESSIONS: u32 = 2_000;
/// As many connections as a run opens by itself, where so many files may be open: a connection has one at either
/// end here, and most are to be left for others.
const CONNECTIONS: u64 = 64;
const FILES_A_CONNECTION: u64 = 16;
/// Chunks of a session, in two trials: what they differ by is what chunks cost, without sessions.
const CHUNKS: [u32; 2] = [1, 9];
/// 20 ms at 16 kHz.
const CHUNK_BYTES: u32 = 640;
/// A quarter of a million chunks a second, while sessions are still being opened: there is always one to send, and
/// mostly of another session than the one before.
const CHUNK_STEP_NS: i64 = 8 * NS_PER_MS;
/// From the start of a trial to its first session.
const LEAD_NS: i64 = 50 * NS_PER_MS;
/// Turns, sessions and their starts; nobody reads them.
const ENTRIES: usize = 4 * SESSIONS as usize;

/// CPU time of the sending thread for one chunk, by two trials on the server at this address.
///
/// # Errors
/// The system's, and a server that cannot be reached.
pub(super) fn chunk_cost_ns(kind: PacerKind, server: SocketAddr) -> io::Result<i64> {
    scheduling::request();
    let [few, many] = CHUNKS;
    let without_ns = trial(kind, server, few)?;
    let with_ns = trial(kind, server, many)?;
    let chunks = i64::from(SESSIONS) * i64::from(many - few);
    Ok(((with_ns - without_ns) / chunks).max(1))
}

/// CPU time of this thread for sessions of so many chunks.
fn trial(kind: PacerKind, server: SocketAddr, chunks: u32) -> io::Result<i64> {
    let mut runtime = Builder::new_current_thread();
    let idle = Idle::watch(&mut runtime);
    let runtime = runtime.enable_all().build()?;
    let clock = RunClock::new(&epoch_now());
    let (sink, _entries) = sync_channel(ENTRIES);
    let gauges = Arc::new(Gauges::default());
    let job = Assignment {
        number: 0,
        starts: Starts::planned(scripts(chunks)),
        spec: Arc::new(ReplaySpec {
            dialect: Dialect::StreamAudio,
            ..ReplaySpec::default()
        }),
        run: Arc::new(RunFacts {
            run_id: String::new(),
            epoch_realtime_ns: 0,
            keep_text: false,
            keep_session_ids: true,
            clips: Arc::default(),
            closed_loop: false,
            phases: Phases::default(),
        }),
        clock: clock.clone(),
        gauges: gauges.clone(),
        sink,
        stop: Stop::default(),
        idle,
    };
    let endpoint = Endpoint {
        host: server.ip().to_string(),
        port: server.port(),
        tls: false,
    };
    let unreachable = |error: ConnectError| io::Error::other(error.to_string());
    let connector = Connector::new(endpoint, &TlsOptions::default()).map_err(unreachable)?;
    let before_ns = thread_cpu_ns();
    LocalSet::new().block_on(&runtime, async {
        let pacer = Pacer::new(kind, clock, 0)?;
        let files = raise_open_files().soft.unwrap_or(u64::MAX);
        let connections = (files / FILES_A_CONNECTION).clamp(1, CONNECTIONS);
        let numbers = 0..connections as u32;
        let connections = Connections::begin(connector, numbers, Opening::default(), NS_PER_MS);
        work(job, pacer, connections).await
    })?;
    let used_ns = thread_cpu_ns() - before_ns;
    let sent = gauges.lag.counts().total();
    match sent == u64::from(SESSIONS) * u64::from(chunks) {
        true => Ok(used_ns),
        false => Err(io::Error::other(format!(
            "only {sent} chunks could be sent to a server of this process"
        ))),
    }
}

/// Callers who say so many chunks and hang up, their starts spread over a chunk.
fn scripts(chunks: u32) -> tokio::sync::mpsc::UnboundedReceiver<Arc<Script>> {
    let (scripts, planned) = unbounded_channel();
    let pcm = vec![0; (CHUNK_BYTES * chunks) as usize];
    let lengths = std::iter::repeat_n(CHUNK_BYTES as usize, chunks as usize);
    let audio = Dialect::StreamAudio.frame_audio(&pcm, lengths);
    for session in 0..SESSIONS {
        // Each has rows of its own, as the sessions of a trace have.
        let rows = rows(session, chunks);
        let index = SessionIndex::of(&rows);
        let start = RunTime(LEAD_NS + i64::from(session) * CHUNK_STEP_NS / i64::from(SESSIONS));
        let (rows, index) = (Arc::new(rows), Arc::new(index));
        let script = Script::new(rows, index, u64::from(session), 0, start);
        script.provide(0, audio.clone());
        // Whoever receives them is still there.
        let _ = scripts.send(Arc::new(script));
    }
    planned
}

fn rows(session: u32, chunks: u32) -> SessionRows {
    let end_ns = i64::from(chunks) * CHUNK_STEP_NS;
    let event = |at_ns, kind, count| EventRow {
        session,
        turn: 0,
        at_ns,
        kind,
        clip: None,
        offset_bytes: 0,
        chunk_bytes: CHUNK_BYTES,
        interval_ns: CHUNK_STEP_NS,
        count,
        text: None,
    };
    SessionRows {
        session: SessionRow {
            session,
            session_id: format!("trial-{session}"),
            start_ns: 0,
            language_code: String::new(),
            sample_rate_hz: 16_000,
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
