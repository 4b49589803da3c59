//! `voicelt dialect check`: what would be sent as a description has it, and what is understood of replies.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};

use super::description::{described, read};
use crate::cli::exit::BadInput;
use crate::cli::stdout;
use crate::conversation::message::Start;
use crate::dialect::described::{Described, Session, understood};

/// The session that stands for those of a trace.
const SESSION: &str = "session-1";

/// Say what would be sent as a description has it, and what is understood of replies; exit code 2 if it is wrong
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  voicelt dialect check proto/dialects/vosk.toml
  voicelt dialect check proto/dialects/vosk.toml --sample replies.jsonl")]
pub(super) struct Args {
    /// Description of a dialect, a TOML file
    description: PathBuf,
    /// Replies of a server, a line of JSON each; those of gRPC as protobuf's JSON
    #[arg(long, value_name = "FILE")]
    sample: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    described(&args.description, &|name| std::env::var(name).ok())?;
    // What variables hold may be secret. In JSON without quotes only a number may stand in their place.
    let read_with = |shown: &str| {
        let env = |name: &str| std::env::var_os(name).map(|_| shown.to_owned());
        described(&args.description, &env)
    };
    let described = Arc::new(read_with("(hidden)").or_else(|_| read_with("0"))?);
    let start = Start {
        session_id: SESSION.to_owned(),
        language_code: "en-US".to_owned(),
        sample_rate_hz: 16_000,
    };
    let mut said = String::new();
    for (label, text) in described.sent(&start) {
        line(&mut said, label, &text);
    }
    if let Some(sample) = &args.sample {
        said.push('\n');
        let text =
            read(sample).with_context(|| format!("--sample: cannot read {}", sample.display()));
        let text = text.map_err(BadInput)?;
        let heard = replies(&described, start, &text);
        let heard = heard.map_err(|(number, what)| {
            BadInput(anyhow!(
                "--sample: {}, line {number}: {what}",
                sample.display()
            ))
        });
        said.push_str(&heard?);
    }
    stdout::show(&said)
}

/// What is understood of each line; the number of a line that cannot be read, and why.
fn replies(
    described: &Arc<Described>,
    start: Start,
    text: &str,
) -> Result<String, (usize, String)> {
    let mut session = Session::new(
        described.clone(),
        vec![String::new(); described.vars().len()],
    );
    session.start(0, start);
    let mut said = String::new();
    for (number, reply) in (1..).zip(text.lines()) {
        if reply.trim().is_empty() {
            continue;
        }
        let message = described.sample(reply).map_err(|what| (number, what))?;
        let mut heard = Vec::new();
        let decoded = session.decode(&message, &mut |reply| heard.push(understood(&reply)));
        decoded.map_err(|what| (number, what.to_owned()))?;
        if heard.is_empty() {
            heard.push("nothing".to_owned());
        }
        line(&mut said, &format!("line {number}"), &heard.join("; "));
    }
    Ok(said)
}

fn line(said: &mut String, label: &str, text: &str) {
    // Into a String it cannot fail.
    let _ = writeln!(said, "{label:<14}{text}");
}
