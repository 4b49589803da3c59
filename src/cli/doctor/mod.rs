//! `voicelt doctor`: whether a load can be made from this machine on that gateway.

mod args;
mod call;

use std::process::ExitCode;

use anyhow::anyhow;
use serde_json::json;

use super::exit::Outcome;
use super::load::not_made;
use super::prepare::bad;
use super::stderr::say;
use crate::dialect::Carrier;
use crate::doctor::check::{Check, Level, text};
use crate::doctor::gateway::{ExamineError, examine};
use crate::doctor::judge;
use crate::doctor::machine::MachineFacts;
pub use args::Args;
use call::TrialCall;

/// Looks at all there is and prints what was found.
///
/// # Errors
/// [`super::exit::BadInput`] for a target, certificates, audio or files of the protocol that cannot be read, otherwise our own failure.
pub fn run(args: &Args, quiet: bool) -> anyhow::Result<ExitCode> {
    if args.to.webhook.is_some() {
        return Err(bad(anyhow!(
            "doctor tells no webhook of a call; give the URL of the bot that it would answer with as the --target"
        )));
    }
    let protocol = args.protocol.resolve(&args.to)?;
    let sessions = match protocol.dialect.nature().carrier {
        Carrier::Http2 => 1,
        // One is begun to see what the server says, and one is the call.
        Carrier::WebSocket => 2,
    };
    args.protocol.check_calls(Some(sessions))?;
    let call = TrialCall::prepare(args, &protocol)?;
    let (endpoint, embedded) = args.to.locate(&protocol.dialect)?;
    let target = args.to.shown();
    if !quiet {
        say(&format!("looking at {target} and at this machine\n"));
    }
    let tls = args.to.tls.options();
    let gateway = examine(&endpoint, &tls, &call.spec, call.synthetic).map_err(failed)?;
    if let Some(embedded) = embedded {
        embedded.stop()?;
    }
    let machine = judge::machine(&MachineFacts::gather()?);
    let document = json!({
        "target": target,
        "gateway": gateway.checks,
        "machine": machine,
    });
    let parts: [(&str, &[Check]); 2] = [(&target, &gateway.checks), ("this machine", &machine)];
    args.format.print(&document, || text(&parts))?;
    let is_failure = |check: &Check| check.level == Level::Failed;
    let outcome = match gateway.reached {
        false => Outcome::Unreachable,
        true if gateway.checks.iter().chain(&machine).any(is_failure) => Outcome::NotMet,
        true => Outcome::Ok,
    };
    Ok(outcome.into())
}

fn failed(error: ExamineError) -> anyhow::Error {
    match error {
        ExamineError::Pem(error) => bad(error),
        ExamineError::Run(error) => not_made(error),
        error @ ExamineError::Runtime(_) => error.into(),
    }
}
