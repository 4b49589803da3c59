//! Reads what a run sent and what a receiver logged, batch by batch, into columns of numbers.

use std::collections::HashMap;
use std::path::Path;

use crate::results::ResultsError;
use crate::results::reader::RunDir;
use crate::results::row::{ArrivalRow, Direction, MessageRow};
use crate::table::Reader;

/// One message that the run says it sent.
pub(super) struct Sent {
    pub(super) intended_ns: i64,
    pub(super) sent_ns: i64,
    pub(super) bytes: u32,
    /// Audio or fill.
    pub(super) is_chunk: bool,
}

/// The messages of one session.
#[derive(Default)]
pub(super) struct Session {
    /// By their number.
    pub(super) sent: Vec<Sent>,
    /// Number and instant by the receiver's clock, in order of arrival.
    pub(super) arrived: Vec<(u32, i64)>,
    /// Its stream ended with status OK.
    pub(super) ended_well: bool,
}

/// All that both sides say.
pub(super) struct Gathered {
    pub(super) sessions: Vec<Session>,
    /// From the log's clock to the run's; `None` when they are of different boots.
    pub(super) offset_ns: Option<i64>,
    /// Arrivals of this run with another length than was sent.
    pub(super) altered: u64,
    /// Arrivals of this run in sessions that it does not know.
    pub(super) unknown: u64,
    pub(super) of_other_runs: u64,
}

impl Gathered {
    /// Reads the run's messages and the log.
    pub(super) fn read(run: &RunDir, log: &Path) -> Result<Gathered, ResultsError> {
        let mut gathered = Gathered {
            sessions: Vec::new(),
            offset_ns: None,
            altered: 0,
            unknown: 0,
            of_other_runs: 0,
        };
        let mut by_identity: HashMap<(String, u32), usize> = HashMap::new();
        let mut by_wire_id: HashMap<String, usize> = HashMap::new();
        for row in run.requests()?.rows {
            let place = *by_identity
                .entry((row.session_id, row.copy))
                .or_insert_with(|| {
                    by_wire_id.insert(row.wire_session_id, gathered.sessions.len());
                    gathered.sessions.push(Session::default());
                    gathered.sessions.len() - 1
                });
            // Rows that were written before the stream's end do not know how it ended.
            gathered.sessions[place].ended_well |= row.grpc_code == Some(0);
        }
        for file in run.message_files()? {
            gathered.read_sent(&file, &by_identity)?;
        }
        gathered.read_log(run, log, &by_wire_id)?;
        Ok(gathered)
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
                let Some(place) = sessions.get(&(row.session_id, row.copy)) else {
                    continue;
                };
                self.sessions[*place].sent.push(Sent {
                    intended_ns: row.intended_ns.unwrap_or_default(),
                    sent_ns: row.sent_ns.unwrap_or_default(),
                    bytes: row.bytes,
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
        let mut reader = Reader::<ArrivalRow>::open(log)?;
        let epoch = &run.manifest().epoch;
        let same_boot = reader.note("boot_id") == Some(epoch.boot_id.as_str());
        let monotonic_ns = reader
            .note("epoch_monotonic_ns")
            .and_then(|ns| ns.parse::<i64>().ok());
        self.offset_ns = monotonic_ns
            .filter(|_| same_boot)
            .map(|ns| ns - epoch.monotonic_ns);
        while let Some(rows) = reader.next_rows()? {
            for row in rows {
                if row.run_id != run.manifest().run_id {
                    self.of_other_runs += 1;
                    continue;
                }
                let Some(place) = sessions.get(&row.wire_session_id) else {
                    self.unknown += 1;
                    continue;
                };
                let session = &mut self.sessions[*place];
                let sent = session.sent.get(row.seq as usize);
                self.altered += u64::from(sent.is_some_and(|sent| sent.bytes != row.bytes));
                session.arrived.push((row.seq, row.received_ns));
            }
        }
        Ok(())
    }
}
