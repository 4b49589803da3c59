//! What a load will ask of this machine, and whether the machine can do it.

use std::fmt::Write as _;

use super::error::RunError;
use crate::replay::limits::OpenFiles;
use crate::results::manifest::Calibration;
use crate::trace::extent::Extent;
use crate::units::{Human, NS_PER_S, counted, share_percent};

/// Files that are open besides connections: results, timers, the runtime's own.
const OTHER_FILES: u64 = 64;
/// Connections that are opened ahead of sessions that have one each, by one thread.
const AHEAD: u64 = 64;
/// How long a port stays taken when its connection has ended, in nanoseconds: TIME_WAIT of Linux.
const PORT_RESTS_NS: i64 = 60 * NS_PER_S;
/// Largest share, in percent, of what the threads that send can send that is asked of them without a warning.
const BUSY_PERCENT: f64 = 70.0;

/// What will be needed, and what there is.
#[derive(Debug)]
pub struct Feasibility {
    /// How large the load is.
    pub extent: Extent,
    /// Threads that send.
    pub workers: usize,
    /// Connections of all of them.
    pub connections: u32,
    /// What the machine can do.
    pub calibration: Calibration,
    /// How many files this process may have open.
    pub open_files: OpenFiles,
    /// Local ports towards the gateway, of all its addresses, where each session takes one and that is known.
    pub local_ports: Option<u64>,
}

impl Feasibility {
    /// The peak as a share of what the threads that send can send, in percent.
    fn cpu_percent(&self) -> f64 {
        let chunks_per_s = self.extent.peak_chunks_per_s as f64;
        let ns_per_s = chunks_per_s * self.calibration.chunk_cost_ns as f64;
        ns_per_s / 1e9 * 100.0 / self.workers as f64
    }

    fn files(&self) -> u64 {
        u64::from(self.connections) + self.ahead() + OTHER_FILES
    }

    /// Connections beyond those of sessions under way.
    fn ahead(&self) -> u64 {
        match self.local_ports {
            None => 0,
            Some(_) => {
                let others = self
                    .extent
                    .sessions
                    .saturating_sub(self.extent.peak_sessions);
                others.min(AHEAD * self.workers as u64)
            }
        }
    }

    /// Local ports that are taken at the peak, and with those of sessions that have just ended.
    fn ports(&self) -> (u64, u64) {
        let Extent {
            sessions,
            duration_ns,
            ..
        } = self.extent;
        let share = PORT_RESTS_NS.min(duration_ns) as f64 / duration_ns.max(1) as f64;
        let rests = (sessions as f64 * share) as u64;
        let peak = u64::from(self.connections);
        (peak, (peak + rests).min(sessions.max(peak)))
    }

    /// Refuses what this machine cannot do unless it is to be tried by `force`, and returns
    /// warnings.
    ///
    /// # Errors
    /// [`RunError::Infeasible`].
    pub fn judge(&self, force: bool) -> Result<Vec<String>, RunError> {
        let mut findings = Vec::new();
        let (files, cpu) = (self.files(), self.cpu_percent());
        let limit = self.open_files.soft.unwrap_or(u64::MAX);
        let few_files = files > limit;
        if few_files {
            findings.push(format!(
                "{files} open files are needed and {limit} allowed; raise the limit (`ulimit -n`), {}",
                match self.local_ports {
                    None => "or let more sessions share a connection (--sessions-per-connection)",
                    Some(_) => "each session takes one",
                }
            ));
        }
        let ports = self.local_ports.unwrap_or(u64::MAX);
        let (at_peak, with_ended) = self.ports();
        let few_ports = at_peak > ports;
        if with_ended > ports {
            let needed = match few_ports {
                true => format!("{at_peak} local ports are needed at once"),
                false => format!(
                    "{with_ended} local ports are needed, as each stays taken for a minute after its session"
                ),
            };
            findings.push(format!(
                "{needed}, and there are {ports} towards the gateway; widen the range (`sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"`), or give the gateway more addresses"
            ));
        }
        if cpu > BUSY_PERCENT {
            findings.push(format!(
                "the peak is {cpu:.0} % of what the threads that send can send; use more --workers, or a larger machine"
            ));
        }
        if (few_files || few_ports || cpu > 100.0) && !force {
            return Err(RunError::Infeasible(findings.join("; ")));
        }
        Ok(findings)
    }

    /// The whole of it, for people.
    #[must_use]
    pub fn text(&self) -> String {
        let extent = &self.extent;
        let calibration = &self.calibration;
        let mut text = String::new();
        let mut line = |label: &str, said: String| {
            let _ = writeln!(text, "{label:<12}{said}");
        };
        line(
            "sessions",
            format!(
                "{}, {} turns, up to {} at once, over {}",
                extent.sessions,
                extent.turns,
                extent.peak_sessions,
                Human(extent.duration_ns)
            ),
        );
        let megabits = extent.peak_bytes_per_s as f64 * 8.0 / 1e6;
        line(
            "chunks",
            format!(
                "{}, up to {} a second, {megabits:.1} Mbit/s of audio",
                extent.chunks, extent.peak_chunks_per_s
            ),
        );
        line(
            "connections",
            format!(
                "{}, {:.1} sessions on each at the peak",
                self.connections,
                extent.peak_sessions as f64 / f64::from(self.connections.max(1))
            ),
        );
        let limit = self.open_files.soft;
        let limit = limit.map_or("no limit".to_owned(), |limit| format!("{limit} allowed"));
        line("open files", format!("{}, {limit}", self.files()));
        if let Some(ports) = self.local_ports {
            line(
                "local ports",
                format!("{} at the peak, {ports} there", self.ports().0),
            );
        }
        line(
            "processor",
            format!(
                "{} of what {} can send at the peak ({} a chunk)",
                share_percent(self.cpu_percent() / 100.0, 0),
                counted(self.workers as u64, "core"),
                Human(calibration.chunk_cost_ns)
            ),
        );
        line(
            "timer",
            format!(
                "{} wakes p50 {}, p99 {}, max {} late",
                calibration.pacer,
                Human(calibration.timer_error_p50_ns),
                Human(calibration.timer_error_p99_ns),
                Human(calibration.timer_error_max_ns)
            ),
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(chunks_per_s: u64, connections: u32) -> Feasibility {
        Feasibility {
            extent: Extent {
                peak_chunks_per_s: chunks_per_s,
                ..Extent::default()
            },
            workers: 2,
            connections,
            calibration: Calibration {
                pacer: "timerfd".to_owned(),
                timer_error_p50_ns: 1,
                timer_error_p99_ns: 2,
                timer_error_max_ns: 3,
                chunk_cost_ns: 10_000,
            },
            open_files: OpenFiles {
                soft: Some(1024),
                hard: Some(1024),
            },
            local_ports: None,
        }
    }

    #[test]
    fn a_session_that_has_a_connection_takes_a_port_and_keeps_it_for_a_minute() {
        let need = |sessions, minutes: i64| Feasibility {
            extent: Extent {
                sessions,
                peak_sessions: 500,
                duration_ns: minutes * 60 * NS_PER_S,
                ..Extent::default()
            },
            local_ports: Some(1000),
            open_files: OpenFiles {
                soft: None,
                hard: None,
            },
            ..need(1, 500)
        };
        assert_eq!(need(5000, 10).judge(false).unwrap().len(), 0, "500 + 500");
        let tight = need(5010, 10).judge(false).unwrap();
        assert!(
            tight[0].contains("1001 local ports are needed"),
            "{tight:?}"
        );
        assert!(tight[0].contains("net.ipv4.ip_local_port_range"));
        assert_eq!(need(600, 1).judge(false).unwrap().len(), 0, "600 in all");
        let few = Feasibility {
            local_ports: Some(499),
            ..need(600, 1)
        };
        let refused = few.judge(false).unwrap_err().to_string();
        assert!(
            refused.contains("500 local ports are needed at once"),
            "{refused}"
        );
        assert_eq!(few.judge(true).unwrap().len(), 1);
        assert!(
            few.text()
                .contains("local ports 500 at the peak, 499 there")
        );
        // Those that are opened ahead are open files as well.
        assert_eq!(need(600, 1).files(), 500 + 100 + 64);
        assert_eq!(need(5000, 1).files(), 500 + 128 + 64);
    }

    #[test]
    fn what_cannot_be_done_is_refused_unless_forced_and_what_is_tight_is_said() {
        assert_eq!(need(100_000, 64).judge(false).unwrap().len(), 0, "50 %");
        assert_eq!(need(160_000, 64).judge(false).unwrap().len(), 1, "80 %");
        let refused = need(220_000, 64).judge(false).unwrap_err().to_string();
        assert!(
            refused.contains("110 %") && refused.contains("--force"),
            "{refused}"
        );
        assert_eq!(need(220_000, 64).judge(true).unwrap().len(), 1);
        let refused = need(1, 1000).judge(false).unwrap_err().to_string();
        assert!(refused.contains("1064 open files"), "{refused}");
        assert_eq!(need(1, 1000).judge(true).unwrap().len(), 1);
    }
}
