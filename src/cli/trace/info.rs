//! `voicelt trace info`: what a trace is, how large, and how its calls come over time.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;

use super::errors::bad;
use super::plot;
use crate::cli::outputs::Format;
use crate::cli::{stdout, summary_text};
use crate::trace::extent::Extent;
use crate::trace::profile::{Lengths, Profile};
use crate::trace::stream::Bundle;
use crate::units::{Human, plain};

/// Lines of each plot.
const PLOT_LINES: usize = 4;

/// Show what a trace is, how large, and how its calls come over time
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  voicelt trace info calls.vtrace

The dispersion is the variance over the mean of the number of starts in windows of ten mean gaps;
the variation is the standard deviation over the mean of the gaps between starts. Both are 0 when
calls come evenly, 1 when they come at random (Poisson), and more when they come in bursts.")]
pub(super) struct Args {
    /// Trace bundle
    trace: PathBuf,
    /// For people, or for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let bundle = Bundle::open_unsealed(&args.trace).map_err(bad)?;
    let extent = bundle.extent().map_err(bad)?;
    let profile = Profile::of(&bundle).map_err(bad)?;
    let written = match args.format {
        Format::Text => stdout::show(&text(&bundle, &extent, &profile, stdout::width())),
        Format::Json => stdout::print(&json(&bundle, &extent, &profile)),
    };
    written.context("could not write to standard output")
}

fn text(bundle: &Bundle, extent: &Extent, profile: &Profile, width: usize) -> String {
    let manifest = &bundle.manifest;
    let edited = match bundle.is_sealed() {
        true => "",
        false => " (edited since; accept it with `voicelt trace seal`)",
    };
    let seed = manifest
        .seed
        .map_or("none".to_owned(), |seed| seed.to_string());
    let day = manifest.delete_after.as_ref();
    let day = day.map_or(String::new(), |day| {
        format!("; to be deleted by {}", plain(day))
    });
    let holds = match manifest.contains.is_empty() {
        true => "neither audio nor text of callers".to_owned(),
        false => plain(&manifest.contains.join(", ")).into_owned(),
    };
    [
        format!(
            "name      {}\n\
             made      {} at {} by {}, format {}\n\
             holds     {holds}{day}\n\
             seed      {seed}\n",
            plain(&manifest.name),
            plain(&manifest.source),
            plain(&manifest.created_at),
            plain(&manifest.tool),
            plain(&manifest.format)
        ),
        summary_text::trace(extent, bundle.clips.len()),
        lengths("sessions", profile.session_lengths()),
        lengths("turns", profile.turn_lengths()),
        burstiness(profile),
        format!("content   {}{edited}\n", plain(&manifest.content_blake3)),
        plots(profile, width),
    ]
    .concat()
}

fn lengths(of: &str, lengths: Option<Lengths>) -> String {
    let Some(lengths) = lengths else {
        return String::new();
    };
    format!(
        "{of:8}  {} at p50, {} at p95, from {} to {}\n",
        Human(lengths.p50_ns),
        Human(lengths.p95_ns),
        Human(lengths.min_ns),
        Human(lengths.max_ns)
    )
}

fn burstiness(profile: &Profile) -> String {
    let dispersion = profile.dispersion().map(|dispersion| {
        let window = Human(dispersion.window_ns);
        format!("dispersion {:.2} in windows of {window}", dispersion.index)
    });
    let variation = profile.gap_variation();
    let variation = variation.map(|variation| format!("variation of gaps {variation:.2}"));
    let figures: Vec<_> = dispersion.into_iter().chain(variation).collect();
    match figures.is_empty() {
        true => String::new(),
        false => format!(
            "arrivals  {} (0 even, 1 random, more in bursts)\n",
            figures.join(", ")
        ),
    }
}

fn plots(profile: &Profile, width: usize) -> String {
    let duration_ns = profile.duration_ns();
    if duration_ns == 0 {
        return String::new();
    }
    let columns = plot::columns(width);
    let part = Human(duration_ns / columns as i64);
    let starts = profile.starts_in(columns);
    let sessions = profile.sessions_in(columns);
    format!(
        "\nstarts in each {part}\n{}\nsessions at a time\n{}{}",
        plot::bars(&starts, PLOT_LINES),
        plot::bars(&sessions, PLOT_LINES),
        plot::axis(&Human(duration_ns).to_string(), columns)
    )
}

fn json(bundle: &Bundle, extent: &Extent, profile: &Profile) -> String {
    let mut measured = json!(extent);
    measured["clips"] = bundle.clips.len().into();
    measured["chunks_per_s"] = extent.chunks_per_s().into();
    measured["megabytes_per_s"] = extent.megabytes_per_s().into();
    let all = json!({
        "manifest": bundle.manifest,
        "sealed": bundle.is_sealed(),
        "extent": measured,
        "session_lengths": profile.session_lengths(),
        "turn_lengths": profile.turn_lengths(),
        "gap_variation": profile.gap_variation(),
        "dispersion": profile.dispersion(),
    });
    format!("{all:#}\n")
}
