//! The whole look at a gateway: the way to it, and a call.

use super::addresses::Found;
use super::call::call;
use super::check::Check;
use super::websocket::SESSION;
use super::{connection, judge, websocket};
use crate::campaign::{RunError, RunSpec};
use crate::clock::wall_ns;
use crate::transport::channel::{ConnectError, Connector, Endpoint, TlsOptions};
use crate::transport::endpoint::Carrier;
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
    let looked = runtime.block_on(look(&connector, spec));
    // A look-up that hangs must not keep the command from its end.
    runtime.shutdown_background();
    let Looked {
        mut checks,
        reached,
        hindrance,
    } = looked;
    match hindrance {
        None => checks.extend(call(spec, endpoint.clone(), tls, synthetic)?),
        Some(why) => checks.push(Check::skipped("call", why)),
    }
    Ok(Examined { checks, reached })
}

/// What was found on the way to a gateway.
struct Looked {
    checks: Vec<Check>,
    reached: bool,
    /// Why no call need be tried.
    hindrance: Option<&'static str>,
}

async fn look(connector: &Connector, spec: &RunSpec) -> Looked {
    const NO_CONNECTION: &str = "there is no connection to make it on";
    const NOT_READY: &str = "it would end as the session above did";
    let endpoint = connector.endpoint();
    let now_s = || wall_ns() / NS_PER_S;
    match endpoint.carrier {
        Carrier::Http2 => {
            let headers = spec.engine.filled_headers(SESSION);
            let found = connection::inspect(connector, &headers).await;
            let reached = matches!(&found, Ok(Found { shown: Some(_), .. }));
            Looked {
                checks: judge::connection(endpoint, found.as_ref(), now_s()),
                reached,
                hindrance: (!reached).then_some(NO_CONNECTION),
            }
        }
        Carrier::WebSocket => {
            let found = websocket::inspect(connector, &spec.engine).await;
            let shown = found.as_ref().ok().and_then(|found| found.shown.as_ref());
            Looked {
                reached: shown.is_some(),
                hindrance: match shown {
                    None => Some(NO_CONNECTION),
                    Some(shown) => (!shown.is_ready()).then_some(NOT_READY),
                },
                checks: judge::websocket(endpoint, found.as_ref(), now_s()),
            }
        }
    }
}
