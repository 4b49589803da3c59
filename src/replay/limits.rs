//! What connections take of this machine: each an open file, whose limit is raised as far as it goes, and a
//! local port.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many files this process may have open; `None` where there is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OpenFiles {
    /// In force.
    pub soft: Option<u64>,
    /// As far as the process may raise it.
    pub hard: Option<u64>,
}

/// Raises the limit in force to the hard one and returns both as they then are; where the system
/// refuses, the limit stays as it was.
pub fn raise_open_files() -> OpenFiles {
    let before = getrlimit(Resource::Nofile);
    if before.current != before.maximum {
        // What is refused is seen in what is read back.
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: before.maximum,
                maximum: before.maximum,
            },
        );
    }
    let after = getrlimit(Resource::Nofile);
    OpenFiles {
        soft: after.current,
        hard: after.maximum,
    }
}

/// Local ports from which one address and port can be connected to; `None` where the system does not say.
#[must_use]
pub fn local_ports() -> Option<u64> {
    // IPv6 has the same range.
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    ports_of(&range)
}

/// How many ports there are from the first to the last, of which the first is no higher.
fn ports_of(range: &str) -> Option<u64> {
    let mut ends = range.split_whitespace().map(str::parse::<u64>);
    let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
    last.checked_sub(first)?.checked_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_ports_has_both_its_ends() {
        assert_eq!(ports_of("32768\t60999\n"), Some(28_232));
        assert_eq!(ports_of("1024 1024"), Some(1));
        for none in ["", "7", "9 1", "many more"] {
            assert_eq!(ports_of(none), None, "{none}");
        }
    }

    #[test]
    fn the_limit_in_force_becomes_the_hard_one() {
        let before = getrlimit(Resource::Nofile);
        let raised = raise_open_files();
        assert_eq!(raised.hard, before.maximum);
        assert_eq!(raised.soft, raised.hard);
        assert_eq!(getrlimit(Resource::Nofile).current, raised.soft);
    }
}
