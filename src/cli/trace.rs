//! `voicelt trace`: looks at a trace, checks it, and accepts an edit by hand.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use super::exit::BadInput;
use super::report::Format;
use super::{made, recover, stdout};
use crate::trace::TraceError;
use crate::trace::bundle::read_table;
use crate::trace::extent::Extent;
use crate::trace::model::{SourceRow, TraceSource};
use crate::trace::stream::Bundle;

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
    Recover(recover::Args),
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
            let bundle = Bundle::open_unsealed(trace).map_err(bad)?;
            let extent = bundle.extent().map_err(bad)?;
            match format {
                Format::Text => info(&bundle, &extent),
                Format::Json => info_json(&bundle, &extent),
            }
        }
        Command::Check { trace } => check(&Bundle::open(trace).map_err(bad)?).map_err(bad)?,
        Command::Recover(args) => return recover::run(args),
        Command::Seal { trace } => {
            let bundle = Bundle::seal(trace).map_err(bad)?;
            format!(
                "{}: sealed as {}\n",
                bundle.dir.display(),
                bundle.manifest.content_blake3
            )
        }
    };
    stdout::print(&said).context("could not write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

fn bad(error: TraceError) -> BadInput {
    BadInput(error.into())
}

fn check(bundle: &Bundle) -> Result<String, TraceError> {
    if bundle.manifest.source == TraceSource::Prepared.name() {
        read_table::<SourceRow>(&bundle.dir)?;
    }
    let extent = bundle.check()?;
    bundle.verify_clips()?;
    Ok(format!(
        "{}: well, with {} sessions and {} clips; content {}\n",
        bundle.dir.display(),
        extent.sessions,
        bundle.clips.len(),
        bundle.manifest.content_blake3
    ))
}

fn info(bundle: &Bundle, extent: &Extent) -> String {
    let manifest = &bundle.manifest;
    let edited = match bundle.is_sealed() {
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
    text.push_str(&made::trace(extent, bundle.clips.len()));
    text.push_str(&format!("content   {}{edited}\n", manifest.content_blake3));
    text
}

fn info_json(bundle: &Bundle, extent: &Extent) -> String {
    let mut measured = json!(extent);
    measured["clips"] = bundle.clips.len().into();
    measured["chunks_per_s"] = extent.chunks_per_s().into();
    measured["megabytes_per_s"] = extent.megabytes_per_s().into();
    let all = json!({
        "manifest": bundle.manifest,
        "sealed": bundle.is_sealed(),
        "extent": measured,
    });
    format!("{all:#}\n")
}
