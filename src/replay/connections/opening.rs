//! How connections are opened.

use std::time::Duration;

use crate::results::settings::Balance;

/// How connections are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// Where they go.
    pub balance: Balance,
    /// Whether each is opened at the first session that needs it, instead of when the run starts.
    pub cold: bool,
    /// How often the gateway's name is looked up again; never where it is zero.
    pub resolve_every: Duration,
}

impl Default for Opening {
    /// To each address in turn, when the run starts; the name is looked up every ten seconds.
    fn default() -> Opening {
        Opening {
            balance: Balance::default(),
            cold: false,
            resolve_every: Duration::from_secs(10),
        }
    }
}
