//! The JSON document of a run. Its fields are described in `DATA.md`.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::config::config;
use super::original::{Figures, OriginalAccumulator, Totals};
use crate::report::guidance::Surroundings;
use crate::report::require::{Metric, Requirement, RequirementError, merged};
use crate::report::summarise::Asked;
use crate::report::summary::Summary;
use crate::report::wer::WerAsked;
use crate::results::ResultsError;
use crate::results::lag::LagSummary;
use crate::results::manifest::RunManifest;
use crate::results::reader::RunDir;
use crate::results::settings::Setting;

/// What is wrong with a run that is to be reported.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The run cannot be read.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// What was required of the run cannot be read.
    #[error(
        "run.json of {run}: the requirement `{text}` cannot be read: {reason}; a newer voicelt may have written it"
    )]
    Remembered {
        /// The run.
        run: String,
        /// The requirement.
        text: String,
        /// What is wrong with it.
        reason: RequirementError,
    },
}

/// All that is said of a run to a program: ours, and the fields of the Python load test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// As the Python load test had it: over every request.
    pub summary: Totals,
    /// As the Python load test had them, in seconds, and the same over every request.
    #[serde(flatten)]
    pub figures: Figures,
    /// The resolved settings, with those of the Python load test by its names.
    pub config: Map<String, Value>,
    /// Ours.
    #[serde(flatten)]
    pub ours: Summary,
}

impl Document {
    /// The document of a run directory, from its rows as they are now.
    ///
    /// `lag` is as for [`Asked`]. What was required of the run when it was made must hold,
    /// and what is `asked` now; a run that is `held` to its verdict is not judged when that is invalid.
    /// Words are compared where that is asked now, was when the run was made, or is required. `zone`
    /// is of the local time in which the Python load test said when it had ended.
    ///
    /// # Errors
    /// Tables or requirements that cannot be read.
    pub fn of_run(
        run: &RunDir,
        lag: Option<LagSummary>,
        asked: &[Requirement],
        held: bool,
        wer: WerAsked,
        zone: &TimeZone,
    ) -> Result<Document, DocumentError> {
        let manifest = run.manifest();
        let requirements = merged(remembered(manifest)?, asked);
        let around = Surroundings::of(run);
        let compared = wer.compared
            || manifest.spec.wer.is_set()
            || requirements.iter().any(|r| r.metric == Metric::Wer);
        let asked = Asked {
            lag,
            requirements: &requirements,
            held,
            around: Some(&around),
            wer: WerAsked { compared, ..wer },
        };
        let mut original = OriginalAccumulator::default();
        let ours = Summary::of_run(run, &asked, |row| original.add(row))?;
        let config = config(manifest, &around.clips, &original.languages);
        let elapsed_ns = ours.run.elapsed_ns;
        let ended_ns = manifest.epoch.realtime_ns.saturating_add(elapsed_ns);
        let ended = Timestamp::from_nanosecond(ended_ns.into()).unwrap_or_default();
        Ok(Document {
            summary: original.totals(ended, zone, elapsed_ns),
            figures: original.finish(),
            config,
            ours,
        })
    }
}

/// What was required of a run when it was made.
fn remembered(run: &RunManifest) -> Result<Vec<Requirement>, DocumentError> {
    let texts = run.spec.require.get().into_iter().flatten();
    let read = |text: &String| {
        Requirement::kept(text).map_err(|reason| DocumentError::Remembered {
            run: run.name.clone(),
            text: text.clone(),
            reason,
        })
    };
    texts.filter_map(Setting::get).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::diagnosis::{Finding, Kind};
    use crate::report::ready_wait::ReadyWait;
    use crate::report::stats::Sample;
    use crate::results::manifest::{ClosedLoop, Stage};
    use crate::results::neighbours::ClipUsed;
    use crate::results::row::{RequestRow, ServerRow, Status};
    use crate::results::sample::{manifest, row, second, unanswered};
    use crate::table::write_all;
    use crate::units::NS_PER_S;
    use std::collections::BTreeSet;

    const DESCRIBED: &str = include_str!("../../../DATA.md");

    /// Objects whose names are data.
    const NAMED_BY_DATA: [&str; 15] = [
        "waterfall",
        "latency",
        "latency_all",
        "errors_all",
        "config",
        "run.labels",
        "turns.outcomes",
        "latencies",
        "latencies.*.interval_ns",
        "latencies.*.effective_n",
        "shares",
        "recorded",
        "error_breakdown.grpc_codes",
        "error_breakdown.http_statuses",
        "error_breakdown.close_codes",
    ];

    /// The document of a run of users in which everything happens that a document tells of.
    fn eventful() -> Document {
        let rows: Vec<RequestRow> = (0..400)
            .map(|turn| {
                let row = match turn % 40 {
                    39 => RequestRow {
                        error: Some("ASR failed".to_owned()),
                        ..unanswered(turn, Status::Error)
                    },
                    38 if turn < 80 => unanswered(turn, Status::Timeout),
                    _ => row(turn),
                };
                RequestRow {
                    user: Some(turn % 4),
                    concurrent_sessions: Some(1 + turn / 100),
                    peer: Some(format!("10.0.0.{}:50051", turn % 2)),
                    replica: Some(format!("gateway-{}", turn % 2)),
                    recorded_response_ns: Some(NS_PER_S),
                    transcript: Some("hello word".to_owned()),
                    ..row
                }
            })
            .collect();
        let mut run = manifest();
        run.spec = serde_json::json!({
            "target": "http://gateway:50051",
            "audio": "calls",
            "timeout_ns": 30 * NS_PER_S,
            "phases": [["steady", 40 * NS_PER_S]],
            "require": ["response.p90 < 800ms", "errors < 1%"],
        })
        .into();
        run.verdict.as_mut().unwrap().reasons = vec!["a reason".to_owned()];
        run.closed_loop = Some(ClosedLoop {
            scenario: Some("light".to_owned()),
            users: 5,
            pace: "realtime".to_owned(),
            think_ns: [2 * NS_PER_S; 2],
            requests_per_user: None,
            turns_per_session: 1,
            stages: vec![
                Stage {
                    users: 5,
                    ramp_ns: 10 * NS_PER_S,
                    hold_ns: 120 * NS_PER_S,
                },
                Stage {
                    users: 0,
                    ramp_ns: 5 * NS_PER_S,
                    hold_ns: 0,
                },
            ],
        });
        let clip = ClipUsed {
            clip_id: "c11b".to_owned(),
            file: None,
            sample_rate_hz: 16_000,
            speech_method: "vad".to_owned(),
            peak_dbfs: -1.0,
            source_path: None,
            transcript: Some("hello world".to_owned()),
        };
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("run");
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("run.json"), serde_json::to_string(&run).unwrap()).unwrap();
        write_all(&dir.join("requests.parquet"), 1024, &[], &rows).unwrap();
        write_all(&dir.join("clips.parquet"), 1024, &[], &[clip]).unwrap();
        let seconds: Vec<_> = (0..40).map(second).collect();
        write_all(&dir.join("timeline.parquet"), 1024, &[], &seconds).unwrap();
        let value = ServerRow {
            series: "gpu_utilisation_percent".to_owned(),
            labels: r#"{"gpu":"0"}"#.to_owned(),
            at_ns: 0,
            value: 40.0,
        };
        write_all(&dir.join("server.parquet"), 1024, &[], &[value]).unwrap();
        let asked = ["throughput > 5/s", "goodput(response < 250ms) > 90%"];
        let asked = asked.map(|text| text.parse().unwrap());
        let words = WerAsked {
            compared: true,
            texts: true,
        };
        let run = RunDir::open(&dir).unwrap();
        let mut document =
            Document::of_run(&run, None, &asked, true, words, &TimeZone::UTC).unwrap();
        document.ours.diagnosis = vec![Finding {
            kind: Kind::StreamLimit,
            title: "a title".to_owned(),
            evidence: "figures".to_owned(),
            advice: "what to do".to_owned(),
        }];
        document.ours.ready_wait = Some(ReadyWait {
            figures: [Some(NS_PER_S)]
                .into_iter()
                .collect::<Sample>()
                .percentiles(),
            never: 1,
        });
        let errors = &mut document.ours.error_breakdown;
        errors.http_statuses = [("HTTP 429 Too Many Requests".to_owned(), 1)].into();
        errors.close_codes = [("close 1013 (try again later)".to_owned(), 1)].into();
        document.ours.unreadable = vec!["requests-00002.parquet: damaged".to_owned()];
        document
    }

    /// The fields under `path`, where names are data as `*`; quantiles are described once.
    fn fields(
        path: &str,
        value: &Value,
        quantiles: &BTreeSet<String>,
        found: &mut BTreeSet<String>,
    ) {
        let below = |name: &str| match path.is_empty() {
            true => name.to_owned(),
            false => format!("{path}.{name}"),
        };
        match value {
            Value::Object(object)
                if object
                    .keys()
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .eq(quantiles)
                    && path != "latencies.*" =>
            {
                found.insert(path.to_owned());
            }
            Value::Object(object) => {
                for (name, value) in object {
                    let is_data = NAMED_BY_DATA.contains(&path);
                    fields(
                        &below(if is_data { "*" } else { name }),
                        value,
                        quantiles,
                        found,
                    );
                }
            }
            Value::Array(items) if path != "config.*" => {
                for item in items {
                    fields(&format!("{path}[]"), item, quantiles, found);
                }
            }
            _ => {
                found.insert(path.to_owned());
            }
        }
    }

    /// The fields that the tables of the description name.
    fn described() -> BTreeSet<String> {
        let tables = DESCRIBED.split("\n## One record a request").next().unwrap();
        let originals = tables.split("\nSettings of `load_test.py`").next().unwrap();
        let ours = tables.split("## Ours").nth(1).unwrap();
        let lines = originals.lines().chain(ours.lines());
        let names = lines.filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let mut all = BTreeSet::new();
        for name in names {
            assert!(all.insert(name.to_owned()), "`{name}` is described twice");
        }
        all
    }

    #[test]
    fn every_field_of_the_document_is_described_and_every_description_has_its_field() {
        let quantiles = serde_json::to_value(Sample::default().percentiles()).unwrap();
        let quantiles: BTreeSet<String> = quantiles.as_object().unwrap().keys().cloned().collect();
        let document = serde_json::to_value(eventful()).unwrap();
        let mut found = BTreeSet::new();
        fields("", &document, &quantiles, &mut found);
        let described = described();
        let undescribed: Vec<_> = found.difference(&described).collect();
        assert!(undescribed.is_empty(), "not in DATA.md: {undescribed:?}");
        // What is described may also be an object or array that others lie below.
        let has_fields = |name: &String| found.iter().any(|field| field.starts_with(name.as_str()));
        let unknown: Vec<_> = described.iter().filter(|name| !has_fields(name)).collect();
        assert!(unknown.is_empty(), "in DATA.md alone: {unknown:?}");
    }

    #[test]
    fn settings_of_the_python_load_test_are_described() {
        let document = eventful();
        let known = [
            "max_users",
            "ramp_up_time",
            "hold_time",
            "ramp_down_time",
            "think_time",
            "requests_per_user",
            "request_timeout",
            "sample_rate",
            "language_code",
            "target_url",
            "use_ssl",
            "audio_dir",
            "total_duration",
        ];
        for name in known {
            assert!(document.config.contains_key(name), "{name}");
            assert!(DESCRIBED.contains(&format!("| `{name}` |")), "{name}");
        }
    }

    /// As a script does that was written for the Python load test.
    #[test]
    fn a_reader_of_the_python_load_test_finds_what_it_looks_for() {
        let text = serde_json::to_string(&eventful()).unwrap();
        let report: Value = serde_json::from_str(&text).unwrap();
        let number = |value: &Value| value.as_f64().unwrap();

        let summary = &report["summary"];
        assert_eq!(summary["timestamp"], "2026-09-21T14:14:01.520000");
        assert_eq!(number(&summary["total_requests"]), 400.0);
        let parts = ["successful_requests", "failed_requests", "timeout_requests"];
        let parts = parts.map(|name| number(&summary[name]));
        assert_eq!(parts, [388.0, 10.0, 2.0]);
        assert_eq!(number(&summary["success_rate"]), 0.97);
        let rate = number(&summary["total_requests"]) / number(&summary["total_duration_seconds"]);
        assert!((number(&summary["requests_per_second"]) - rate).abs() < 1e-9);

        for name in [
            "e2e",
            "asr",
            "llm_ttft",
            "llm_total",
            "tts",
            "total_duration",
        ] {
            let latency = &report["latency"][name];
            let ascending = ["min", "median", "p90", "p95", "p99", "max"];
            let ascending = ascending.map(|statistic| number(&latency[statistic]));
            assert!(ascending.is_sorted(), "{name}: {ascending:?}");
            assert!(number(&latency["mean"]) > 0.0 && number(&latency["stddev"]) >= 0.0);
            assert_eq!(number(&latency["count"]), 388.0, "{name}");
        }
        assert_eq!(number(&report["latency"]["asr"]["median"]), 1.25);

        let errors = report["errors"].as_array().unwrap();
        let counts: f64 = errors.iter().map(|error| number(&error["count"])).sum();
        assert_eq!(counts, number(&summary["failed_requests"]));
        assert_eq!(errors[0]["message"], "ASR failed");
        let config = &report["config"];
        let times = ["ramp_up_time", "hold_time", "ramp_down_time", "think_time"];
        assert_eq!(
            times.map(|name| number(&config[name])),
            [10.0, 120.0, 5.0, 2.0]
        );
        assert_eq!(config["max_users"], 5);
        assert_eq!(number(&config["total_duration"]), 135.0);
        assert_eq!(config["requests_per_user"], 0);
        assert_eq!(config["target_url"], "http://gateway:50051");
        assert_eq!(
            (&config["use_ssl"], &config["audio_dir"]),
            (&false.into(), &"calls".into())
        );
    }

    #[test]
    fn a_document_can_be_read_back() {
        let document = eventful();
        let text = serde_json::to_string(&document).unwrap();
        let read: Document = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&read.ours, &read.figures),
            (&document.ours, &document.figures)
        );
        assert_eq!(read.config, document.config);
    }

    #[test]
    fn a_document_as_a_whole() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&eventful()).unwrap());
    }
}
