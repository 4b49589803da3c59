//! What `prepare` and `import` say at their end: what became of the files, and what trace they make.

use std::fmt::Write;

use crate::audio::Matched;
use crate::audio::library::Pool;
use crate::trace::compile::CompileSpec;
use crate::trace::extent::Extent;
use crate::units::{Human, counted, duration_text, plain};

/// Files that are named with the reason they were skipped.
const NAMED: usize = 10;

/// What became of the files of `pool`; nothing where it had none.
pub(crate) fn files(pool: &Pool) -> String {
    let mut text = String::new();
    if pool.files > 0 {
        text = format!(
            "files     {} converted, {} reused, {} skipped{}; {} others did not look like audio{}\n",
            pool.converted,
            pool.reused,
            pool.skipped.files,
            match pool.noted.files {
                0 => String::new(),
                odd => format!(", {odd} noted as odd"),
            },
            pool.untried.files(),
            match pool.untried.files() {
                0 => String::new(),
                _ => format!(" ({})", pool.untried),
            },
        );
    }
    for (label, remarks) in [("skipped", &pool.skipped), ("noted", &pool.noted)] {
        let first = remarks.first.iter();
        let first = first.map(|file| format!("{}: {}", file.path, file.text));
        push_list(
            &mut text,
            label,
            &first.collect::<Vec<_>>(),
            remarks.files as usize,
        );
    }
    let labels = pool.unused_labels.iter();
    let labels =
        labels.map(|path| format!("{path}: has a speech label, but is not among the files"));
    let labels: Vec<_> = labels.collect();
    push_list(&mut text, "labels", &labels, labels.len());
    if let Some(matched) = &pool.transcripts {
        text += &transcripts(matched);
        let twice = &matched.twice;
        push_list(&mut text, "twice", &twice.first, twice.rows as usize);
    }
    text
}

/// How a table of transcripts fits the clips.
fn transcripts(matched: &Matched) -> String {
    let Matched {
        rows,
        unused,
        unfit,
        clips,
        transcribed,
        twice: _,
    } = matched;
    let mut text = format!("said      {transcribed} of {clips} clips have a transcript");
    if *unused > 0 {
        text += &format!("; {unused} of {rows} rows name no file here, or none alone");
    }
    if *unfit > 0 {
        text += &format!("; {unfit} transcripts are empty or longer than 500 characters");
    }
    text + "\n"
}

/// How large the trace is, and what it asks of a gateway.
pub(crate) fn trace(extent: &Extent, clips: usize) -> String {
    format!(
        "trace     {}, {}, {}, {} long\n\
         load      at most {} at a time; {:.1} chunks/s and {:.3} MB/s on average\n\
         peak      {} chunks/s and {:.3} MB/s\n",
        counted(extent.sessions, "session"),
        counted(extent.turns, "turn"),
        counted(clips as u64, "clip"),
        Human(extent.duration_ns),
        counted(extent.peak_sessions, "session"),
        extent.chunks_per_s(),
        extent.megabytes_per_s(),
        extent.peak_chunks_per_s,
        extent.peak_bytes_per_s as f64 / 1e6
    )
}

/// That fewer sessions came of it than were asked for, and why; nothing where they did not.
pub(crate) fn fewer(asked: &CompileSpec, made: u64) -> Option<String> {
    let wanted = asked.limits.sessions.filter(|wanted| *wanted > made)?;
    let arrivals = asked.arrivals.as_ref()?;
    let duration = asked.limits.duration_ns;
    let within = duration.map_or(String::new(), |ns| {
        format!(" within --duration {}", duration_text(ns))
    });
    Some(format!(
        "note      --arrivals {}{within} gives {}, not the {wanted} of --sessions, which is a limit\n",
        plain(&arrivals.to_string()),
        counted(made, "session"),
    ))
}

/// Appends the first few of `items`, the first of them behind `label`; there are `all` of them, of
/// which some may be counted only.
pub(crate) fn push_list(text: &mut String, label: &str, items: &[String], all: usize) {
    for (number, item) in items.iter().take(NAMED).enumerate() {
        let label = if number == 0 { label } else { "" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{label:8}  {}", plain(item));
    }
    let rest = all.saturating_sub(items.len().min(NAMED));
    if rest > 0 {
        let _ = writeln!(text, "{:8}  and {rest} more", "");
    }
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
