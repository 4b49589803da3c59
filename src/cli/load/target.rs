//! The gateway that a load goes to: one that is there, or the reference gateway in this process.

use anyhow::anyhow;

use super::{LoadArgs, told};
use crate::cli::exit::BadInput;
use crate::gateway::{Embedded, GatewaySpec};
use crate::replay::Gateway;
use crate::wire::channel::{Endpoint, Trust};

/// The target that is the reference gateway in this process.
const EMBEDDED: &str = "embedded";

/// A target that answers.
pub(crate) struct Target {
    gateway: Gateway,
    embedded: Option<Embedded>,
}

impl Target {
    /// Opens a connection to the target of `args` and closes it again; starts the reference gateway
    /// where that is the target.
    ///
    /// # Errors
    /// A target that cannot be reached.
    pub(crate) fn open(args: &LoadArgs) -> anyhow::Result<Target> {
        let embedded = match args.target.as_str() {
            EMBEDDED => Some(Embedded::start(GatewaySpec::default())?),
            _ => None,
        };
        let endpoint: Endpoint = match &embedded {
            Some(gateway) => gateway.addr().to_string().parse()?,
            None => args
                .target
                .parse()
                .map_err(|e| BadInput(anyhow!("--target: {e}")))?,
        };
        let trust = Trust {
            ca: args.ca.clone(),
        };
        let gateway = Gateway::reach(endpoint, &trust).map_err(told)?;
        Ok(Target { gateway, embedded })
    }

    /// How it is reached.
    pub(super) fn gateway(&self) -> Gateway {
        self.gateway.clone()
    }

    /// Streams that it allows on a connection; `usize::MAX` for no limit.
    pub(crate) fn stream_limit(&self) -> usize {
        self.gateway.stream_limit
    }

    /// Whether it is the reference gateway in this process.
    pub(crate) fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }

    /// Lets the reference gateway end, where it is in this process.
    ///
    /// # Errors
    /// The gateway's.
    pub(crate) fn close(self) -> anyhow::Result<()> {
        match self.embedded {
            Some(gateway) => gateway.stop().map(|_| ()).map_err(Into::into),
            None => Ok(()),
        }
    }
}
