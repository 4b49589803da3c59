//! The summary for a terminal.

mod checks;
mod owners;

use std::collections::BTreeMap;

use super::breakdown::Share;
use super::diagnosis;
use super::lag::LagBasis;
use super::latencies::{LATENCIES, Latency};
use super::server;
use super::stats::{Level, Percentiles, Quantile};
use super::summary::Summary;
use super::{recorded_baseline, trust, wer};
use crate::results::manifest::{ExitReason, VerdictLevel};
use crate::results::row::Status;
use crate::units::terminal::{LABEL, Page, Tone};
use crate::units::{Human, counted, grouped, percent};

/// The summary as text of at most 80 columns, where names and addresses are not longer.
///
/// Without `colour` it holds no escape codes.
#[must_use]
pub fn render(summary: &Summary, colour: bool) -> String {
    let mut page = Page::new(colour);
    heading(&mut page, summary);
    if let Some(standing) = standing(summary) {
        page.words("ended", &standing, LABEL, Tone::Bad);
    }
    verdict(&mut page, summary);
    checks::requirements(&mut page, summary);
    page.end_line();
    latencies(&mut page, summary);
    page.end_line();
    recorded(&mut page, summary);
    users(&mut page, summary);
    turns(&mut page, summary);
    if let Some(wer) = &summary.wer {
        wer::text(&mut page, wer);
    }
    load(&mut page, summary);
    schedule(&mut page, summary);
    errors(&mut page, summary);
    shares(&mut page, "peers", &summary.peers);
    shares(&mut page, "replicas", &summary.replicas);
    server::render(&mut page, &summary.server);
    for damage in &summary.unreadable {
        page.words("unread", damage, LABEL, Tone::Warning);
    }
    diagnosis::show(&mut page, &summary.diagnosis);
    checks::guidance(&mut page, summary);
    if summary.nothing_answered() {
        page.end_line();
        what_to_check(&mut page, summary);
    }
    page.into_text()
}

fn heading(page: &mut Page, summary: &Summary) {
    let run = &summary.run;
    let target = run.target.as_deref().unwrap_or("target not known");
    let mut items = vec![(run.name.clone(), Tone::Strong)];
    if run.elapsed_ns > 0 {
        items.push((format!("ran {}", Human(run.elapsed_ns)), Tone::Plain));
    }
    items.push((format!("trace {} → {target}", run.trace), Tone::Plain));
    page.items("run", &items);
    let labels = run.labels.iter();
    let labels: Vec<_> = labels
        .map(|(key, value)| (format!("{key}={value}"), Tone::Plain))
        .collect();
    if !labels.is_empty() {
        page.items("labels", &labels);
    }
}

/// How the run ended, where it did not by itself.
pub(super) fn standing(summary: &Summary) -> Option<String> {
    let how = match summary.run.exit_reason {
        ExitReason::Finished => return None,
        ExitReason::Running => "STILL RUNNING",
        ExitReason::Killed => "KILLED",
        ExitReason::Unknown => "KILLED, or still running elsewhere",
        ExitReason::Interrupted => "INTERRUPTED by a signal",
        ExitReason::Failed => "FAILED by an error of voicelt's own",
    };
    let in_flight = counted(summary.turns.in_flight, "turn");
    let verb = if summary.run.exit_reason == ExitReason::Running {
        "are"
    } else {
        "were"
    };
    Some(format!("{how}: {in_flight} {verb} in flight"))
}

/// The status of turns as reports call it.
pub(super) fn outcome(status: Status) -> &'static str {
    match status {
        Status::Interrupted => "in flight",
        other => other.name(),
    }
}

/// The verdict in a sentence that begins with its name and a colon.
pub(super) fn verdict_words(summary: &Summary) -> &'static str {
    match summary.verdict.as_ref().map(|verdict| verdict.level) {
        None => "NONE: it is given when a run ends",
        Some(VerdictLevel::Valid) => "VALID: the load kept its schedule",
        Some(VerdictLevel::Degraded) => "DEGRADED: the figures stand, with a warning",
        Some(VerdictLevel::Invalid) if summary.run.allow_invalid => {
            "INVALID: the load did not keep its schedule; do not trust the figures \
             (allowed by --allow-invalid)"
        }
        Some(VerdictLevel::Invalid) => {
            "INVALID: the load did not keep its schedule; do not trust the figures"
        }
    }
}

fn verdict(page: &mut Page, summary: &Summary) {
    let tone = match summary.verdict.as_ref().map(|verdict| verdict.level) {
        Some(VerdictLevel::Valid) => Tone::Good,
        Some(VerdictLevel::Degraded) | None => Tone::Warning,
        Some(VerdictLevel::Invalid) => Tone::Bad,
    };
    page.words("verdict", verdict_words(summary), LABEL, tone);
    for reason in summary.verdict.iter().flat_map(|verdict| &verdict.reasons) {
        page.point(reason, Tone::Plain);
    }
}

fn latencies(page: &mut Page, summary: &Summary) {
    let [p50, p90, p95, p99, max] = ["p50", "p90", "p95", "p99", "max"];
    let header = format!("{:35}{p50:>9}{p90:>9}{p95:>9}{p99:>9}{max:>9}", "latency");
    page.put(&header, Tone::Strong);
    page.end_line();

    let shown = shown(summary);
    for (latency, figures) in &shown {
        latency_line(page, latency, figures, latency.name == summary.headline());
    }
    for (i, note) in footnotes(summary, &shown).iter().enumerate() {
        let tone = if i == 0 { Tone::Plain } else { Tone::Faint };
        page.words("", note, LABEL, tone);
    }
}

/// The latencies that there are figures of, the headline first.
pub(super) fn shown(summary: &Summary) -> Vec<(&'static Latency, &Percentiles)> {
    let known = LATENCIES.iter();
    let known = known.filter_map(|latency| Some((latency, summary.latencies.get(latency.name)?)));
    let mut shown: Vec<_> = known
        .filter(|(latency, figures)| latency.unanswered_counts || figures.n > 0)
        .collect();
    // Stable: what is not the headline keeps its place.
    shown.sort_by_key(|(latency, _)| latency.name != summary.headline());
    shown
}

fn latency_line(page: &mut Page, latency: &Latency, figures: &Percentiles, headline: bool) {
    let tone = if headline { Tone::Strong } else { Tone::Plain };
    let name = latency.name.trim_end_matches("_latency");
    page.put(&format!("{name:<LABEL$}"), tone);
    page.put(&format!("{:<25}", latency.ends), Tone::Faint);
    for quantile in figures.quantiles() {
        page.put(&format!("{:>9}", cell(quantile)), tone);
    }
    page.end_line();
}

pub(super) fn cell(quantile: Quantile) -> String {
    match quantile {
        Quantile::Value(ns) => Human(ns).to_string(),
        Quantile::NoAnswer => "∞".to_owned(),
        Quantile::NotEnough => "–".to_owned(),
    }
}

/// What the figures of the table are over, and what its signs mean.
pub(super) fn footnotes(
    summary: &Summary,
    shown: &[(&'static Latency, &Percentiles)],
) -> Vec<String> {
    let measured = &summary.measured;
    let mut notes = vec![what_is_measured(summary)];
    if let Some((_, figures)) = shown.first().filter(|(_, figures)| figures.n > 1) {
        notes.extend(trust::notes(figures));
    }

    let missing = |figures: &Percentiles, why| figures.quantiles().contains(&why);
    if shown
        .iter()
        .any(|(_, figures)| missing(figures, Quantile::NotEnough))
    {
        let [p90, p95, p99] = [Level::P90, Level::P95, Level::P99].map(Level::min_rows);
        let everywhere = shown
            .iter()
            .all(|(_, figures)| missing(figures, Quantile::NotEnough));
        let n = match everywhere {
            true => format!("n={}", grouped(measured.rows)),
            false => "n below".to_owned(),
        };
        let note =
            format!("– not enough data ({n}): p90 needs {p90} effective, p95 {p95}, p99 {p99}");
        notes.push(note);
    }
    if shown
        .iter()
        .any(|(_, figures)| missing(figures, Quantile::NoAnswer))
    {
        let note = "∞ no answer: a turn without one counts as longer than every other";
        notes.push(note.to_owned());
    }
    let mut partial: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for (latency, figures) in shown.iter().filter(|(_, f)| f.n != measured.rows) {
        partial.entry(figures.n).or_default().push(latency.name);
    }
    for (n, names) in partial.iter().rev() {
        let note = format!("measured in {}: {}", counted(*n, "turn"), names.join(", "));
        notes.push(note);
    }
    notes
}

fn what_is_measured(summary: &Summary) -> String {
    let measured = &summary.measured;
    let [before, after] = match summary.run.closed_loop {
        Some(_) => ["in the ramp up", "in the ramp down"],
        None => ["in warm-up", "in drain"],
    };
    let (answered, rows) = (grouped(measured.answered), grouped(measured.rows));
    let left_out = [
        (measured.cut_off, "cut off"),
        (measured.overlapped, "overlapped"),
        (measured.no_speech, "without speech"),
        (measured.stopped, "stopped early"),
        (measured.warmup, before),
        (measured.drain, after),
    ];
    let left_out: Vec<String> = left_out
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, why)| format!("{} {why}", grouped(count)))
        .collect();
    match left_out.is_empty() {
        true => format!("answered {answered} of {rows} turns"),
        false => format!(
            "answered {answered} of {rows} turns; left out: {}",
            left_out.join(", ")
        ),
    }
}

/// The answers that were recorded beside those of the run, for a recorded trace.
fn recorded(page: &mut Page, summary: &Summary) {
    let Some(response) = summary.recorded.get("response") else {
        return;
    };
    let columns = ["turns", "recorded", "p95", "replayed", "p95", "paired"];
    let columns = columns.map(|column| format!("{column:>9}"));
    let header = format!("{:26}{}", "beside the recorded calls", columns.concat());
    page.put(&header, Tone::Strong);
    page.end_line();
    for name in recorded_baseline::names() {
        let Some(paired) = summary.recorded.get(name) else {
            continue;
        };
        let p50_p95 = |figures: &Percentiles| {
            let [p50, _, p95, ..] = figures.quantiles();
            [cell(p50), cell(p95)]
        };
        let difference = match paired.difference.p50_ns {
            Some(ns) if ns > 0 => format!("+{}", Human(ns)),
            Some(ns) => Human(ns).to_string(),
            None => "–".to_owned(),
        };
        let [recorded, recorded_p95] = p50_p95(&paired.recorded);
        let [replayed, replayed_p95] = p50_p95(&paired.replayed);
        let turns = grouped(paired.difference.n);
        let figures = [turns, recorded, recorded_p95, replayed, replayed_p95];
        let figures = figures.map(|figure| format!("{figure:>9}"));
        page.put(&format!("{name:26}{}", figures.concat()), Tone::Plain);
        page.put(&format!("{difference:>9}"), Tone::Strong);
        page.end_line();
    }
    let note = "p50 and p95 of turns that have both; paired is the median of replayed less recorded, \
                turn by turn";
    page.words("", note, LABEL, Tone::Faint);
    let (before, now) = (response.only_recorded, response.only_replayed);
    if before + now > 0 {
        let note = format!(
            "answered only when it was recorded: {}; only now: {}",
            counted(before, "turn"),
            counted(now, "turn")
        );
        page.words("", &note, LABEL, Tone::Warning);
    }
    page.end_line();
}

fn turns(page: &mut Page, summary: &Summary) {
    let turns = &summary.turns;
    let judged = turns.judged();
    let success = match judged {
        0 => ("success –".to_owned(), Tone::Plain),
        _ => (
            format!("success {}", percent(turns.successes, judged)),
            if turns.successes == judged {
                Tone::Good
            } else {
                Tone::Bad
            },
        ),
    };
    let (started, planned) = (grouped(turns.started), grouped(turns.planned));
    let mut items = vec![
        success,
        (format!("{started} of {planned} started"), Tone::Plain),
    ];
    for status in Status::ALL.iter().rev() {
        let count = turns.outcomes.get(status.name()).copied().unwrap_or(0);
        let tone = if status.is_success() || status.is_in_flight() {
            Tone::Plain
        } else {
            Tone::Bad
        };
        if count > 0 {
            items.push((format!("{} {}", grouped(count), outcome(*status)), tone));
        }
    }
    page.items("turns", &items);
    if turns.overlapped * 20 > turns.started && !summary.run.reactive {
        let advice = format!(
            "{} of {} began before the answer to the one before had ended; with \
             --turn-timing reactive callers wait for answers",
            grouped(turns.overlapped),
            counted(turns.started, "turn")
        );
        page.words("", &advice, LABEL, Tone::Warning);
    }
    owners::uncertain(page, turns);
}

/// Who called, in a closed loop.
fn users(page: &mut Page, summary: &Summary) {
    let Some(users) = &summary.run.closed_loop else {
        return;
    };
    let scenario = users.scenario.as_deref().unwrap_or("no scenario");
    let [least, most] = users.think_ns.map(|ns| Human(ns).to_string());
    let think = match least == most {
        true => least,
        false => format!("{least} to {most}"),
    };
    let items = [
        scenario.to_owned(),
        format!("up to {} at once", grouped(users.users.into())),
        format!("thinking {think}"),
        format!("{} pace", users.pace),
    ];
    page.items("users", &items.map(|item| (item, Tone::Plain)));
}

fn load(page: &mut Page, summary: &Summary) {
    let load = &summary.load;
    let of = |done: u64, planned: u64| format!("{} of {}", grouped(done), grouped(planned));
    let sessions = of(load.sessions_started, load.sessions_planned);
    let mut items = vec![(format!("{sessions} sessions"), Tone::Plain)];
    if let Some(peak) = load.peak_sessions {
        let (peak, planned) = (grouped(peak), grouped(load.peak_sessions_planned));
        items.push((format!("{peak} at once ({planned} planned)"), Tone::Plain));
    }
    if let Some(sent) = load.chunks_sent {
        items.push((
            format!("{} chunks", of(sent, load.chunks_planned)),
            Tone::Plain,
        ));
    }
    page.items("load", &items);
    if let Some(rates) = &load.rates {
        let pair = |what: &str, sessions: f64, chunks: f64| {
            let text = format!("{what:<8} {sessions:.2} sessions/s, {chunks:.1} chunks/s");
            (text, Tone::Plain)
        };
        let offered = pair(
            "offered",
            rates.offered_sessions_per_s,
            rates.offered_chunks_per_s,
        );
        let achieved = pair(
            "achieved",
            rates.achieved_sessions_per_s,
            rates.achieved_chunks_per_s,
        );
        page.items("", &[offered]);
        page.items("", &[achieved]);
    }
}

fn schedule(page: &mut Page, summary: &Summary) {
    let Some(lag) = &summary.lag else {
        page.items("lag", &[("not known".to_owned(), Tone::Plain)]);
        return;
    };
    let at_most = match lag.basis {
        LagBasis::Measured => "",
        LagBasis::UpperBound => "≤ ",
    };
    let figures = &lag.figures;
    let late = (grouped(figures.late_chunks), grouped(figures.chunks));
    let items = [
        format!("p50 {at_most}{}", Human(figures.p50_ns)),
        format!("p99 {at_most}{}", Human(figures.p99_ns)),
        format!("p99.9 {at_most}{}", Human(figures.p999_ns)),
        format!("max {}", Human(figures.max_ns)),
        format!("{} of {} chunks late", late.0, late.1),
        format!("{} blocked by the peer", Human(summary.blocked_ns)),
    ];
    page.items("lag", &items.map(|item| (item, Tone::Plain)));
}

fn errors(page: &mut Page, summary: &Summary) {
    let errors = &summary.error_breakdown;
    let mut label = "errors";
    for error in &errors.top {
        let count = format!("{label:<LABEL$}{:>12}  ", counted(error.turns, "turn"));
        page.words(&count, &error.message, LABEL + 14, Tone::Plain);
        label = "";
    }
    if errors.others > 0 {
        let count = format!("{label:<LABEL$}{:>12}  ", counted(errors.others, "turn"));
        page.words(&count, "with other messages", LABEL + 14, Tone::Plain);
    }
    if !errors.grpc_codes.is_empty() {
        let codes = errors.grpc_codes.iter();
        let codes: Vec<_> = codes
            .map(|(code, turns)| (format!("{code} {}", counted(*turns, "turn")), Tone::Plain))
            .collect();
        page.items("grpc", &codes);
    }
}

fn shares(page: &mut Page, label: &str, shares: &[Share]) {
    if shares.is_empty() {
        return;
    }
    let [turns, success, p50, p95] = ["turns", "success", "p50", "p95"];
    let label = format!("{label} (p50 and p95 of response)");
    let header = format!("{label:35}{turns:>9}{success:>9}{p50:>9}{p95:>9}");
    page.put(&header, Tone::Strong);
    page.end_line();
    for share in shares {
        let [p50, _, p95, ..] = share.response.quantiles();
        let line = format!(
            "  {:33}{:>9}{:>9}{:>9}{:>9}",
            share.name,
            grouped(share.turns),
            percent(share.successes, share.turns),
            cell(p50),
            cell(p95)
        );
        page.put(&line, Tone::Plain);
        page.end_line();
    }
}

fn what_to_check(page: &mut Page, summary: &Summary) {
    if summary.turns.rows == 0 {
        let text = match summary.run.exit_reason {
            ExitReason::Running => "No turn is on record yet; they are written every second.",
            ExitReason::Killed | ExitReason::Unknown => {
                "No turn is on record: none had started a second before the end."
            }
            _ => "No turn is on record: the run was stopped before its first turn.",
        };
        page.words("check", text, LABEL, Tone::Plain);
        return;
    }
    page.words("check", "No turn was answered. See", LABEL, Tone::Bad);
    let target = summary.run.target.as_deref().unwrap_or("the target");
    let steps = [
        format!(
            "whether {target} is the voice gateway (service voice_workflow.VoiceGateway), and \
             wants TLS (https://) or not (http://)"
        ),
        "the gateway's log, and those of its speech and language models; a recogniser that \
         fails gives no error, only an empty stream that ends well"
            .to_owned(),
        "whether it takes the language and the sample rate of the trace".to_owned(),
    ];
    for step in steps {
        page.point(&step, Tone::Plain);
    }
}
