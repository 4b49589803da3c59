//! One call to the gateway, made as a replay of a trace with one session.

use super::check::Check;
use super::judge::{self, Asked};
use crate::campaign::{RunError, RunSpec};
use crate::replay::{Gateway, ReplayError};
use crate::transport::channel::{Endpoint, TlsOptions};

/// Makes the call of `spec`, which says `synthetic` speech or a recording, and says what came of it. A
/// gateway that cannot be reached has failed the check.
///
/// # Errors
/// Our own failure.
pub fn call(
    spec: &RunSpec,
    endpoint: Endpoint,
    tls: &TlsOptions,
    synthetic: bool,
) -> Result<Vec<Check>, RunError> {
    let extent = spec.extent()?;
    let gateway = Gateway::reach(endpoint, tls).map_err(RunError::from);
    let made = gateway.and_then(|gateway| spec.make(extent, &gateway, &()));
    let report = match made {
        Ok(report) => report,
        Err(RunError::Replay(ReplayError::Unreachable(error))) => {
            return Ok(vec![Check::failed("call", error.found(), error.advice())]);
        }
        // What was written is gone.
        Err(RunError::Stopped { source, .. }) => return Err(source.into()),
        Err(error) => return Err(error),
    };
    let rows = report.run.requests()?.rows;
    let answers = report.run.manifest().spec.answers_by();
    let asked = Asked::of(&spec.engine.dialect, answers, synthetic);
    let checks = rows.first().map(|row| judge::call(row, &asked));
    Ok(checks.unwrap_or_else(|| {
        let (found, advice) = ("the call has no row", "this is a fault of voicelt");
        vec![Check::failed("call", found, advice)]
    }))
}
