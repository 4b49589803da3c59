//! `voicelt trace`: looks at a trace, checks it, and accepts an edit by hand.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use super::exit::BadInput;
use super::report::Format;
use super::{made, stdout};
use crate::trace::bundle::read_table;
use crate::trace::manifest::content_hash;
use crate::trace::model::{SourceRow, TraceSource};
use crate::trace::{Trace, TraceError};

/// Look at a trace, check it, or accept an edit of its tables.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show what a trace is and how large
    Info {
        /// Trace bundle
        trace: PathBuf,
        /// For people, or for programs
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Check that tables, seal and the audio of every clip are well; exit code 2 if not
    Check {
        /// Trace bundle
        trace: PathBuf,
    },
    /// Accept an edit of the tables: recompute the counts and the hash in trace.json
    Seal {
        /// Trace bundle
        trace: PathBuf,
    },
}

/// Does what was asked and prints the result.
///
/// # Errors
/// [`BadInput`] for a trace that cannot be read or is not well; otherwise a failure to write.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let said = match &args.command {
        Command::Info { trace, format } => {
            let trace = Trace::open_unsealed(trace).map_err(bad)?;
            match format {
                Format::Text => info(&trace),
                Format::Json => info_json(&trace),
            }
        }
        Command::Check { trace } => check(&Trace::open(trace).map_err(bad)?).map_err(bad)?,
        Command::Seal { trace } => {
            let mut trace = Trace::open_unsealed(trace).map_err(bad)?;
            trace.seal()?;
            format!(
                "{}: sealed as {}\n",
                trace.dir.display(),
                trace.manifest.content_blake3
            )
        }
    };
    stdout::print(&said).context("could not write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

fn bad(error: TraceError) -> BadInput {
    BadInput(error.into())
}

fn check(trace: &Trace) -> Result<String, TraceError> {
    if trace.manifest.source == TraceSource::Prepared.name() {
        read_table::<SourceRow>(&trace.dir)?;
    }
    trace.verify_clips()?;
    Ok(format!(
        "{}: well, with {} sessions and {} clips; content {}\n",
        trace.dir.display(),
        trace.sessions.len(),
        trace.clips.len(),
        trace.manifest.content_blake3
    ))
}

fn is_sealed(trace: &Trace) -> bool {
    let hash = content_hash(&trace.sessions, &trace.turns, &trace.events, &trace.clips);
    hash == trace.manifest.content_blake3
}

fn info(trace: &Trace) -> String {
    let manifest = &trace.manifest;
    let edited = match is_sealed(trace) {
        true => "",
        false => " (edited since; accept it with `voicelt trace seal`)",
    };
    let seed = manifest
        .seed
        .map_or("none".to_owned(), |seed| seed.to_string());
    let mut text = format!(
        "name      {}\n\
         made      {} at {} by {}, format {}\n\
         seed      {seed}\n",
        manifest.name, manifest.source, manifest.created_at, manifest.tool, manifest.format
    );
    text.push_str(&made::trace(&trace.extent(), trace.clips.len()));
    text.push_str(&format!("content   {}{edited}\n", manifest.content_blake3));
    text
}

fn info_json(trace: &Trace) -> String {
    let extent = trace.extent();
    let all = json!({
        "manifest": trace.manifest,
        "sealed": is_sealed(trace),
        "extent": {
            "sessions": extent.sessions,
            "turns": extent.turns,
            "clips": trace.clips.len(),
            "chunks": extent.chunks,
            "bytes": extent.bytes,
            "peak_sessions": extent.peak_sessions,
            "duration_ns": extent.duration_ns,
            "chunks_per_s": extent.chunks_per_s(),
            "megabytes_per_s": extent.megabytes_per_s(),
        },
    });
    format!("{all:#}\n")
}
