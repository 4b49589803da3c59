//! What lies around a run that its rows do not tell: its clips, the GPUs behind the gateway, and the
//! runs beside it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::report::steady::Windows;
use crate::results::manifest::{ExitReason, RunManifest};
use crate::results::neighbours::ClipUsed;
use crate::results::reader::RunDir;
use crate::results::row::ServerRow;

/// The scenario of one user that others are compared with.
const BASELINE: &str = "baseline";
/// Scenarios after which a gateway needs rest.
const WEARING: [&str; 2] = ["heavy", "spike"];
/// How long it needs.
const REST: SignedDuration = SignedDuration::from_secs(60);

/// What lies around a run.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The clips of the trace; empty where they are not known.
    pub clips: Vec<ClipUsed>,
    /// How busy each GPU behind the gateway was, the mean in percent; empty where they are not known.
    pub gpus: Vec<f64>,
    /// The run is a baseline itself.
    pub is_baseline: bool,
    /// Name of a baseline of the same target and the same clips.
    pub baseline: Option<String>,
    /// How many runs were made together.
    pub repeats: u32,
    /// Names of runs against the same target so close that one of the two had no rest before it.
    pub too_close: Vec<String>,
}

impl Surroundings {
    /// Looks around `run`. What cannot be read is taken as not there: it is the summary's to tell.
    #[must_use]
    pub fn of(run: &RunDir) -> Surroundings {
        let manifest = run.manifest();
        let clips = run.clips().unwrap_or_default();
        let target = &manifest.spec.target;
        let others = run.neighbours();
        let others: Vec<&RunDir> = others
            .iter()
            .filter(|other| target.get().is_some() && other.manifest().spec.target == *target)
            .collect();
        let baseline = others.iter().find(|other| {
            let is_whole = other.manifest().exit_reason == ExitReason::Finished;
            is_whole && is_baseline(other.manifest()) && has_clips(other, &clips)
        });
        let name = |other: &&RunDir| other.manifest().name.clone();
        let too_close = others
            .iter()
            .filter(|other| lacks_rest(manifest, other.manifest()));
        Surroundings {
            gpus: gpus(&run.server().unwrap_or_default(), &Windows::of(manifest)),
            is_baseline: is_baseline(manifest),
            baseline: baseline.map(name),
            repeats: manifest.campaign.as_ref().map_or(1, |campaign| campaign.of),
            too_close: too_close.map(name).collect(),
            clips,
        }
    }
}

fn scenario(run: &RunManifest) -> Option<&str> {
    run.closed_loop.as_ref()?.scenario.as_deref()
}

fn is_baseline(run: &RunManifest) -> bool {
    scenario(run) == Some(BASELINE)
}

fn has_clips(run: &RunDir, clips: &[ClipUsed]) -> bool {
    let ids = |clips: &[ClipUsed]| -> BTreeSet<String> {
        clips.iter().map(|clip| clip.clip_id.clone()).collect()
    };
    run.clips().is_ok_and(|others| ids(&others) == ids(clips))
}

/// Whether one of the two began before the other, which wears a gateway out, had been over for long
/// enough.
fn lacks_rest(a: &RunManifest, b: &RunManifest) -> bool {
    let (Some(a_began), Some(b_began)) = (began(a), began(b)) else {
        return false;
    };
    let (first, second_began) = if a_began <= b_began {
        (a, b_began)
    } else {
        (b, a_began)
    };
    let is_wearing = scenario(first).is_some_and(|name| WEARING.contains(&name));
    let ended = first.finished_at.as_ref().and_then(|at| at.parse().ok());
    is_wearing && ended.is_some_and(|ended: Timestamp| second_began < ended + REST)
}

fn began(run: &RunManifest) -> Option<Timestamp> {
    run.started_at.parse().ok()
}

/// How busy each GPU among the series was: those whose name speaks of a GPU's utilisation, such as
/// `gpu_utilisation_percent`, which are in percent. The mean over the steady phase, or over all where it is not
/// known.
fn gpus(rows: &[ServerRow], steady: &Windows) -> Vec<f64> {
    let is_use = |row: &&ServerRow| {
        let name = row.series.to_lowercase();
        name.contains("gpu") && name.contains("util") && row.value.is_finite()
    };
    let rows = rows.iter().filter(is_use);
    let mut sums: BTreeMap<(&str, &str), (f64, u32)> = BTreeMap::new();
    for row in rows.filter(|row| steady.contain(row.at_ns)) {
        let (sum, samples) = sums.entry((&row.series, &row.labels)).or_default();
        *sum += row.value;
        *samples += 1;
    }
    let sums = sums.into_values();
    sums.map(|(sum, samples)| sum / f64::from(samples))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::manifest::{Campaign, ClosedLoop};
    use crate::results::row::Phase;
    use crate::results::sample::manifest;
    use crate::table::write_all;
    use std::fs;
    use std::path::Path;

    fn scenario_run(
        name: &str,
        scenario: Option<&str>,
        started: &str,
        finished: &str,
    ) -> RunManifest {
        let mut run = manifest();
        run.run_id = name.to_owned();
        run.name = name.to_owned();
        run.started_at = format!("2026-09-21T{started}Z");
        run.finished_at = Some(format!("2026-09-21T{finished}Z"));
        run.closed_loop = scenario.map(|scenario| ClosedLoop {
            scenario: Some(scenario.to_owned()),
            users: 50,
            pace: "realtime".to_owned(),
            think_ns: [1, 1],
            requests_per_user: None,
            turns_per_session: 1,
            stages: Vec::new(),
        });
        run
    }

    fn put(runs: &Path, run: &RunManifest, clip_ids: &[&str]) {
        let dir = runs.join(&run.name);
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("run.json"), serde_json::to_string(run).unwrap()).unwrap();
        let clip = |id: &&str| ClipUsed {
            clip_id: (*id).to_owned(),
            file: None,
            sample_rate_hz: 8_000,
            speech_method: "vad".to_owned(),
            peak_dbfs: -1.0,
            source_path: None,
            transcript: None,
        };
        let clips: Vec<_> = clip_ids.iter().map(clip).collect();
        write_all(&dir.join("clips.parquet"), 1024, &[], &clips).unwrap();
    }

    fn around(runs: &Path, name: &str) -> Surroundings {
        Surroundings::of(&RunDir::open(&runs.join(name)).unwrap())
    }

    #[test]
    fn a_baseline_is_of_the_same_target_and_the_same_clips() {
        let place = tempfile::tempdir().unwrap();
        let runs = place.path();
        put(
            runs,
            &scenario_run("a", None, "10:00:00", "10:01:00"),
            &["x", "y"],
        );
        put(
            runs,
            &scenario_run("clips", Some("baseline"), "11:00:00", "11:01:00"),
            &["x"],
        );
        let mut elsewhere = scenario_run("target", Some("baseline"), "12:00:00", "12:01:00");
        elsewhere.spec.target = "http://other:1".into();
        put(runs, &elsewhere, &["x", "y"]);
        let mut cut = scenario_run("cut", Some("baseline"), "13:00:00", "13:01:00");
        cut.exit_reason = ExitReason::Interrupted;
        put(runs, &cut, &["x", "y"]);
        assert_eq!(around(runs, "a").baseline, None);
        put(
            runs,
            &scenario_run("it", Some("baseline"), "14:00:00", "14:01:00"),
            &["y", "x"],
        );
        assert_eq!(around(runs, "a").baseline.as_deref(), Some("it"));
        assert!(around(runs, "it").is_baseline);
    }

    #[test]
    fn what_wears_a_gateway_out_needs_a_minute_before_the_next() {
        let place = tempfile::tempdir().unwrap();
        let runs = place.path();
        let mut light = scenario_run("light", Some("light"), "10:00:00", "10:05:00");
        light.campaign = Some(Campaign {
            campaign_id: String::new(),
            number: 1,
            of: 3,
            cool_down_ns: 0,
        });
        put(runs, &light, &[]);
        put(
            runs,
            &scenario_run("heavy", Some("heavy"), "10:05:10", "10:10:00"),
            &[],
        );
        put(
            runs,
            &scenario_run("soon", None, "10:10:59", "10:12:00"),
            &[],
        );
        put(
            runs,
            &scenario_run("later", None, "10:11:00", "10:12:00"),
            &[],
        );
        let close = |name: &str| around(runs, name).too_close;
        assert_eq!(close("light"), [""; 0], "a light run wears nothing out");
        assert_eq!(close("heavy"), ["soon"]);
        assert_eq!(close("soon"), ["heavy"]);
        assert_eq!(close("later"), [""; 0]);
        assert_eq!(
            (around(runs, "light").repeats, around(runs, "soon").repeats),
            (3, 1)
        );
    }

    #[test]
    fn damaged_clips_are_no_reason_to_know_nothing() {
        let place = tempfile::tempdir().unwrap();
        let run = scenario_run("a", None, "10:00:00", "10:01:00");
        put(place.path(), &run, &["x"]);
        fs::write(place.path().join("a/clips.parquet"), "cut off").unwrap();
        let around = around(place.path(), "a");
        assert_eq!((around.clips.len(), around.repeats), (0, 1));
    }

    #[test]
    fn gpus_are_told_apart_and_averaged_over_the_steady_phase() {
        let row = |series: &str, labels: &str, at_ns, value| ServerRow {
            series: series.to_owned(),
            at_ns,
            value,
            labels: labels.to_owned(),
        };
        let rows = [
            row("gpu_utilisation_percent", "gpu=0", 5, 100.0),
            row("gpu_utilisation_percent", "gpu=0", 15, 60.0),
            row("gpu_utilisation_percent", "gpu=0", 16, 70.0),
            row("gpu_utilisation_percent", "gpu=1", 15, 20.0),
            row("gpu_utilisation_percent", "gpu=1", 16, f64::NAN),
            row("gpu_memory_used_mib", "gpu=0", 15, 80.0),
            row("gateway_active_streams", "", 15, 7.0),
        ];
        let mut run = manifest();
        run.spec.phases = vec![(Phase::Warmup.into(), 10), (Phase::Steady.into(), 20)].into();
        let means: Vec<f64> = gpus(&rows, &Windows::of(&run));
        assert_eq!(means, [65.0, 20.0]);
        assert_eq!(gpus(&rows, &Windows::default()).len(), 2);
    }
}
