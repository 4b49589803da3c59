//! Pages of synthetic runs: nothing from outside becomes markup, and no run makes a page that is too
//! large or not well-formed.

use std::path::Path;

use proptest::prelude::*;

use crate::report::render::runs_html;
use crate::report::summarise::Asked;
use crate::report::summary::Summary;
use crate::results::manifest::{RunManifest, Verdict, VerdictLevel};
use crate::results::reader::RunDir;
use crate::results::row::{Phase, RequestRow, ServerRow, Status, TimelineRow};
use crate::results::sample::{manifest, row, second, unanswered};
use crate::table::write_all;

/// Most bytes of a page about one run.
const MOST_BYTES: usize = 400_000;

fn put(dir: &Path, run: &RunManifest, rows: &[RequestRow], timeline: &[TimelineRow]) {
    std::fs::write(dir.join("run.json"), serde_json::to_string(run).unwrap()).unwrap();
    write_all(&dir.join("requests.parquet"), 64 * 1024, &[], rows).unwrap();
    write_all(&dir.join("timeline.parquet"), 1024, &[], timeline).unwrap();
}

fn page_of(run: &RunManifest, rows: &[RequestRow], timeline: &[TimelineRow], text: bool) -> String {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), run, rows, timeline);
    let run = RunDir::open(dir.path()).unwrap();
    let summary = Summary::of_run(&run, &Asked::default(), |_| {}).unwrap();
    runs_html(&[(&run, &summary)], text).unwrap()
}

/// Fails unless every element is closed in its turn and every attribute quoted.
fn assert_well_formed(page: &str) {
    const EMPTY: [&str; 2] = ["meta", "!doctype"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        let name = tag
            .trim_start_matches('/')
            .split([' ', '/'])
            .next()
            .unwrap();
        assert!(
            name.chars().all(|c| c.is_ascii_alphanumeric() || c == '!'),
            "<{tag}>"
        );
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        if tag.starts_with('/') {
            assert_eq!(
                open.pop(),
                Some(name),
                "</{name}> near {}",
                &rest[start..end]
            );
        } else if !tag.ends_with('/') && !EMPTY.contains(&name) {
            open.push(name);
        }
        rest = &rest[end + 1..];
    }
    assert_eq!(open, Vec::<&str>::new());
}

/// Words that would be markup, a script, or the end of an attribute.
const HOSTILE: &str = "</script></title></style><script>alert(1)</script><img src=x onerror=\"alert(2)\" '>&amp;\u{202e}";

/// A run in which everything that comes from outside is hostile.
fn hostile() -> (RunManifest, Vec<RequestRow>) {
    let mut run = manifest();
    run.name = HOSTILE.to_owned();
    run.trace.name = HOSTILE.to_owned();
    run.trace.content_blake3 = HOSTILE.to_owned();
    run.tool = HOSTILE.to_owned();
    run.started_at = HOSTILE.to_owned();
    run.labels = [(HOSTILE.to_owned(), HOSTILE.to_owned())].into();
    run.spec = serde_json::json!({ "target": HOSTILE, "connections": 3 }).into();
    run.host.hostname = HOSTILE.to_owned();
    run.host.cpu = HOSTILE.to_owned();
    run.verdict = Some(Verdict {
        level: VerdictLevel::Degraded,
        reasons: vec![HOSTILE.to_owned()],
    });
    let hostile = |row: RequestRow| RequestRow {
        session_id: format!("{HOSTILE}{}", row.turn / 10),
        trace_id: HOSTILE.to_owned(),
        peer: Some(format!("{HOSTILE}{}", row.turn % 2)),
        replica: Some(format!("{HOSTILE}{}", row.turn % 3)),
        clip_id: Some(HOSTILE.to_owned()),
        error: Some(HOSTILE.to_owned()),
        transcript: Some(HOSTILE.to_owned()),
        response_text: Some(HOSTILE.to_owned()),
        ..row
    };
    let rows = (0..400).map(|turn| match turn % 10 {
        0 => RequestRow {
            grpc_code: Some(14),
            ..unanswered(turn, Status::Error)
        },
        _ => row(turn),
    });
    (run, rows.map(hostile).collect())
}

fn timeline(seconds: i64) -> Vec<TimelineRow> {
    (0..seconds).map(second).collect()
}

#[test]
fn nothing_from_outside_becomes_markup() {
    let (run, rows) = hostile();
    let mut seconds = timeline(40);
    seconds[7].errors = format!("{HOSTILE}=3,UNAVAILABLE=1");
    let page = page_of(&run, &rows, &seconds, true);
    for markup in ["<script", "<img", "</script", "\u{202e}"] {
        assert!(!page.contains(markup), "{markup}");
    }
    // The closing of the title and of the style are the page's own.
    assert_eq!(
        page.matches("</title>").count(),
        1 + page.matches("<svg").count()
    );
    assert_eq!(page.matches("</style>").count(), 1);
    assert!(page.matches("&lt;script&gt;alert(1)").count() > 30);
    let (head, body) = page.split_once("<body>").unwrap();
    assert!(head.contains("default-src 'none'"));
    assert_well_formed(
        body.strip_suffix("</html>\n")
            .and_then(|b| b.strip_suffix("</body>"))
            .unwrap(),
    );
}

#[test]
fn texts_of_calls_are_shown_only_when_asked_for() {
    let said = |mut row: RequestRow| {
        row.transcript = Some("what the caller said".to_owned());
        row.response_text = Some("what was answered".to_owned());
        row
    };
    let rows: Vec<_> = (0..50).map(|turn| said(row(turn))).collect();
    let page = |text| page_of(&manifest(), &rows, &timeline(6), text);
    for words in ["what the caller said", "what was answered"] {
        assert!(!page(false).contains(words));
        assert_eq!(page(true).matches(words).count(), 10, "of the slowest ten");
    }
}

#[test]
fn a_long_run_has_a_page_of_the_same_size() {
    let rows: Vec<_> = (0..20_000)
        .map(|turn| RequestRow {
            concurrent_sessions: Some(turn % 3_000),
            peer: Some(format!("10.0.0.{}:50051", turn % 4)),
            ..row(turn)
        })
        .collect();
    let mut seconds = timeline(2_100);
    for (i, second) in seconds.iter_mut().enumerate() {
        second.errors = format!(
            "UNAVAILABLE={},INTERNAL=1,timeout=2,no_answer=1,error=9",
            i % 7
        );
        second.lag_max_ns = Some(i as i64 * 1_000);
    }
    let page = page_of(&manifest(), &rows, &seconds, false);
    assert!(page.len() < MOST_BYTES, "{} bytes", page.len());
    assert_eq!(page.matches("<svg").count(), 7 + 10);
}

#[test]
fn a_run_of_nothing_has_a_page() {
    let mut run = manifest();
    run.verdict = None;
    run.labels.clear();
    let page = page_of(&run, &[], &[], false);
    assert!(page.contains("NONE"));
    let failed: Vec<_> = (0..20)
        .map(|turn| unanswered(turn, Status::NoAnswer))
        .collect();
    let page = page_of(&run, &failed, &timeline(3), false);
    assert!(page.contains("no_answer"));
}

#[test]
fn several_runs_are_listed_and_follow_each_other() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let rows: Vec<_> = (0..40).map(row).collect();
    let runs = dirs.iter().map(|dir| {
        put(dir.path(), &manifest(), &rows, &timeline(6));
        let run = RunDir::open(dir.path()).unwrap();
        let summary = Summary::of_run(&run, &Asked::default(), |_| {}).unwrap();
        (run, summary)
    });
    let runs: Vec<_> = runs.collect();
    let runs: Vec<_> = runs.iter().map(|(run, summary)| (run, summary)).collect();
    let page = runs_html(&runs, false).unwrap();
    for name in [
        "href=\"#run1\"",
        "id=\"run1\"",
        "id=\"r1-load-t\"",
        "id=\"r0-load-t\"",
    ] {
        assert_eq!(page.matches(name).count(), 1, "{name}");
    }
}

#[test]
fn what_servers_measured_has_charts_of_bounded_size() {
    let dir = tempfile::tempdir().unwrap();
    let rows: Vec<_> = (0..40).map(row).collect();
    put(dir.path(), &manifest(), &rows, &timeline(6));
    let value = |i: i64, series: &str, gpu: i64| ServerRow {
        series: series.to_owned(),
        labels: format!("{{\"gpu\":\"{gpu}\"}}"),
        at_ns: i * 1_000_000_000,
        value: if i == 3 {
            f64::NAN
        } else {
            (i % 100) as f64 * 1e9
        },
    };
    let values: Vec<_> = (0..2_000)
        .flat_map(|i| (0..6).map(move |gpu| value(i, HOSTILE, gpu)))
        .chain((0..12).map(|i| value(0, &format!("series {i}"), 0)))
        .collect();
    write_all(&dir.path().join("server.parquet"), 1024, &[], &values).unwrap();
    let run = RunDir::open(dir.path()).unwrap();
    let summary = Summary::of_run(&run, &Asked::default(), |_| {}).unwrap();
    let page = runs_html(&[(&run, &summary)], false).unwrap();
    assert!(page.len() < MOST_BYTES, "{} bytes", page.len());
    assert!(!page.contains("<script") && !page.contains("NaN"));
    assert_eq!(
        page.matches("id=\"r0-server").count(),
        2 * 8,
        "titles and descriptions"
    );
    assert!(page.contains("Series of 5 further names are in server.parquet"));
    assert!(page.contains("2 lines more below"));
}

/// The page without its pictures and its style, which are looked at in a browser.
fn words(page: &str) -> String {
    let (_, body) = page.split_once("<body>").unwrap();
    let mut words = String::new();
    let mut rest = body;
    while let Some(start) = rest.find("<svg") {
        words.push_str(&rest[..start]);
        let end = rest.find("</svg>").unwrap();
        words.push_str("<svg/>");
        rest = &rest[end + "</svg>".len()..];
    }
    words.push_str(rest);
    words.replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

#[test]
fn a_page() {
    let rows: Vec<_> = (0..100)
        .map(|turn| match turn {
            7 | 8 => RequestRow {
                grpc_code: Some(14),
                error: Some("UNAVAILABLE: no route".to_owned()),
                ..unanswered(turn, Status::Error)
            },
            turn if turn > 90 => RequestRow {
                phase: Phase::Drain,
                ..row(turn)
            },
            turn => row(turn),
        })
        .collect();
    let mut seconds = timeline(11);
    seconds[2].errors = "UNAVAILABLE=2".to_owned();
    let page = page_of(&manifest(), &rows, &seconds, false);
    insta::assert_snapshot!(words(&page));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_run_has_a_page(
        times in prop::collection::vec(prop::option::of(-1_000_000_000_i64..40_000_000_000_000), 1..40),
        loads in prop::collection::vec(prop::option::of(any::<u32>()), 1..40),
        lags in prop::collection::vec(prop::option::of(any::<i64>()), 1..40),
    ) {
        let rows: Vec<_> = times.iter().zip(loads.iter().cycle()).enumerate().map(|(i, (time, load))| {
            let mut row = row(i as u32);
            row.first_audio_ns = time.and_then(|ns| Some(row.intended_end_of_speech_ns? + ns));
            row.last_audio_ns = row.first_audio_ns.max(row.last_audio_ns);
            row.concurrent_sessions = *load;
            row.derive_latencies(false);
            row
        }).collect();
        let seconds: Vec<_> = lags.iter().enumerate().map(|(i, lag)| TimelineRow {
            lag_p50_ns: *lag,
            lag_max_ns: *lag,
            active_sessions: loads[i % loads.len()].unwrap_or(0),
            ..second(i as i64)
        }).collect();
        let page = page_of(&manifest(), &rows, &seconds, false);
        prop_assert!(page.len() < MOST_BYTES);
        let body = page.split_once("<body>").unwrap().1;
        assert_well_formed(body.split_once("</body>").unwrap().0);
        prop_assert!(!page.contains("NaN") && !page.contains("inf "));
    }
}
