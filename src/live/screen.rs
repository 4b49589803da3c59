//! A run for people to watch: a full screen, or a line now and then. Pure: what was read from the
//! gauges in, lines out.

mod frame;

use super::histogram::Counts;
use super::snapshot::{Change, History, Snapshot};
use crate::results::metrics::live;
use crate::results::row::Status;
use crate::units::terminal::{LABEL, Tone};
use crate::units::{Human, NS_PER_S, RunTime, bars, percent};
use frame::Frame;
pub use frame::Size;

/// Width of a duration in the table of latencies.
const CELL: usize = 9;
/// The quantiles that are shown.
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)];
/// The part after all others.
const DRAIN: &str = "drain";
/// Shares of late chunks at which a run is degraded and invalid.
const LATE: [f64; 2] = [0.001, 0.01];

/// A part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phase {
    /// Its name.
    pub name: &'static str,
    /// When it ends, and the next begins.
    pub ends: RunTime,
}

/// What is known of a run beforehand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sheet {
    /// What is sent where.
    pub title: String,
    /// Sessions that are planned; `None` in a closed loop.
    pub sessions: Option<u64>,
    /// Most virtual users; `None` in a replay.
    pub users: Option<u32>,
    /// The parts of the run, in order; after the last of them calls drain.
    pub phases: Vec<Phase>,
    /// When the last planned message leaves.
    pub ends: RunTime,
}

impl Sheet {
    /// The part of the run that `at` is in.
    #[must_use]
    pub fn phase(&self, at: RunTime) -> &'static str {
        let part = self.phases.iter().find(|phase| at < phase.ends);
        part.map_or(DRAIN, |phase| phase.name)
    }
}

/// The screen: at most `size.rows` lines of at most `size.columns` characters, with escape codes
/// only in `colour`. `notice` is what was last said to the user.
#[must_use]
pub fn screen(
    sheet: &Sheet,
    history: &History,
    notice: &str,
    size: Size,
    colour: bool,
) -> Vec<String> {
    let mut frame = Frame::new(size, colour);
    let Some(now) = history.latest() else {
        frame.line([(sheet.title.clone(), Tone::Strong)]);
        return frame.into_lines();
    };
    let recent = history.recent();
    heading(&mut frame, sheet, now);
    frame.gap();
    load(&mut frame, sheet, now, recent.as_ref());
    requests(&mut frame, now, recent.as_ref());
    frame.gap();
    latencies(&mut frame, now, recent.as_ref());
    frame.gap();
    courses(&mut frame, history, size);
    frame.gap();
    schedule(&mut frame, now);
    if !notice.is_empty() {
        frame.line([(notice.to_owned(), Tone::Warning)]);
    }
    frame.into_lines()
}

/// How the run goes, in one line.
#[must_use]
pub fn line(sheet: &Sheet, history: &History) -> String {
    let Some(now) = history.latest() else {
        return sheet.title.clone();
    };
    let response = |counts: &Counts| {
        QUANTILES
            .map(|(name, q)| format!("{name} {}", shown_ns(counts.quantile(q))))
            .join(" ")
    };
    let mut parts = vec![
        format!("{:>7}  {}", clock_text(now.at), sheet.phase(now.at)),
        match sheet.users {
            Some(_) => format!("{} users, {} sessions", now.users, now.active_sessions),
            None => format!("{} active", now.active_sessions),
        },
        format!("{} of {}", now.started_sessions, offered(sheet, now)),
        format!(
            "{} ok, {} failed",
            now.succeeded(),
            now.ended() - now.succeeded()
        ),
    ];
    if let Some(recent) = history.recent() {
        let figures = &recent.figures;
        parts.push(format!(
            "last {} s: {:.1} requests/s, response {}, lag p99 {}",
            recent.seconds(),
            recent.rate(figures.ended()),
            response(&figures.latencies[0]),
            shown_ns(figures.lag.quantile(0.99)),
        ));
    }
    parts.push(format!(
        "run: response {}, lag p99 {}",
        response(&now.latencies[0]),
        shown_ns(now.lag.quantile(0.99))
    ));
    parts.join(" · ")
}

fn offered(sheet: &Sheet, now: &Snapshot) -> String {
    match sheet.sessions {
        Some(planned) => format!(
            "{} sessions started ({planned} planned)",
            now.offered_sessions
        ),
        None => format!("{} sessions started", now.offered_sessions),
    }
}

fn heading(frame: &mut Frame, sheet: &Sheet, now: &Snapshot) {
    let time = match sheet.ends.0 {
        0 => clock_text(now.at),
        _ => format!("{} of {}", clock_text(now.at), clock_text(sheet.ends)),
    };
    frame.apart((&sheet.title, Tone::Strong), (time, Tone::Plain));
    let current = sheet.phases.iter().find(|phase| now.at < phase.ends);
    let next = current.map_or(String::new(), |current| {
        let left = RunTime(current.ends.0 - now.at.0 + NS_PER_S - 1);
        format!("{} in {}", sheet.phase(current.ends), clock_text(left))
    });
    let name = sheet.phase(now.at);
    let share = now.at.0.max(0) as f64 / sheet.ends.0.max(1) as f64;
    frame.bar((name, Tone::Good), share.min(1.0), (next, Tone::Faint));
}

fn load(frame: &mut Frame, sheet: &Sheet, now: &Snapshot, recent: Option<&Change>) {
    if let Some(most) = sheet.users {
        let users = format!("{} of {most}", now.users);
        frame.labelled("users", [(users, Tone::Strong)]);
    }
    let active = format!("{} active", now.active_sessions);
    let mut rest = format!(", {} await an answer", now.awaiting_answer);
    if let Some(planned) = sheet.sessions {
        rest += &format!(" · {planned} planned");
    }
    frame.labelled("sessions", [(active, Tone::Strong), (rest, Tone::Plain)]);
    let rate = |count: fn(&Snapshot) -> u64| {
        recent.map_or(String::new(), |recent| {
            format!(" ({:.1}/s)", recent.rate(count(&recent.figures)))
        })
    };
    let started = format!(
        "offered {}{} · started {}{}",
        now.offered_sessions,
        rate(|figures| figures.offered_sessions),
        now.started_sessions,
        rate(|figures| figures.started_sessions),
    );
    let behind = now.offered_sessions > now.started_sessions + 1;
    frame.labelled("", [(started, Tone::Warning.when(behind))]);
}

fn requests(frame: &mut Frame, now: &Snapshot, recent: Option<&Change>) {
    let mut parts = vec![(format!("{} ended", now.ended()), Tone::Strong)];
    // What is usual comes first.
    for (status, count) in Status::ALL.iter().zip(now.requests).rev() {
        if count > 0 {
            let tone = Tone::Bad.when(!status.is_success());
            parts.push((format!(" · {count} {status}"), tone));
        }
    }
    frame.labelled("requests", parts);
    let Some(recent) = recent else { return };
    let figures = &recent.figures;
    let rate = format!("{:.1}/s", recent.rate(figures.ended()));
    let mut parts = vec![(rate, Tone::Plain)];
    if let Some(success) = share_of(figures.succeeded(), figures.ended()) {
        let tone = Tone::Bad.when(figures.succeeded() != figures.ended());
        parts.push((format!(" · {success} succeed"), tone));
    }
    let chunks = recent.rate(figures.lag.total());
    parts.push((format!(" · {chunks:.0} chunks/s"), Tone::Plain));
    frame.labelled("", parts);
}

fn latencies(frame: &mut Frame, now: &Snapshot, recent: Option<&Change>) {
    let none = Change::default();
    let recent = recent.unwrap_or(&none);
    let seconds = format!("last {} s", recent.seconds());
    let width = QUANTILES.len() * CELL;
    let over = format!("{:LABEL$}{seconds:>width$}   {:>width$}", "", "whole run");
    frame.line([(over, Tone::Faint)]);
    let names = QUANTILES.map(|(name, _)| format!("{name:>CELL$}")).concat();
    let header = format!("{:LABEL$}{names}   {names}", "");
    frame.line([(header, Tone::Faint)]);
    let cells = |counts: &Counts| {
        QUANTILES
            .map(|(_, q)| format!("{:>CELL$}", shown_ns(counts.quantile(q))))
            .concat()
    };
    let figures = recent.figures.latencies.iter().zip(&now.latencies);
    let rows = live().map(|latency| latency.name).zip(figures);
    for (name, (recent, whole)) in rows.chain([("lag", (&recent.figures.lag, &now.lag))]) {
        if whole.total() > 0 {
            let figures = format!("{}   {}", cells(recent), cells(whole));
            frame.labelled(name, [(figures, Tone::Plain)]);
        }
    }
}

/// How response times and throughput went, second by second.
fn courses(frame: &mut Frame, history: &History, size: Size) {
    let room = size.columns.saturating_sub(LABEL + 24);
    let changes = history.changes(room.clamp(1, 120));
    let mut course = |label, value: fn(&Change) -> Option<f64>, most_of: fn(f64) -> String| {
        let values: Vec<Option<f64>> = changes.iter().map(value).collect();
        let most = values.iter().flatten().copied().fold(0.0, f64::max);
        if most > 0.0 {
            let line = (bars(&values, 1).concat(), Tone::Good);
            frame.labelled(label, [line, (format!("  {}", most_of(most)), Tone::Faint)]);
        }
    };
    course(
        "response",
        |change| change.figures.latencies[0].mean_ns(),
        |most| format!("mean, up to {}", Human(most as i64)),
    );
    course(
        "requests",
        |change| Some(change.rate(change.figures.ended())),
        |most| format!("ended, up to {most:.1}/s"),
    );
}

/// Whether the schedule is kept, so far.
fn schedule(frame: &mut Frame, now: &Snapshot) {
    let Some(share) = share_of(now.late_chunks, now.judged_chunks) else {
        return;
    };
    let late = now.late_chunks as f64 / now.judged_chunks as f64;
    let (said, tone) = match late {
        late if late > LATE[1] => ("not kept", Tone::Bad),
        late if late > LATE[0] => ("kept with minor violations", Tone::Warning),
        _ => ("kept", Tone::Good),
    };
    let figures = format!(": {share} of {} chunks were late", now.judged_chunks);
    frame.labelled(
        "schedule",
        [(said.to_owned(), tone), (figures, Tone::Plain)],
    );
}

fn share_of(part: u64, whole: u64) -> Option<String> {
    (whole > 0).then(|| percent(part, whole))
}

fn shown_ns(ns: Option<i64>) -> String {
    ns.map_or_else(|| "–".to_owned(), |ns| Human(ns).to_string())
}

/// An instant as minutes and seconds.
fn clock_text(at: RunTime) -> String {
    let seconds = at.0.max(0) / NS_PER_S;
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::gauges::Gauges;
    use crate::units::NS_PER_MS;
    use std::sync::atomic::Ordering::Relaxed;

    const SIZE: Size = Size {
        columns: 80,
        rows: 24,
    };

    fn sheet() -> Sheet {
        let phase = |name, second| Phase {
            name,
            ends: RunTime(second * NS_PER_S),
        };
        Sheet {
            title: "calls → http://gateway:50051".to_owned(),
            sessions: Some(300),
            users: None,
            phases: vec![phase("warmup", 10), phase("steady", 60)],
            ends: RunTime(70 * NS_PER_S),
        }
    }

    /// A run of half a minute that gets slower.
    fn history() -> History {
        let (gauges, mut history) = (Gauges::default(), History::default());
        let e2e = live().position(|latency| latency.name == "e2e").unwrap();
        for second in 0..=30 {
            history.push(Snapshot::of(&gauges, RunTime(second * NS_PER_S)));
            gauges.active_sessions.store(40, Relaxed);
            gauges.awaiting_answer.store(6, Relaxed);
            gauges.offered_sessions.fetch_add(4, Relaxed);
            gauges.started_sessions.fetch_add(4, Relaxed);
            (0..50).for_each(|n| gauges.lag.record(10_000 + n * 100));
            gauges.judged_chunks.fetch_add(50, Relaxed);
            for n in 0..4 {
                let status = if n + second == 20 {
                    Status::Error
                } else {
                    Status::Ok
                };
                gauges.requests.count(status);
                let ms = 300 + 20 * second + 40 * n;
                gauges.latencies[0].record(ms * NS_PER_MS, "00", 0);
                gauges.latencies[e2e].record((ms - 200) * NS_PER_MS, "00", 0);
            }
        }
        history
    }

    #[test]
    fn the_screen_shows_the_last_seconds_and_the_whole_run() {
        let lines = screen(&sheet(), &history(), "stopping", SIZE, false);
        insta::assert_snapshot!(lines.join("\n"), @r"
        calls → http://gateway:50051                                        0:30 of 1:10
        steady    ━━━━━━━━━━━━━━━━━━━━━━━────────────────────────────────  drain in 0:30

        sessions  40 active, 6 await an answer · 300 planned
                  offered 120 (4.0/s) · started 120 (4.0/s)
        requests  120 ended · 116 ok · 4 error
                  4.0/s · 97.5 % succeed · 50 chunks/s

                                    last 10 s                     whole run
                        p50      p95      p99         p50      p95      p99
        response     850 ms   984 ms        –      650 ms   953 ms   991 ms
        e2e          650 ms   812 ms        –      450 ms   738 ms   837 ms
        lag         12.4 µs  14.7 µs  14.9 µs     12.4 µs  14.7 µs  14.9 µs

        response  ▄▄▄▄▄▄▅▅▅▅▅▅▆▆▆▆▆▆▇▇▇▇▇▇██████  mean, up to 940 ms
        requests  ██████████████████████████████  ended, up to 4.0/s

        schedule  kept: 0.0 % of 1500 chunks were late
        stopping
        ");
    }

    #[test]
    fn the_line_says_the_same_in_short() {
        insta::assert_snapshot!(line(&sheet(), &history()).trim_start(), @"0:30  steady · 40 active · 120 of 120 sessions started (300 planned) · 116 ok, 4 failed · last 10 s: 4.0 requests/s, response p50 850 ms p95 984 ms p99 –, lag p99 14.9 µs · run: response p50 650 ms p95 953 ms p99 991 ms, lag p99 14.9 µs");
    }

    #[test]
    fn every_size_is_respected() {
        let mut closed = sheet();
        closed.users = Some(20);
        closed.sessions = None;
        for columns in [0, 1, 7, 40, 79, 80, 200] {
            for rows in [0, 1, 5, 12, 24, 50] {
                for colour in [false, true] {
                    let size = Size { columns, rows };
                    let lines = screen(&closed, &history(), "stopping", size, colour);
                    assert!(lines.len() <= rows, "{} lines in {rows}", lines.len());
                    for line in lines {
                        let seen = unpainted(&line);
                        assert!(seen.chars().count() <= columns, "{columns}: {seen}");
                        assert!(colour || line == seen);
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_is_made_up_before_anything_happened() {
        let mut history = History::default();
        assert_eq!(screen(&sheet(), &history, "", SIZE, false).len(), 1);
        history.push(Snapshot::default());
        let lines = screen(&sheet(), &history, "", SIZE, false).join("\n");
        assert!(!lines.contains("NaN") && !lines.contains("late"), "{lines}");
        assert!(!line(&sheet(), &history).contains("NaN"));
    }

    #[test]
    fn phases_follow_each_other() {
        let at = |second| sheet().phase(RunTime(second * NS_PER_S));
        assert_eq!(
            [-1, 0, 9, 10, 59, 60, 99].map(at),
            [
                "warmup", "warmup", "warmup", "steady", "steady", "drain", "drain"
            ]
        );
    }

    /// A line without its escape codes.
    fn unpainted(line: &str) -> String {
        let mut parts = line.split('\x1b');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| {
            let (_, rest) = part.split_once('m').unwrap();
            text + rest
        })
    }
}
