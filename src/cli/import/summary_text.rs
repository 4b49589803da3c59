//! What `import` says at its end: how the log was read, and what calls it gave.

use crate::cli::summary_text::Lines;
use crate::trace::import::clip_assignment::{ClipAssignmentSpec, Fit};
use crate::trace::import::library::{Library, WORDS_PER_TOKEN};
use crate::trace::import::shape::{Shape, Timetable};
use crate::trace::import::{Log, LogFormat};
use crate::units::Human;

/// How the log was read, and which rows were not.
pub(super) fn log(log: &Log, format: LogFormat) -> String {
    let mut lines = Lines::default();
    let (rows, bad) = (log.rows.len(), log.bad.count());
    let others = match log.passed_over {
        0 => String::new(),
        others => format!(", {others} others passed over"),
    };
    lines.line(
        "log",
        format_args!("{rows} rows of {format}{others}, {bad} bad"),
    );
    lines.line("times", &log.timestamps);
    let first = log.bad.first().iter();
    let first = first.map(|row| format!("line {}: {}", row.line, row.reason));
    lines.list("bad", first, bad);
    lines.into_text()
}

/// Clips that are not chosen from; nothing where all are.
pub(super) fn library(library: &Library<'_>, clips: usize) -> String {
    let mut lines = Lines::default();
    lines.count(
        "clips",
        (clips - library.clips()) as u64,
        "are not chosen: their sample rate is another than that of most",
    );
    lines.into_text()
}

/// What became of the arrivals on the way.
pub(super) fn calls(timetable: &Timetable, shape: &Shape) -> String {
    let mut lines = Lines::default();
    let calls = timetable.calls.len();
    let turns: usize = timetable.calls.iter().map(|call| call.rows.len()).sum();
    lines.line("calls", format_args!("{calls} made of {turns} rows"));
    let what = "rows came before one above them; they were sorted";
    lines.count("", timetable.unsorted, what);
    let gap = Human(shape.session_gap_ns);
    let what = format!("of them continue a session after more than {gap} (--session-gap)");
    lines.count("", timetable.split, &what);
    let cut = Human(timetable.cut_ns);
    let what = format!("gaps were cut to --max-idle, by {cut} together");
    lines.count("", timetable.cut_gaps, &what);
    if timetable.in_step && shape.spread_ns == 0 {
        lines.line(
            "",
            "their starts lie whole chunks apart, so that all send at the same instants; --spread \
             1s moves each by a part of a second",
        );
    }
    lines.into_text()
}

/// How well the clips fit what was asked for.
pub(super) fn fit(fit: &Fit, spec: &ClipAssignmentSpec) -> String {
    let mut lines = Lines::default();
    if let Some((asked, got)) = fit.lengths() {
        let [median, most] = [asked.median_ns, asked.max_ns].map(Human);
        let (rows, per_second) = (asked.count, spec.words_per_second);
        lines.line(
            "speech",
            format_args!(
                "{rows} rows asked for {median} at the median and {most} at most \
                 (a token is {WORDS_PER_TOKEN} words, {per_second} words a second)"
            ),
        );
        let [median, most] = [got.median_ns, got.max_ns].map(Human);
        let off = fit.off;
        lines.line(
            "",
            format_args!(
                "their clips have {median} and {most}; {off} are off by more than a quarter"
            ),
        );
    }
    lines.count("", fit.named, "rows named their clip");
    lines.count("", fit.any, "rows asked for no length and got any clip");
    let what = "rows begin later than in the log, as their caller was still speaking";
    lines.count("", fit.moved, what);
    lines.into_text()
}
