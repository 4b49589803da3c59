//! What commands say at their end, in lines with labels: what became of files, and what trace they
//! make.

use std::fmt::{Display, Write};

use crate::audio::Matched;
use crate::audio::library::Pool;
use crate::trace::compile::CompileSpec;
use crate::trace::extent::Extent;
use crate::units::terminal::LABEL;
use crate::units::{Human, counted, duration_text, plain};

/// Items of a list that are named.
const NAMED: usize = 10;

/// Lines with labels on their left.
#[derive(Debug, Default)]
pub(crate) struct Lines(String);

impl Lines {
    /// A line; one that goes on with what is above it has no label. What of it is anybody's is made
    /// [`plain`].
    pub(crate) fn line(&mut self, label: &str, text: impl Display) {
        let text = text.to_string();
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{label:<LABEL$}{}", plain(&text));
    }

    /// A line that says how many there are of what; nothing where there are none.
    pub(crate) fn count(&mut self, label: &str, count: u64, what: &str) {
        if count > 0 {
            self.line(label, format_args!("{count} {what}"));
        }
    }

    /// The first few of `items`, a line each; there are `all` of them, of which some may be counted
    /// only.
    pub(crate) fn list(&mut self, label: &str, items: impl Iterator<Item = String>, all: u64) {
        let mut rest = all;
        for (number, item) in items.take(NAMED).enumerate() {
            self.line(if number == 0 { label } else { "" }, item);
            rest = rest.saturating_sub(1);
        }
        if rest > 0 {
            self.line("", format_args!("and {rest} more"));
        }
    }

    /// How large a trace is, and what it asks of a gateway.
    pub(crate) fn trace(&mut self, extent: &Extent, clips: usize) {
        let sessions = counted(extent.sessions, "session");
        let turns = counted(extent.turns, "turn");
        let clips = counted(clips as u64, "clip");
        let length = Human(extent.duration_ns);
        self.line(
            "trace",
            format_args!("{sessions}, {turns}, {clips}, {length} long"),
        );
        let most = counted(extent.peak_sessions, "session");
        let (chunks, megabytes) = (extent.chunks_per_s(), extent.megabytes_per_s());
        self.line(
            "load",
            format_args!(
                "at most {most} at a time; {chunks:.1} chunks/s and {megabytes:.3} MB/s on average"
            ),
        );
        let chunks = extent.peak_chunks_per_s;
        let megabytes = extent.peak_bytes_per_s as f64 / 1e6;
        self.line(
            "peak",
            format_args!("{chunks} chunks/s and {megabytes:.3} MB/s"),
        );
    }

    /// The lines.
    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

/// What became of the files of `pool`; nothing where it had none.
pub(crate) fn files(pool: &Pool) -> String {
    let mut lines = Lines::default();
    let (converted, reused, skipped) = (pool.converted, pool.reused, pool.skipped.files);
    let noted = match pool.noted.files {
        0 => String::new(),
        odd => format!(", {odd} noted as odd"),
    };
    let untried = match pool.untried.files() {
        0 => "0 others did not look like audio".to_owned(),
        files => format!("{files} others did not look like audio ({})", pool.untried),
    };
    if pool.files > 0 {
        lines.line(
            "files",
            format_args!(
                "{converted} converted, {reused} reused, {skipped} skipped{noted}; {untried}"
            ),
        );
    }
    for (label, remarks) in [("skipped", &pool.skipped), ("noted", &pool.noted)] {
        let first = remarks.first.iter();
        let first = first.map(|file| format!("{}: {}", file.path, file.text));
        lines.list(label, first, remarks.files);
    }
    let unused = pool.unused_labels.iter();
    let unused =
        unused.map(|path| format!("{path}: has a speech label, but is not among the files"));
    lines.list("labels", unused, pool.unused_labels.len() as u64);
    if let Some(matched) = &pool.transcripts {
        lines.line("said", transcripts(matched));
        let twice = &matched.twice;
        lines.list("twice", twice.first.iter().cloned(), twice.rows);
    }
    lines.into_text()
}

/// How a table of transcripts fits the clips.
fn transcripts(matched: &Matched) -> String {
    let (transcribed, clips) = (matched.transcribed, matched.clips);
    let mut text = format!("{transcribed} of {clips} clips have a transcript");
    if matched.unused > 0 {
        let (unused, rows) = (matched.unused, matched.rows);
        text += &format!("; {unused} of {rows} rows name no file here, or none alone");
    }
    if matched.unfit > 0 {
        let unfit = matched.unfit;
        text += &format!("; {unfit} transcripts are empty or longer than 500 characters");
    }
    text
}

/// How large the trace is, and what it asks of a gateway.
pub(crate) fn trace(extent: &Extent, clips: usize) -> String {
    let mut lines = Lines::default();
    lines.trace(extent, clips);
    lines.into_text()
}

/// That fewer sessions came of it than were asked for, and why; nothing where they did not.
pub(crate) fn fewer(asked: &CompileSpec, made: u64) -> Option<String> {
    let wanted = asked.limits.sessions.filter(|wanted| *wanted > made)?;
    let arrivals = asked.arrivals.as_ref()?;
    let duration = asked.limits.duration_ns;
    let within = duration.map_or(String::new(), |ns| {
        format!(" within --duration {}", duration_text(ns))
    });
    let made = counted(made, "session");
    let mut lines = Lines::default();
    lines.line(
        "note",
        format_args!(
            "--arrivals {arrivals}{within} gives {made}, not the {wanted} of --sessions, which is a limit"
        ),
    );
    Some(lines.into_text())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Twice;
    use crate::audio::library::{Remark, Remarks};
    use crate::trace::arrivals::Limits;

    /// Files that are called by their numbers, each with this text.
    fn remarks(files: u64, text: &str) -> Remarks {
        let first = (0..files.min(10)).map(|n| Remark {
            path: format!("{n}.wav"),
            text: text.to_owned(),
        });
        Remarks {
            files,
            first: first.collect(),
        }
    }

    #[test]
    fn the_first_ten_reasons_are_given_and_the_rest_counted() {
        let pool = Pool {
            files: 15,
            converted: 3,
            skipped: remarks(12, "empty"),
            ..Pool::default()
        };
        let said = files(&pool);
        assert!(said.starts_with("files     3 converted, 0 reused, 12 skipped; 0 others"));
        assert!(
            said.contains("\nskipped   0.wav: empty\n          1.wav: empty\n"),
            "{said}"
        );
        assert!(
            said.ends_with("9.wav: empty\n          and 2 more\n"),
            "{said}"
        );
    }

    #[test]
    fn odd_files_are_counted_and_listed() {
        let pool = Pool {
            files: 1,
            converted: 1,
            noted: remarks(1, "cut short"),
            ..Pool::default()
        };
        assert_eq!(
            files(&pool),
            "files     1 converted, 0 reused, 0 skipped, 1 noted as odd; 0 others did not look like \
             audio\nnoted     0.wav: cut short\n"
        );
    }

    #[test]
    fn how_transcripts_fit_is_said() {
        let of = |unused, unfit, twice| Pool {
            transcripts: Some(Matched {
                rows: 9,
                unused,
                unfit,
                clips: 4,
                transcribed: 3,
                twice: Twice {
                    rows: twice,
                    first: (0..twice).map(|n| format!("row {n}")).collect(),
                },
            }),
            ..Pool::default()
        };
        let whole = "said      3 of 4 clips have a transcript";
        assert_eq!(files(&of(0, 0, 0)), format!("{whole}\n"));
        let said = files(&of(5, 1, 2));
        assert!(said.starts_with(&format!("{whole}; 5 of 9 rows")), "{said}");
        assert!(said.contains("; 1 transcripts are empty"), "{said}");
        assert!(
            said.ends_with("\ntwice     row 0\n          row 1\n"),
            "{said}"
        );
    }

    #[test]
    fn that_arrivals_give_fewer_sessions_than_asked_for_is_said() {
        let said = |arrivals: &str, sessions, duration_ns, made| {
            let spec = CompileSpec {
                arrivals: Some(arrivals.parse().unwrap()),
                limits: Limits {
                    sessions,
                    duration_ns,
                },
                ..CompileSpec::default()
            };
            fewer(&spec, made)
        };
        let burst = said("burst:5@20s", Some(10), None, 5).unwrap();
        assert_eq!(
            burst,
            "note      --arrivals burst:5@20s gives 5 sessions, not the 10 of --sessions, which is a limit\n"
        );
        let short = said("constant:1/s", Some(10), Some(4_000_000_000), 4).unwrap();
        assert!(
            short.contains("constant:1/s within --duration 4s gives 4 sessions"),
            "{short}"
        );
        assert_eq!(said("burst:5@20s", Some(5), None, 5), None);
        assert_eq!(said("burst:5@20s", None, None, 5), None);
    }

    #[test]
    fn nothing_is_said_of_what_there_is_none_of() {
        assert_eq!(files(&Pool::default()), "");
        let pool = Pool {
            files: 1,
            ..Pool::default()
        };
        assert_eq!(files(&pool).lines().count(), 1);
    }
}
