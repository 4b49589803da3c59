//! What a load will ask of this machine, and whether the machine can do it.

use std::fmt::Write as _;

use super::error::RunError;
use crate::replay::limits::OpenFiles;
use crate::results::manifest::Calibration;
use crate::trace::extent::Extent;
use crate::units::{Human, counted, share_percent};

/// Files that are open besides connections: results, timers, the runtime's own.
const OTHER_FILES: u64 = 64;
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
}

impl Feasibility {
    /// The peak as a share of what the threads that send can send, in percent.
    fn cpu_percent(&self) -> f64 {
        let chunks_per_s = self.extent.peak_chunks_per_s as f64;
        let ns_per_s = chunks_per_s * self.calibration.chunk_cost_ns as f64;
        ns_per_s / 1e9 * 100.0 / self.workers as f64
    }

    fn files(&self) -> u64 {
        u64::from(self.connections) + OTHER_FILES
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
                "{files} open files are needed and {limit} allowed; raise the limit (`ulimit -n`), or let more sessions share a connection (--sessions-per-connection)"
            ));
        }
        if cpu > BUSY_PERCENT {
            findings.push(format!(
                "the peak is {cpu:.0} % of what the threads that send can send; use more --workers, or a larger machine"
            ));
        }
        if (few_files || cpu > 100.0) && !force {
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
        }
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
