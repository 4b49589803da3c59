//! The limit of open files, raised as far as it goes: each connection takes one.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_in_force_becomes_the_hard_one() {
        let before = getrlimit(Resource::Nofile);
        let raised = raise_open_files();
        assert_eq!(raised.hard, before.maximum);
        assert_eq!(raised.soft, raised.hard);
        assert_eq!(getrlimit(Resource::Nofile).current, raised.soft);
    }
}
