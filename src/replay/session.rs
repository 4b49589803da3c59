//! What became of one session as a whole, and the row that it becomes.

use std::sync::Arc;

use super::end::{End, close_code, ended as error, stalled};
use super::facts::{CallFacts, RunFacts};
use super::script::Script;
use crate::results::row::{SessionEnd, SessionRow};
use crate::table::UtcInstant;
use crate::transport::ended::Ended;
use crate::units::RunTime;

/// How far a session has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SessionProgress {
    /// First message written.
    pub(super) started_ns: Option<i64>,
    /// Time in which a message that was due waited for the peer, up to the last one that was taken.
    pub(super) blocked_ns: i64,
    /// Up to when that is counted.
    blocked_until_ns: i64,
    /// Turns that were answered.
    pub(super) answered: u32,
    /// First and last message of what the server said before the caller's first speech.
    pub(super) greeting: Option<(i64, i64)>,
}

/// All that is known of one session when its row is written; the row is made of it on another thread.
#[derive(Debug)]
pub struct SessionRecord {
    script: Arc<Script>,
    facts: CallFacts,
    progress: SessionProgress,
    ended: RunTime,
    end: End,
}

impl SessionProgress {
    /// A message that had waited for the peer may leave.
    pub(super) fn waited(&mut self, since: RunTime, until: RunTime) {
        // What waited behind another message is counted from the same instant.
        self.blocked_ns += (until.0 - since.0.max(self.blocked_until_ns)).max(0);
        self.blocked_until_ns = until.0;
    }
}

impl SessionRecord {
    /// The record of a session that is over.
    pub(super) fn new(
        script: &Arc<Script>,
        facts: &CallFacts,
        progress: SessionProgress,
        ended: RunTime,
        end: &End,
    ) -> Box<SessionRecord> {
        Box::new(SessionRecord {
            script: script.clone(),
            facts: facts.clone(),
            progress,
            ended,
            end: end.clone(),
        })
    }
}

/// The row of a session.
pub(super) fn row(run: &RunFacts, record: &SessionRecord) -> SessionRow {
    let SessionRecord {
        script,
        facts,
        progress,
        ended,
        end,
    } = record;
    let rows = &script.rows;
    SessionRow {
        run_id: run.run_id.clone(),
        session_id: rows.session.session_id.clone(),
        copy: script.copy,
        user: script.user,
        wire_session_id: run.wire_session_id(script),
        trace_id: run.trace_id(script),
        connection: facts.connection,
        peer: facts.peer.map(|peer| peer.to_string()),
        replica: facts.replica.as_deref().map(str::to_owned),
        planned_start_at: UtcInstant(run.epoch_realtime_ns + script.start.0),
        planned_start_ns: script.start.0,
        connected_ns: facts.connected_ns,
        opened_ns: facts.opened_ns,
        started_ns: progress.started_ns,
        ready_ns: facts.ready_ns,
        greeting_start_ns: progress.greeting.map(|(start_ns, _)| start_ns),
        greeting_end_ns: progress.greeting.map(|(_, end_ns)| end_ns),
        ended_ns: Some(ended.0),
        end: kind(end, facts.opened_ns.is_some()),
        grpc_code: end.ended().and_then(Ended::grpc_code),
        close_code: close_code(facts, Some(end)),
        http_status: facts.http_status.map(u32::from),
        error: error(Some(end))
            .or_else(|| {
                let started = progress.started_ns.is_some();
                let stalled = stalled(facts, started, run.nature);
                stalled.map(str::to_owned)
            })
            .or_else(|| end.reason()),
        blocked_ns: Some(progress.blocked_ns),
        turns_planned: Some(rows.turns.len() as u32),
        turns_answered: Some(progress.answered),
    }
}

/// What a row says of `end`; a session that was not `opened` did not begin, unless it was us who ended it.
fn kind(end: &End, opened: bool) -> SessionEnd {
    match end {
        End::Interrupted => SessionEnd::Interrupted,
        End::Cancelled => SessionEnd::Cancelled,
        End::Timeout => SessionEnd::Timeout,
        End::HungUp => SessionEnd::HungUp,
        End::OurFault(_) => SessionEnd::NotStarted,
        End::Stream(_) if !opened => SessionEnd::NotStarted,
        End::Stream(ended) if ended.is_ok() => SessionEnd::Finished,
        End::Stream(_) | End::Refused(_) => SessionEnd::Error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::status::{GrpcStatus, OK, UNAVAILABLE};

    #[test]
    fn every_end_has_its_name_whether_or_not_the_stream_was_opened() {
        let stream = |code| End::Stream(GrpcStatus::new(code, "").into());
        let limit = || End::OurFault("too many open files".to_owned());
        let table = [
            (stream(OK), SessionEnd::NotStarted, SessionEnd::Finished),
            (
                stream(UNAVAILABLE),
                SessionEnd::NotStarted,
                SessionEnd::Error,
            ),
            (limit(), SessionEnd::NotStarted, SessionEnd::NotStarted),
            (End::Timeout, SessionEnd::Timeout, SessionEnd::Timeout),
            (End::HungUp, SessionEnd::HungUp, SessionEnd::HungUp),
            (End::Cancelled, SessionEnd::Cancelled, SessionEnd::Cancelled),
            (
                End::Interrupted,
                SessionEnd::Interrupted,
                SessionEnd::Interrupted,
            ),
        ];
        for (end, not_opened, opened) in table {
            assert_eq!(kind(&end, false), not_opened, "{end:?}");
            assert_eq!(kind(&end, true), opened, "{end:?}");
        }
    }

    #[test]
    fn waits_add_up() {
        let mut progress = SessionProgress::default();
        progress.waited(RunTime(5), RunTime(7));
        progress.waited(RunTime(10), RunTime(13));
        assert_eq!(progress.blocked_ns, 5);
        // Another message waited behind that one, and longer.
        progress.waited(RunTime(10), RunTime(15));
        assert_eq!(progress.blocked_ns, 7);
    }
}
