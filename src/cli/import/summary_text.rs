//! What `import` says at its end: how the log was read, and what calls it gave.

use std::fmt::Write;

use crate::cli::summary_text::push_list;
use crate::trace::import::clip_assignment::{ClipAssignmentSpec, Fit};
use crate::trace::import::library::{Library, WORDS_PER_TOKEN};
use crate::trace::import::shape::{Shape, Timetable};
use crate::trace::import::{Log, LogFormat};
use crate::units::Human;

/// How the log was read, and which rows were not.
pub(super) fn log(log: &Log, format: LogFormat) -> String {
    let mut text = format!("log       {} rows of {format}", log.rows.len());
    if log.passed_over > 0 {
        // Writing to a String cannot fail.
        let _ = write!(text, ", {} others passed over", log.passed_over);
    }
    let bad = log.bad.first().iter();
    let bad = bad.map(|row| format!("line {}: {}", row.line, row.reason));
    let _ = write!(
        text,
        ", {} bad\ntimes     {}\n",
        log.bad.count(),
        log.timestamps
    );
    push_list(
        &mut text,
        "bad",
        &bad.collect::<Vec<_>>(),
        log.bad.count() as usize,
    );
    text
}

/// Clips that are not chosen from; nothing where all are.
pub(super) fn library(library: &Library<'_>, clips: usize) -> String {
    match clips - library.clips() {
        0 => String::new(),
        others => format!(
            "clips     {others} are not chosen: their sample rate is another than that of most\n"
        ),
    }
}

/// What became of the arrivals on the way.
pub(super) fn calls(timetable: &Timetable, shape: &Shape) -> String {
    let turns: usize = timetable.calls.iter().map(|call| call.rows.len()).sum();
    let mut text = format!("calls     {} made of {turns} rows\n", timetable.calls.len());
    let mut note = |text_of: String| {
        let _ = writeln!(text, "          {text_of}");
    };
    if timetable.unsorted > 0 {
        note(format!(
            "{} rows came before one above them; they were sorted",
            timetable.unsorted
        ));
    }
    if timetable.split > 0 {
        note(format!(
            "{} of them continue a session after more than {} (--session-gap)",
            timetable.split,
            Human(shape.session_gap_ns)
        ));
    }
    if timetable.cut_gaps > 0 {
        note(format!(
            "{} gaps were cut to --max-idle, by {} together",
            timetable.cut_gaps,
            Human(timetable.cut_ns)
        ));
    }
    if timetable.in_step && shape.spread_ns == 0 {
        note(
            "their starts lie whole chunks apart, so that all send at the same instants; --spread \
             1s moves each by a part of a second"
                .to_owned(),
        );
    }
    text
}

/// How well the clips fit what was asked for.
pub(super) fn fit(fit: &Fit, spec: &ClipAssignmentSpec) -> String {
    let mut text = String::new();
    if let Some((asked, got)) = fit.lengths() {
        text = format!(
            "speech    {} rows asked for {} at the median and {} at most (a token is {} words, {} words a second)\n\
             \x20         their clips have {} and {}; {} are off by more than a quarter\n",
            asked.count,
            Human(asked.median_ns),
            Human(asked.max_ns),
            WORDS_PER_TOKEN,
            spec.words_per_second,
            Human(got.median_ns),
            Human(got.max_ns),
            fit.off
        );
    }
    for (rows, what) in [
        (fit.named, "named their clip"),
        (fit.any, "asked for no length and got any clip"),
        (
            fit.moved,
            "begin later than in the log, as their caller was still speaking",
        ),
    ] {
        if rows > 0 {
            let _ = writeln!(text, "          {rows} rows {what}");
        }
    }
    text
}
