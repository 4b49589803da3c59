//! Reads what a run sent and what a receiver logged, batch by batch, into a few numbers a message.

use std::collections::HashMap;
use std::path::Path;

use super::figures::Counts;
use crate::report::end_code::EndCode;
use crate::results::ResultsError;
use crate::results::reader::RunDir;
use crate::results::row::{ArrivalRow, Direction, MessageRow};
use crate::table::Reader;

/// One message that the run says it sent.
pub(super) struct Sent {
    pub(super) seq: u32,
    pub(super) bytes: u32,
    pub(super) intended_ns: i64,
    pub(super) sent_ns: i64,
    /// Audio or fill.
    pub(super) is_chunk: bool,
}

/// One message that the receiver logged, at an instant of the log's clock.
pub(super) struct Arrived {
    pub(super) seq: u32,
    pub(super) bytes: u32,
    pub(super) received_ns: i64,
}

/// The messages of one session.
#[derive(Default)]
pub(super) struct Session {
    /// By their number. One may be missing: a replay drops rows rather than wait for the disk.
    pub(super) sent: Vec<Sent>,
    /// In order of arrival.
    pub(super) arrived: Vec<Arrived>,
    /// Its stream ended with status OK.
    pub(super) ended_well: bool,
}

/// All that both sides say.
pub(super) struct Gathered {
    pub(super) sessions: Vec<Session>,
    /// From the log's clock to the run's; `None` unless they are known to be one.
    pub(super) offset_ns: Option<i64>,
    /// Arrivals in sessions that the run does not know, and of other runs.
    pub(super) counts: Counts,
}

/// Where the messages of each session go, by its two names.
#[derive(Default)]
struct Places {
    by_identity: HashMap<(String, u32), usize>,
    by_wire_id: HashMap<String, usize>,
}

impl Gathered {
    /// Reads the run's messages and the log.
    ///
    /// # Errors
    /// A run without messages or with sessions of one name, or a table that cannot be read.
    pub(super) fn read(run: &RunDir, log: &Path) -> Result<Gathered, ResultsError> {
        let message_files = run.message_files()?;
        let mut gathered = Gathered {
            sessions: Vec::new(),
            offset_ns: None,
            counts: Counts::default(),
        };
        let places = gathered.read_sessions(run)?;
        for file in message_files {
            gathered.read_sent(&file, &places.by_identity)?;
        }
        for session in &mut gathered.sessions {
            session.sent.sort_by_key(|sent| sent.seq);
        }
        gathered.read_log(run, log, &places.by_wire_id)?;
        Ok(gathered)
    }

    fn read_sessions(&mut self, run: &RunDir) -> Result<Places, ResultsError> {
        let mut places = Places::default();
        let mut shared = None;
        // Damaged parts are those of a run that did not end, in which nothing unknown is judged.
        run.for_each_request(|row| {
            let next = self.sessions.len();
            let has_ended = row.grpc_code.is_some() || row.close_code.is_some();
            let has_failed = EndCode::of_failure(&row).is_some();
            let identity = (row.session_id, row.copy);
            let place = *places.by_identity.entry(identity).or_insert(next);
            if place == next {
                self.sessions.push(Session::default());
            }
            // Rows that were written before the stream's end do not know how it ended.
            self.sessions[place].ended_well |= has_ended && !has_failed;
            let named = places.by_wire_id.entry(row.wire_session_id.clone());
            if *named.or_insert(place) != place {
                shared = Some(row.wire_session_id);
            }
        })?;
        match shared {
            Some(name) => Err(ResultsError::SharedName { name }),
            None => Ok(places),
        }
    }

    fn read_sent(
        &mut self,
        file: &Path,
        sessions: &HashMap<(String, u32), usize>,
    ) -> Result<(), ResultsError> {
        let mut reader = Reader::<MessageRow>::open(file)?;
        while let Some(rows) = reader.next_rows()? {
            for row in rows {
                let is_message = !matches!(row.kind.as_str(), "half_close" | "cancel");
                if row.direction != Direction::Sent || !is_message {
                    continue;
                }
                let place = sessions.get(&(row.session_id, row.copy));
                let (Some(place), Some(intended_ns), Some(sent_ns)) =
                    (place, row.intended_ns, row.sent_ns)
                else {
                    continue;
                };
                self.sessions[*place].sent.push(Sent {
                    seq: row.seq,
                    bytes: row.bytes,
                    intended_ns,
                    sent_ns,
                    is_chunk: matches!(row.kind.as_str(), "audio" | "fill"),
                });
            }
        }
        Ok(())
    }

    fn read_log(
        &mut self,
        run: &RunDir,
        log: &Path,
        sessions: &HashMap<String, usize>,
    ) -> Result<(), ResultsError> {
        let run = run.manifest();
        let mut reader = Reader::<ArrivalRow>::open(log)?;
        // Without a boot id nothing tells that both clocks are one.
        let boot_id = reader.note("boot_id").filter(|id| !id.is_empty());
        let epoch_ns = reader.note("epoch_monotonic_ns");
        let epoch_ns = epoch_ns.and_then(|ns| ns.parse::<i64>().ok());
        if boot_id == Some(run.epoch.boot_id.as_str()) {
            self.offset_ns = epoch_ns.map(|ns| ns - run.epoch.monotonic_ns);
        }
        while let Some(rows) = reader.next_rows()? {
            for row in rows {
                if row.run_id != run.run_id {
                    self.counts.of_other_runs += 1;
                    continue;
                }
                match sessions.get(&row.wire_session_id) {
                    Some(place) => self.sessions[*place].arrived.push(Arrived {
                        seq: row.seq,
                        bytes: row.bytes,
                        received_ns: row.received_ns,
                    }),
                    None => self.counts.unknown += 1,
                }
            }
        }
        Ok(())
    }
}
