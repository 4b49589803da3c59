//! The settings of a run, with those of the Python load test by its names.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::seconds::seconds;
use crate::results::manifest::{ClosedLoop, RunManifest, Stage};
use crate::results::neighbours::ClipUsed;
use crate::results::settings::Setting;

/// The settings of `run.json` as they were resolved, and beside them those of the Python load test,
/// where the run has them, in seconds and bytes.
pub(super) fn config(
    run: &RunManifest,
    clips: &[ClipUsed],
    languages: &BTreeSet<String>,
) -> Map<String, Value> {
    let spec = &run.spec;
    let mut config = spec.listed();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            config.insert(name.to_owned(), value);
        }
    };
    let in_seconds = |setting: &Setting<i64>| setting.get().map(|ns| seconds(*ns).into());
    let target = spec.target.get();
    put("target_url", target.map(|target| target.clone().into()));
    put(
        "use_ssl",
        target.map(|target| target.starts_with("https://").into()),
    );
    put("audio_dir", spec.audio.written());
    let rates: BTreeSet<u32> = clips.iter().map(|clip| clip.sample_rate_hz).collect();
    put("request_timeout", in_seconds(&spec.timeout_ns));
    put("sample_rate", only(&rates).map(|rate| (*rate).into()));
    put(
        "language_code",
        only(languages).map(|code| code.clone().into()),
    );
    if let Some(users) = &run.closed_loop {
        put("max_users", Some(users.users.into()));
        put(
            "ramp_up_time",
            Some(ramps(users, |before, stage| stage > before).into()),
        );
        put("hold_time", Some(hold(users).into()));
        put(
            "ramp_down_time",
            Some(ramps(users, |before, stage| stage < before).into()),
        );
        put("think_time", Some(think(users).into()));
        put(
            "requests_per_user",
            Some(users.requests_per_user.unwrap_or(0).into()),
        );
        let length_ns = users
            .stages
            .iter()
            .map(|stage| stage.ramp_ns + stage.hold_ns);
        put("total_duration", Some(seconds(length_ns.sum()).into()));
        put("chunk_size", spec.chunk_bytes.written());
        put("chunk_delay", in_seconds(&spec.chunk_interval_ns));
    }
    config
}

/// What all have in common, where they are all the same.
fn only<T: Ord>(values: &BTreeSet<T>) -> Option<&T> {
    values.first().filter(|_| values.len() == 1)
}

/// How long the ramps take that change the number of users so.
fn ramps(users: &ClosedLoop, is_such: fn(u32, u32) -> bool) -> f64 {
    let before = std::iter::once(0).chain(users.stages.iter().map(|stage| stage.users));
    let such = before
        .zip(&users.stages)
        .filter(|(before, stage)| is_such(*before, stage.users));
    seconds(such.map(|(_, stage)| stage.ramp_ns).sum())
}

/// How long users stay as many as they are.
fn hold(users: &ClosedLoop) -> f64 {
    let held = users.stages.iter().filter(|stage| stage.users > 0);
    seconds(held.map(|stage: &Stage| stage.hold_ns).sum())
}

/// The mean of the shortest and the longest think time.
fn think(users: &ClosedLoop) -> f64 {
    let [shortest, longest] = users.think_ns;
    f64::midpoint(seconds(shortest), seconds(longest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample::manifest;
    use crate::units::NS_PER_S;
    use serde_json::json;

    #[test]
    fn users_are_configured_in_the_words_of_the_python_load_test() {
        let stage = |users, ramp_s: i64, hold_s: i64| Stage {
            users,
            ramp_ns: ramp_s * NS_PER_S,
            hold_ns: hold_s * NS_PER_S,
        };
        let mut run = manifest();
        run.spec.timeout_ns = (30 * NS_PER_S).into();
        run.closed_loop = Some(ClosedLoop {
            scenario: Some("medium".to_owned()),
            users: 20,
            pace: "realtime".to_owned(),
            think_ns: [NS_PER_S, 2 * NS_PER_S],
            requests_per_user: None,
            turns_per_session: 1,
            stages: vec![stage(10, 15, 60), stage(20, 15, 240), stage(0, 10, 0)],
        });
        let config = config(&run, &[], &["de-DE".to_owned()].into());
        let expected = json!({
            "target": "http://gateway:50051",
            "timeout_ns": 30_000_000_000_i64,
            "request_timeout": 30.0,
            "language_code": "de-DE",
            "max_users": 20,
            "ramp_up_time": 30.0,
            "hold_time": 300.0,
            "ramp_down_time": 10.0,
            "think_time": 1.5,
            "requests_per_user": 0,
            "total_duration": 340.0,
            "target_url": "http://gateway:50051",
            "use_ssl": false,
        });
        assert_eq!(Value::Object(config), expected);
    }

    #[test]
    fn a_replay_has_no_users_and_what_differs_between_calls_is_left_out() {
        let clip = |sample_rate_hz| ClipUsed {
            clip_id: String::new(),
            file: None,
            sample_rate_hz,
            speech_method: "vad".to_owned(),
            peak_dbfs: 0.0,
            source_path: None,
            transcript: None,
        };
        let languages = ["de-DE", "en-US"].map(str::to_owned).into();
        let config = config(&manifest(), &[clip(8_000), clip(8_000)], &languages);
        let expected = json!({
            "target": "http://gateway:50051",
            "target_url": "http://gateway:50051",
            "use_ssl": false,
            "sample_rate": 8_000,
        });
        assert_eq!(Value::Object(config), expected);
    }
}
