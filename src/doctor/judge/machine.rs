//! What this machine can be relied on for.

use crate::doctor::check::Check;
use crate::doctor::machine::MachineFacts;
use crate::replay::default_workers;
use crate::replay::limits::OpenFiles;
use crate::replay::verdict::{STEAL_PERCENT, TIMER_ERROR_P99_NS};
use crate::results::manifest::Calibration;
use crate::units::Human;

/// Sessions that figures are worked out for.
const SESSIONS: u64 = 1_000;
/// Chunks a second of as many.
const CHUNKS_PER_S: f64 = 50_000.0;
/// Files that are open besides connections.
const OTHER_FILES: u64 = 64;
/// Largest share of the cores that sending may take without a warning, in percent.
const BUSY_PERCENT: f64 = 70.0;
/// A reading of the clock that takes longer goes through the kernel.
const SLOW_READING_NS: i64 = 500;
/// A coarser clock blurs what is measured.
const COARSE_STEP_NS: i64 = 1_000;
/// Share of the cores that others may use without a warning, in percent.
const OTHERS_PERCENT: f64 = 50.0;
/// Memory for audio, rows and a thousand sessions.
const LEAST_MEMORY_BYTES: u64 = 512 * 1024 * 1024;

/// Everything that is to be said of this machine.
#[must_use]
pub fn machine(facts: &MachineFacts) -> Vec<Check> {
    vec![
        clock(facts),
        timer(&facts.calibration),
        chunks(&facts.calibration, facts.cores),
        cores(facts),
        governor(&facts.governors),
        steal(facts.steal_percent),
        load(facts.load_average, facts.cores),
        files(facts.open_files),
        ports(facts.ports),
        memory(facts.memory_bytes),
    ]
}

fn clock(facts: &MachineFacts) -> Check {
    let source = facts.clock_source.as_deref().unwrap_or("not exposed");
    let found = format!(
        "source {source}, steps of {}, a reading takes {}",
        Human(facts.clock_step_ns),
        Human(facts.clock_reading_ns)
    );
    if facts.clock_step_ns > COARSE_STEP_NS {
        return Check::warning(
            "clock",
            found,
            "the clock is too coarse to trust latencies below its steps; use another machine",
        );
    }
    match facts.clock_reading_ns > SLOW_READING_NS {
        true => Check::warning(
            "clock",
            found,
            "readings are slow; let the kernel use tsc, or the hypervisor's clock, as its source",
        ),
        false => Check::ok("clock", found),
    }
}

fn timer(measured: &Calibration) -> Check {
    let found = format!(
        "wakes {} late at the median, {} at p99, {} at most",
        Human(measured.timer_error_p50_ns),
        Human(measured.timer_error_p99_ns),
        Human(measured.timer_error_max_ns)
    );
    match measured.timer_error_p99_ns > TIMER_ERROR_P99_NS {
        true => Check::warning(
            "timer",
            found,
            "runs will be called degraded (over 500 µs at p99); stop what else runs here",
        ),
        false => Check::ok("timer", found),
    }
}

fn chunks(measured: &Calibration, cores: usize) -> Check {
    let senders = default_workers(cores);
    let needed_ns_per_s = CHUNKS_PER_S * measured.chunk_cost_ns as f64;
    let percent = needed_ns_per_s / 1e9 * 100.0 / senders as f64;
    let found = format!(
        "{} a chunk: {SESSIONS} sessions of 20 ms chunks are {percent:.0} % of what sending has ({senders} of {cores} cores)",
        Human(measured.chunk_cost_ns)
    );
    match percent > BUSY_PERCENT {
        true => Check::warning(
            "sending",
            found,
            "make smaller loads here, or use a machine with more or faster cores",
        ),
        false => Check::ok("sending", found),
    }
}

fn cores(facts: &MachineFacts) -> Check {
    match facts.cpu_quota {
        Some(quota) => Check::warning(
            "cores",
            format!("{}, and a quota of {quota:.1} cores", facts.cores),
            "a quota stops all threads when it is used up, and wake-ups come late: \
             give the container whole cores and no limit",
        ),
        None => Check::ok("cores", format!("{}, without a quota", facts.cores)),
    }
}

fn governor(governors: &[String]) -> Check {
    let found = governors.join(", ");
    match governors {
        [] => Check::skipped("governor", "not exposed (usual in virtual machines)"),
        [one] if one == "performance" => Check::ok("governor", found),
        _ => Check::warning(
            "governor",
            found,
            "cores slow down between chunks; `cpupower frequency-set -g performance` keeps them fast",
        ),
    }
}

fn steal(percent: Option<f64>) -> Check {
    let Some(percent) = percent else {
        return Check::skipped("steal", "not counted on this system");
    };
    let found = format!("{percent:.1} % of the processor went to other virtual machines");
    match percent > STEAL_PERCENT {
        true => Check::warning(
            "steal",
            found,
            "use a machine with cores of its own; runs are called degraded over 5 %",
        ),
        false => Check::ok("steal", found),
    }
}

fn load(average: Option<f64>, cores: usize) -> Check {
    let Some(average) = average else {
        return Check::skipped("load", "not counted on this system");
    };
    let percent = average * 100.0 / cores.max(1) as f64;
    let found = format!("{average:.2} processes wanted to run over the last minute");
    match percent > OTHERS_PERCENT {
        true => Check::warning("load", found, "stop what else runs here before a load"),
        false => Check::ok("load", found),
    }
}

fn files(open: OpenFiles) -> Check {
    let Some(soft) = open.soft else {
        return Check::ok("open files", "no limit");
    };
    let sessions = soft.saturating_sub(OTHER_FILES);
    let found =
        format!("{soft} may be open, enough for {sessions} sessions with a connection each");
    let advice = "raise the hard limit (`ulimit -Hn`, or LimitNOFILE= of the service)";
    match sessions {
        0 => Check::failed("open files", found, advice),
        1..SESSIONS => Check::warning("open files", found, advice),
        _ => Check::ok("open files", found),
    }
}

fn ports(ports: Option<u64>) -> Check {
    let Some(ports) = ports else {
        return Check::skipped("local ports", "not exposed on this system");
    };
    let found = format!("{ports} for connections to one address of the gateway");
    match ports < SESSIONS {
        true => Check::warning("local ports", found, "widen net.ipv4.ip_local_port_range"),
        false => Check::ok("local ports", found),
    }
}

fn memory(bytes: Option<u64>) -> Check {
    let Some(bytes) = bytes else {
        return Check::skipped("memory", "not exposed on this system");
    };
    let found = format!("{} MB available", bytes / 1_000_000);
    match bytes < LEAST_MEMORY_BYTES {
        true => Check::warning(
            "memory",
            found,
            "free some, or keep less audio ready with --clip-memory",
        ),
        false => Check::ok("memory", found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::text;

    fn good() -> MachineFacts {
        MachineFacts {
            clock_source: Some("tsc".to_owned()),
            clock_step_ns: 1,
            clock_reading_ns: 40,
            open_files: OpenFiles {
                soft: Some(65_536),
                hard: Some(65_536),
            },
            calibration: Calibration {
                pacer: "timerfd".to_owned(),
                timer_error_p50_ns: 3_000,
                timer_error_p99_ns: 60_000,
                timer_error_max_ns: 90_000,
                chunk_cost_ns: 7_000,
            },
            steal_percent: Some(0.0),
            governors: vec!["performance".to_owned()],
            load_average: Some(0.2),
            cores: 8,
            cpu_quota: None,
            ports: Some(28_232),
            memory_bytes: Some(8_000_000_000),
        }
    }

    #[test]
    fn a_good_machine_is_all_right() {
        insta::assert_snapshot!(text(&[("machine", &machine(&good()))]), @r"
        machine
          ok       clock        source tsc, steps of 1 ns, a reading takes 40 ns
          ok       timer        wakes 3.00 µs late at the median, 60.0 µs at p99, 90.0 µs at most
          ok       sending      7.00 µs a chunk: 1000 sessions of 20 ms chunks are 9 % of what sending has (4 of 8 cores)
          ok       cores        8, without a quota
          ok       governor     performance
          ok       steal        0.0 % of the processor went to other virtual machines
          ok       load         0.20 processes wanted to run over the last minute
          ok       open files   65536 may be open, enough for 65472 sessions with a connection each
          ok       local ports  28232 for connections to one address of the gateway
          ok       memory       8000 MB available

        nothing stands in the way of a load
        ");
    }

    #[test]
    fn each_fault_is_told_by_its_own_line() {
        type Spoil = fn(&mut MachineFacts);
        let faults: [(&str, &str, Spoil); 12] = [
            ("clock", "warning", |m| m.clock_reading_ns = 900),
            ("clock", "warning", |m| m.clock_step_ns = 4_000_000),
            ("timer", "warning", |m| {
                m.calibration.timer_error_p99_ns = 500_001;
            }),
            ("sending", "warning", |m| {
                m.calibration.chunk_cost_ns = 60_000;
            }),
            ("cores", "warning", |m| m.cpu_quota = Some(1.5)),
            ("governor", "warning", |m| {
                m.governors = vec!["powersave".to_owned()];
            }),
            ("steal", "warning", |m| m.steal_percent = Some(5.1)),
            ("load", "warning", |m| m.load_average = Some(4.1)),
            ("open files", "warning", |m| m.open_files.soft = Some(256)),
            ("open files", "failed", |m| m.open_files.soft = Some(64)),
            ("local ports", "warning", |m| m.ports = Some(999)),
            ("memory", "warning", |m| m.memory_bytes = Some(1)),
        ];
        for (name, level, spoil) in faults {
            let mut facts = good();
            spoil(&mut facts);
            let told = machine(&facts);
            let bad: Vec<_> = told.iter().filter(|c| c.advice.is_some()).collect();
            assert_eq!(bad.len(), 1, "{bad:?}");
            assert_eq!((bad[0].name, bad[0].level.name()), (name, level));
        }
    }

    #[test]
    fn what_a_system_hides_is_skipped() {
        let hidden = MachineFacts {
            clock_source: None,
            steal_percent: None,
            governors: Vec::new(),
            load_average: None,
            ports: None,
            memory_bytes: None,
            open_files: OpenFiles {
                soft: None,
                hard: None,
            },
            ..good()
        };
        let told = machine(&hidden);
        let levels: Vec<_> = told.iter().map(|check| check.level.name()).collect();
        let expected = [
            "ok", "ok", "ok", "ok", "skipped", "skipped", "skipped", "ok", "skipped", "skipped",
        ];
        assert_eq!(levels, expected);
    }
}
