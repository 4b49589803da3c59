//! The whole look at a gateway: the way to it, and a call.

use super::call::call;
use super::check::Check;
use super::connection::{Found, inspect};
use super::judge;
use crate::campaign::{RunError, RunSpec};
use crate::clock::wall_ns;
use crate::transport::channel::{ConnectError, Connector, Endpoint, TlsOptions};
use crate::units::NS_PER_S;

/// What is to be said of a gateway.
#[derive(Debug)]
pub struct Examined {
    /// What was found.
    pub checks: Vec<Check>,
    /// Whether there was a connection at all.
    pub reached: bool,
}

/// Why nothing can be said of a gateway.
#[derive(Debug, thiserror::Error)]
pub enum ExamineError {
    /// The certificates to be used cannot be read.
    #[error(transparent)]
    Pem(ConnectError),
    /// The system gave no runtime.
    #[error("cannot start a runtime: {0}")]
    Runtime(#[source] std::io::Error),
    /// The call could not be made, by no fault of the gateway's.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Looks at the gateway at `endpoint`, and makes the call `spec` of it where it can be reached.
///
/// # Errors
/// What keeps this machine from looking; what keeps the gateway from answering is found.
pub fn examine(
    endpoint: &Endpoint,
    tls: &TlsOptions,
    spec: &RunSpec,
    synthetic: bool,
) -> Result<Examined, ExamineError> {
    let connector = match Connector::new(endpoint.clone(), tls) {
        Err(error @ ConnectError::Pem { .. }) => return Err(ExamineError::Pem(error)),
        Err(error) => {
            return Ok(Examined {
                checks: vec![Check::failed("tls", error.found(), error.advice())],
                reached: false,
            });
        }
        Ok(connector) => connector,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ExamineError::Runtime)?;
    let found = runtime.block_on(inspect(&connector, &spec.engine.headers));
    // A look-up that hangs must not keep the command from its end.
    runtime.shutdown_background();
    let mut checks = judge::connection(endpoint, found.as_ref(), wall_ns() / NS_PER_S);
    let reached = matches!(&found, Ok(Found { shown: Some(_), .. }));
    match reached {
        true => checks.extend(call(spec, endpoint.clone(), tls, synthetic)?),
        false => checks.push(Check::skipped(
            "call",
            "there is no connection to make it on",
        )),
    }
    Ok(Examined { checks, reached })
}
