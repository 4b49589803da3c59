//! `voicelt trace info`: what a trace is, how large, and how its calls come over time.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::plot;
use crate::cli::format::Format;
use crate::cli::load::bundle_at;
use crate::cli::prepare::bad;
use crate::cli::stdout;
use crate::cli::summary_text::Lines;
use crate::storage::Location;
use crate::trace::extent::Extent;
use crate::trace::profile::{Lengths, Profile};
use crate::trace::stream::Bundle;
use crate::units::Human;

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
    let bundle = match Location::of_path(&args.trace).map_err(bad)? {
        Location::Folder(folder) => Bundle::open_unsealed(&folder).map_err(bad)?,
        Location::Bucket(_) => bundle_at(&args.trace).map_err(bad)?,
    };
    let extent = bundle.extent().map_err(bad)?;
    let profile = Profile::of(&bundle).map_err(bad)?;
    let json = json(&bundle, &extent, &profile);
    args.format
        .print(&json, || text(&bundle, &extent, &profile, stdout::width()))
}

fn text(bundle: &Bundle, extent: &Extent, profile: &Profile, width: usize) -> String {
    let manifest = &bundle.manifest;
    let (source, at) = (&manifest.source, &manifest.created_at);
    let (tool, format) = (&manifest.tool, &manifest.format);
    let holds = match manifest.contains.is_empty() {
        true => "neither audio nor text of callers".to_owned(),
        false => manifest.contains.join(", "),
    };
    let day = manifest.delete_after.as_ref();
    let day = day.map(|day| format!("; to be deleted by {day}"));
    let seed = manifest.seed.map(|seed| seed.to_string());
    let edited = match bundle.is_sealed() {
        true => "",
        false => " (edited since; accept it with `voicelt trace seal`)",
    };
    let mut lines = Lines::default();
    lines.line("name", &manifest.name);
    lines.line(
        "made",
        format_args!("{source} at {at} by {tool}, format {format}"),
    );
    lines.line("holds", holds + &day.unwrap_or_default());
    lines.line("seed", seed.as_deref().unwrap_or("none"));
    lines.trace(extent, bundle.clips.len());
    lengths(&mut lines, "sessions", profile.session_lengths());
    lengths(&mut lines, "turns", profile.turn_lengths());
    burstiness(&mut lines, profile);
    let content = manifest.content_blake3.clone() + edited;
    lines.line("content", content);
    lines.into_text() + &plots(profile, width)
}

fn lengths(lines: &mut Lines, of: &str, lengths: Option<Lengths>) {
    if let Some(lengths) = lengths {
        let [p50, p95] = [lengths.p50_ns, lengths.p95_ns].map(Human);
        let [min, max] = [lengths.min_ns, lengths.max_ns].map(Human);
        lines.line(
            of,
            format_args!("{p50} at p50, {p95} at p95, from {min} to {max}"),
        );
    }
}

fn burstiness(lines: &mut Lines, profile: &Profile) {
    let dispersion = profile.dispersion().map(|dispersion| {
        let window = Human(dispersion.window_ns);
        format!("dispersion {:.2} in windows of {window}", dispersion.index)
    });
    let variation = profile.gap_variation();
    let variation = variation.map(|variation| format!("variation of gaps {variation:.2}"));
    let figures: Vec<_> = dispersion.into_iter().chain(variation).collect();
    if !figures.is_empty() {
        let figures = figures.join(", ");
        lines.line(
            "arrivals",
            format_args!("{figures} (0 even, 1 random, more in bursts)"),
        );
    }
}

fn plots(profile: &Profile, width: usize) -> String {
    let duration_ns = profile.duration_ns();
    if duration_ns == 0 {
        return String::new();
    }
    let columns = plot::columns(width);
    let part = Human(duration_ns / columns as i64);
    let starts = plot::plot(&profile.starts_in(columns), PLOT_LINES);
    let sessions = plot::plot(&profile.sessions_in(columns), PLOT_LINES);
    let axis = plot::axis(&Human(duration_ns).to_string(), columns);
    format!("\nstarts in each {part}\n{starts}\nsessions at a time\n{sessions}{axis}")
}

fn json(bundle: &Bundle, extent: &Extent, profile: &Profile) -> Value {
    let mut measured = json!(extent);
    measured["clips"] = bundle.clips.len().into();
    measured["chunks_per_s"] = extent.chunks_per_s().into();
    measured["megabytes_per_s"] = extent.megabytes_per_s().into();
    json!({
        "manifest": bundle.manifest,
        "sealed": bundle.is_sealed(),
        "extent": measured,
        "session_lengths": profile.session_lengths(),
        "turn_lengths": profile.turn_lengths(),
        "gap_variation": profile.gap_variation(),
        "dispersion": profile.dispersion(),
    })
}
