//! `voicelt doctor`: whether a load can be made from this machine on that gateway.

mod args;
mod call;

use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use super::exit::{BadInput, Outcome};
use super::load::not_made;
use super::stderr::say;
use crate::clock::wall_ns;
use crate::doctor;
use crate::doctor::check::{Check, Level, text};
use crate::doctor::connection::{Found, inspect};
use crate::doctor::judge;
use crate::doctor::machine::MachineFacts;
use crate::transport::channel::{ConnectError, Connector, Endpoint};
use crate::units::NS_PER_S;
pub use args::Args;
use call::TrialCall;

/// Looks at all there is and prints what was found.
///
/// # Errors
/// [`BadInput`] for a target, certificates or audio that cannot be read, otherwise our own failure.
pub fn run(args: &Args, quiet: bool) -> anyhow::Result<ExitCode> {
    let call = TrialCall::prepare(args)?;
    let (endpoint, embedded) = args.to.locate()?;
    if !quiet {
        say(&format!(
            "looking at {} and at this machine\n",
            args.to.target
        ));
    }
    let gateway = examine(args, &endpoint, &call)?;
    if let Some(embedded) = embedded {
        embedded.stop()?;
    }
    let machine = judge::machine(&MachineFacts::gather()?);
    let document = json!({
        "target": args.to.target,
        "gateway": gateway.checks,
        "machine": machine,
    });
    let parts: [(&str, &[Check]); 2] = [
        (&args.to.target, &gateway.checks),
        ("this machine", &machine),
    ];
    args.format.print(&document, || text(&parts))?;
    let failed = |check: &Check| check.level == Level::Failed;
    let outcome = match gateway.reached {
        false => Outcome::Unreachable,
        true if gateway.checks.iter().chain(&machine).any(failed) => Outcome::NotMet,
        true => Outcome::Ok,
    };
    Ok(outcome.into())
}

/// What is to be said of a gateway, and whether there was a connection at all.
struct Examined {
    checks: Vec<Check>,
    reached: bool,
}

fn examine(args: &Args, endpoint: &Endpoint, call: &TrialCall) -> anyhow::Result<Examined> {
    let tls = args.to.tls.options();
    let connector = match Connector::new(endpoint.clone(), &tls) {
        Err(error @ ConnectError::Pem { .. }) => return Err(BadInput(error.into()).into()),
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
        .context("cannot start a runtime")?;
    let found = runtime.block_on(inspect(&connector, &args.to.headers));
    // A look-up that hangs must not keep the command from its end.
    runtime.shutdown_background();
    let now_s = wall_ns() / NS_PER_S;
    let mut checks = judge::connection(endpoint, found.as_ref(), now_s);
    let reached = matches!(&found, Ok(Found { shown: Some(_), .. }));
    match reached {
        true => {
            let called = doctor::call::call(&call.spec, endpoint.clone(), &tls, call.synthetic);
            checks.extend(called.map_err(not_made)?);
        }
        false => checks.push(Check::skipped(
            "call",
            "there is no connection to make it on",
        )),
    }
    Ok(Examined { checks, reached })
}
