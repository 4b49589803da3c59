//! What this process and its machine use, sampled once a second.

use crate::clock::process_cpu_ns;
use crate::units::RunTime;

/// What was used since the sample before.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Usage {
    /// Sessions open.
    pub(super) active_sessions: u32,
    /// Virtual users there; `None` in a replay.
    pub(super) users: Option<u32>,
    /// CPU time of this process, in percent of one core.
    pub(super) cpu_percent: f64,
    /// CPU time stolen by the hypervisor, in percent of all cores.
    pub(super) steal_percent: Option<f64>,
    /// Resident memory.
    pub(super) rss_bytes: Option<u64>,
    /// Open file descriptors.
    pub(super) open_fds: Option<u32>,
}

/// Remembers the sample before.
pub(super) struct Sampler {
    at: RunTime,
    cpu_ns: i64,
    ticks: Option<(u64, u64)>,
}

impl Sampler {
    pub(super) fn new() -> Sampler {
        Sampler {
            at: RunTime(0),
            cpu_ns: process_cpu_ns(),
            ticks: machine_ticks(),
        }
    }

    pub(super) fn sample(&mut self, now: RunTime, active_sessions: u32) -> Usage {
        let cpu_ns = process_cpu_ns();
        let ticks = machine_ticks();
        let elapsed_ns = (now.0 - self.at.0).max(1);
        let steal_percent = self.ticks.zip(ticks);
        let steal_percent = steal_percent.map(|(before, after)| stolen_percent(before, after));
        let cpu_percent = (cpu_ns - self.cpu_ns) as f64 * 100.0 / elapsed_ns as f64;
        *self = Sampler {
            at: now,
            cpu_ns,
            ticks,
        };
        let fds = std::fs::read_dir("/proc/self/fd")
            .ok()
            .map(|fds| fds.count() as u32);
        Usage {
            active_sessions,
            users: None,
            cpu_percent,
            steal_percent,
            rss_bytes: rss_bytes(),
            open_fds: fds,
        }
    }
}

/// Ticks of all cores since boot: all of them, and the stolen ones. `None` where the system does not
/// count them.
#[must_use]
pub fn machine_ticks() -> Option<(u64, u64)> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<u64> = stat
        .lines()
        .next()?
        .split_whitespace()
        .skip(1)
        .take(8)
        .flat_map(str::parse)
        .collect();
    Some((ticks.iter().sum(), *ticks.get(7)?))
}

/// CPU time stolen between two readings of [`machine_ticks`], in percent of all cores.
#[must_use]
pub fn stolen_percent(before: (u64, u64), after: (u64, u64)) -> f64 {
    let all = after.0.saturating_sub(before.0).max(1);
    after.1.saturating_sub(before.1) as f64 * 100.0 / all as f64
}

fn rss_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}
