//! What this machine is like as far as a load depends on it, read from `/proc`, `/sys` and the
//! system. What is not there (another system, a container that hides it) is `None`.

use std::fs::read_to_string;
use std::io;
use std::path::Path;

use rustix::time::{ClockId, clock_getres};

use crate::clock::monotonic_ns;
use crate::dialect::Dialect;
use crate::replay::ReplaySpec;
use crate::replay::calibrate::calibrate;
use crate::replay::limits::{OpenFiles, local_ports, raise_open_files};
use crate::replay::process::{machine_ticks, stolen_percent};
use crate::results::manifest::Calibration;
use crate::results::settings::PacerKind;
use crate::units::NS_PER_S;

/// Readings of the clock that are timed.
const READINGS: i64 = 1_000;

/// What this machine is like.
#[derive(Debug, Clone, PartialEq)]
pub struct MachineFacts {
    /// Where the kernel takes the time from.
    pub clock_source: Option<String>,
    /// Least step of the monotonic clock.
    pub clock_step_ns: i64,
    /// What a reading of it takes.
    pub clock_reading_ns: i64,
    /// Files that may be open.
    pub open_files: OpenFiles,
    /// Punctuality and speed, measured.
    pub calibration: Calibration,
    /// CPU time stolen by the hypervisor while that was measured, in percent of all cores.
    pub steal_percent: Option<f64>,
    /// What decides on the processor's frequency, each once; empty where it is not exposed.
    pub governors: Vec<String>,
    /// Processes that wanted to run, on average over the last minute, before the measurement.
    pub load_average: Option<f64>,
    /// Cores that this process may use.
    pub cores: usize,
    /// CPU time that the process group may use a second, in cores; `None` without a quota.
    pub cpu_quota: Option<f64>,
    /// Local ports for outgoing connections.
    pub ports: Option<u64>,
    /// Memory that is free or can be made so.
    pub memory_bytes: Option<u64>,
}

impl MachineFacts {
    /// Looks at this machine; takes about half a second.
    ///
    /// # Errors
    /// Timer or speed cannot be measured.
    pub fn gather() -> io::Result<MachineFacts> {
        let load_average = number(&read_to_string("/proc/loadavg").unwrap_or_default());
        let before = machine_ticks();
        let calibration = calibrate(
            PacerKind::default(),
            ReplaySpec::default().spin_ns,
            &Dialect::StreamAudio,
        )?;
        let steal_percent = before
            .zip(machine_ticks())
            .filter(|(before, after)| after.0 > before.0)
            .map(|(before, after)| stolen_percent(before, after));
        let step = clock_getres(ClockId::Monotonic);
        Ok(MachineFacts {
            clock_source: clock_source(),
            clock_step_ns: step.tv_sec * NS_PER_S + step.tv_nsec,
            clock_reading_ns: clock_reading_ns(),
            open_files: raise_open_files(),
            calibration,
            steal_percent,
            governors: governors(Path::new("/sys/devices/system/cpu")),
            load_average,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            cpu_quota: cpu_quota(),
            ports: local_ports(),
            memory_bytes: read_to_string("/proc/meminfo")
                .ok()
                .and_then(|info| available_bytes(&info)),
        })
    }
}

fn number(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}

fn clock_source() -> Option<String> {
    let source = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    Some(read_to_string(source).ok()?.trim().to_owned())
}

fn clock_reading_ns() -> i64 {
    let begun = monotonic_ns();
    let mut last = begun;
    for _ in 0..READINGS {
        last = monotonic_ns();
    }
    (last - begun) / READINGS
}

fn governors(cpus: &Path) -> Vec<String> {
    let cpus = std::fs::read_dir(cpus).into_iter().flatten().flatten();
    let named = cpus.filter_map(|cpu| {
        let governor = read_to_string(cpu.path().join("cpufreq/scaling_governor")).ok()?;
        Some(governor.trim().to_owned())
    });
    let mut governors: Vec<String> = named.collect();
    governors.sort_unstable();
    governors.dedup();
    governors
}

/// The tightest quota of this process's control group and those around it.
fn cpu_quota() -> Option<f64> {
    let groups = read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let own = Path::new("/sys/fs/cgroup").join(own.trim_start_matches('/'));
    let around = own
        .ancestors()
        .take_while(|path| path.starts_with("/sys/fs/cgroup"));
    let quotas = around.filter_map(|path| quota(&read_to_string(path.join("cpu.max")).ok()?));
    quotas.reduce(f64::min)
}

/// Cores of `cpu.max`: microseconds in a period, and the period.
fn quota(text: &str) -> Option<f64> {
    let (most, period) = text.trim().split_once(' ')?;
    let (most, period): (f64, f64) = (most.parse().ok()?, period.parse().ok()?);
    (period > 0.0).then(|| most / period)
}

fn available_bytes(info: &str) -> Option<u64> {
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_read() {
        assert_eq!(quota("150000 100000\n"), Some(1.5));
        assert_eq!(
            (quota("max 100000"), quota(""), quota("1 0")),
            (None, None, None)
        );
        let info = "MemTotal:  9 kB\nMemAvailable:   2048 kB\n";
        assert_eq!(available_bytes(info), Some(2_097_152));
        assert_eq!(available_bytes("MemTotal: 9 kB"), None);
        assert_eq!((number("0.52 0.58 1/2 3"), number("")), (Some(0.52), None));
    }

    #[test]
    fn each_governor_is_named_once() {
        let cpus = tempfile::tempdir().unwrap();
        for (cpu, governor) in [
            ("cpu0", "powersave"),
            ("cpu1", "powersave"),
            ("cpu2", "performance"),
        ] {
            let folder = cpus.path().join(cpu).join("cpufreq");
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("scaling_governor"), format!("{governor}\n")).unwrap();
        }
        std::fs::create_dir(cpus.path().join("cpuidle")).unwrap();
        assert_eq!(governors(cpus.path()), ["performance", "powersave"]);
        assert_eq!(governors(Path::new("/nowhere")), Vec::<String>::new());
    }
}
