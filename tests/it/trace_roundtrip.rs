//! Whatever trace can be compiled comes back from its bundle as it was.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use proptest::prelude::*;
use voicelt::trace::Trace;
use voicelt::trace::arrivals::{Arrivals, Limits};
use voicelt::trace::compile::{CompileSpec, compile};
use voicelt::trace::extent::Extent;
use voicelt::trace::layout::CallSpec;
use voicelt::trace::manifest::{Provenance, TraceManifest};
use voicelt::trace::model::{ClipRow, Microphone, SpeechMethod};
use voicelt::trace::pace::Pace;
use voicelt::trace::pick::Pick;
use voicelt::trace::staging::Staging;
use voicelt::trace::stream::Bundle;

use crate::support::sample;

const MS: i64 = 1_000_000;

fn clips() -> impl Strategy<Value = Vec<ClipRow>> {
    let clip = (
        1_u64..50_000,
        0.0..1.0,
        0.0..1.0,
        0..4_usize,
        level(),
        text(),
        text(),
    );
    let numbered = |clips: Vec<_>| {
        let rows = (0..).zip(clips);
        let rows = rows.map(
            |(number, (samples, start, end, method, level, source, words))| {
                let at = |part: f64| (part * samples as f64) as u64;
                let (start, end): (f64, f64) = (start, end);
                ClipRow {
                    clip: number,
                    clip_id: format!("{number:064x}"),
                    file: (number % 2 == 0).then(|| format!("clips/{number}.wav")),
                    sample_rate_hz: 16_000,
                    samples,
                    speech_start_samples: at(start.min(end)),
                    speech_end_samples: at(start.max(end)),
                    speech_method: SpeechMethod::ALL[method],
                    peak_dbfs: level,
                    rms_dbfs: level,
                    source_path: source,
                    transcript: words,
                }
            },
        );
        rows.collect()
    };
    prop::collection::vec(clip, 1..6).prop_map(numbered)
}

fn level() -> impl Strategy<Value = f64> {
    prop_oneof![Just(f64::NEG_INFINITY), -100.0..0.0]
}

fn text() -> impl Strategy<Value = Option<String>> {
    prop::option::of(any::<String>())
}

fn span<T: Ord + Copy>(a: T, b: T) -> RangeInclusive<T> {
    a.min(b)..=a.max(b)
}

fn arrivals() -> impl Strategy<Value = Option<Arrivals>> {
    let rate = 0.1..50.0;
    prop::option::of(prop_oneof![
        rate.clone().prop_map(Arrivals::Constant),
        rate.prop_map(Arrivals::Poisson),
        (1_u64..30).prop_map(Arrivals::Uniform),
        (1_u64..30, 0..1_000 * MS)
            .prop_map(|(sessions, at_ns)| Arrivals::Burst { sessions, at_ns }),
    ])
}

fn specs() -> impl Strategy<Value = CompileSpec> {
    let callers = (
        arrivals(),
        1_u64..30,
        (1_u32..4, 1_u32..4),
        (0..3_000_i64, 0..3_000_i64),
    );
    let microphone = prop::option::of(prop::sample::select(Microphone::ALL));
    let times = (0..5_000_i64, 0..1_000_i64, 1..200_i64);
    let choices = (
        prop::sample::select(Pick::ALL),
        "[a-z]{2}(-[A-Z]{2})?",
        any::<u64>(),
    );
    (callers, microphone, times, choices).prop_map(
        |((arrivals, sessions, turns, think), microphone, times, choices)| CompileSpec {
            arrivals,
            limits: Limits {
                sessions: Some(sessions),
                duration_ns: Some(60_000 * MS),
            },
            turns: span(turns.0, turns.1),
            think_ns: span(think.0 * MS, think.1 * MS),
            call: CallSpec {
                microphone,
                answer_time_ns: times.0 * MS,
                hang_ns: times.1 * MS,
                chunk_ns: times.2 * MS,
                pace: Pace::RealTime,
                language_code: choices.1,
            },
            pick: choices.0,
            seed: choices.2,
        },
    )
}

fn manifest(name: &str, seed: Option<u64>) -> TraceManifest {
    TraceManifest {
        origin_at: seed.map(|_| "2026-01-01T00:00:00Z".to_owned()),
        seed,
        provenance: vec![Provenance {
            step: "prepare".to_owned(),
            tool: "a test".to_owned(),
            at: "2026-01-01T00:00:00Z".to_owned(),
            settings: serde_json::json!({ "name": name, "seed": seed }),
        }],
        ..sample::manifest(name, "prepared")
    }
}

/// Reads the bundle of `trace` session by session: that must give the same rows, extent and seal.
fn streamed_is(trace: &Trace, extent: Extent) -> Result<(), TestCaseError> {
    let bundle = Bundle::open(&trace.dir).unwrap();
    prop_assert_eq!(&bundle.clips[..], &trace.clips[..]);
    prop_assert_eq!(bundle.manifest.extent, Some(extent));
    prop_assert_eq!(bundle.extent().unwrap(), extent);
    prop_assert_eq!(bundle.check().unwrap(), extent);
    let (mut sessions, mut turns, mut events) = (Vec::new(), Vec::new(), Vec::new());
    for rows in bundle.sessions().unwrap() {
        let rows = rows.unwrap();
        let number = rows.session.session;
        prop_assert!(rows.turns.iter().all(|turn| turn.session == number));
        prop_assert!(rows.events.iter().all(|event| event.session == number));
        sessions.push(rows.session);
        turns.extend(rows.turns);
        events.extend(rows.events);
    }
    prop_assert_eq!(&sessions, &trace.sessions);
    prop_assert_eq!(&turns, &trace.turns);
    prop_assert_eq!(&events, &trace.events);
    let sealed_anew = Bundle::seal(&trace.dir).unwrap();
    prop_assert_eq!(&sealed_anew.manifest, &trace.manifest);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_saved_trace_is_read_as_it_was(
        clips in clips(),
        spec in specs(),
        name in any::<String>(),
        seed in any::<Option<u64>>(),
        ids in prop::collection::vec(any::<String>(), 0..4),
    ) {
        let mut compiled = compile(&clips, &spec).unwrap();
        // Recorded sessions have names of any kind and an end; those of prepared ones are plain.
        for (session, id) in compiled.sessions.iter_mut().zip(ids) {
            session.session_id = format!("{}{id}", session.session)
                .chars()
                .take(50)
                .collect();
            session.recorded_end_ns = Some(session.start_ns + 1);
            session.recorded_status = Some(id);
        }
        let folder = tempfile::tempdir().unwrap();
        let staging = Staging::begin(&folder.path().join("a.vtrace")).unwrap();
        let trace = Trace {
            dir: PathBuf::new(),
            manifest: manifest(&name, seed),
            sessions: compiled.sessions,
            turns: compiled.turns,
            events: compiled.events,
            clips,
        };
        let saved = trace.save(staging, &[]).unwrap();
        let read = Trace::open(&folder.path().join("a.vtrace")).unwrap();
        prop_assert_eq!(&read, &saved);
        prop_assert_eq!(read.manifest.sessions, read.sessions.len() as u64);
        let extent = Extent::of(&read.sessions, &read.events);
        prop_assert_eq!(read.manifest.duration_ns, extent.duration_ns);
        prop_assert_eq!(extent.turns, read.turns.len() as u64);
        streamed_is(&read, extent)?;
    }
}
