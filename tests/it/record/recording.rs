//! What is recorded: the same calls as were sent, and of them no more than was asked for.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use voicelt::trace::model::SessionRows;
use voicelt::trace::model::{EventKind, ReplyKind};
use voicelt::trace::stream::Bundle;

use crate::replay::replay_into;
use crate::support::Desk;

/// Six calls of two turns each within a second, from an open microphone.
const CALLS: &str = "--synth speech-like:600ms --turns 2 --answer-time 1s \
                     --arrivals constant:6/s --sessions 6";

/// The session's chunks: for each, the bytes that were sent and when, after its start.
pub(super) fn chunks(bundle: &Bundle, rows: &SessionRows) -> Vec<(i64, Vec<u8>)> {
    let mut chunks = Vec::new();
    for event in &rows.events {
        let pcm: Vec<u8> = match (event.kind, event.clip) {
            (EventKind::Audio, Some(clip)) => {
                let clip = &bundle.clips[clip as usize];
                let samples = bundle.clip_samples(clip, 0..clip.samples).unwrap().unwrap();
                samples.iter().flat_map(|s| s.to_le_bytes()).collect()
            }
            (EventKind::Fill, _) => vec![0; event.chunk_bytes as usize * event.count as usize],
            _ => continue,
        };
        let pcm = pcm.get(event.offset_bytes as usize..).unwrap_or_default();
        let sized = pcm.chunks(event.chunk_bytes as usize);
        for (k, chunk) in (1..=i64::from(event.count)).zip(sized) {
            let left_ns = event.at_ns + k * event.interval_ns - rows.session.start_ns;
            chunks.push((left_ns, chunk.to_vec()));
        }
    }
    chunks
}

/// The sessions of a bundle by their names.
pub(super) fn sessions(place: &Path) -> (Bundle, BTreeMap<String, SessionRows>) {
    let bundle = Bundle::open(place).unwrap();
    bundle.verify_clips().unwrap();
    let sessions = bundle.sessions().unwrap().map(|rows| {
        let rows = rows.unwrap();
        (rows.session.session_id.clone(), rows)
    });
    let sessions = sessions.collect();
    (bundle, sessions)
}

/// Replays `trace`, with these flags, against `target`.
fn replay(desk: &Desk, trace: &str, target: &str, run: &str, flags: &str) {
    let replay = replay_into(target, run).replace("calls.vtrace", trace);
    desk.voicelt(&format!("{replay} {flags}")).exits(0);
}

/// Replays `trace` through a recorder into `live.vtrace`, which is then moved to `to`.
fn record(desk: &Desk, trace: &str, flags: &str, to: &str) -> String {
    let (_gateway, gateway) = desk.gateway("--slots 50");
    let (recorder, address) = desk.recorder(&gateway, flags);
    let run = format!("run-{to}");
    replay(desk, trace, &address, &run, "--keep-session-ids");
    let told = recorder.interrupt().exits(0).said();
    std::fs::rename(desk.path("live.vtrace"), desk.path(to)).unwrap();
    desk.voicelt(&format!("trace check {to}")).exits(0);
    told
}

#[test]
fn a_recording_that_is_replayed_is_recorded_the_same_again() {
    let desk = Desk::with_trace(CALLS);
    let told = record(&desk, "calls.vtrace", "--keep audio,text", "a.vtrace");
    assert!(told.contains("6 of 6 are in the trace"), "{told}");
    assert!(told.contains("added     to gateway: p50"), "{told}");
    record(&desk, "a.vtrace", "--keep audio,text", "b.vtrace");

    let (prepared, planned) = sessions(&desk.path("calls.vtrace"));
    let (first, firsts) = sessions(&desk.path("a.vtrace"));
    let (second, seconds) = sessions(&desk.path("b.vtrace"));
    assert_eq!((firsts.len(), seconds.len()), (6, 6));
    let sent = |chunks: Vec<(i64, Vec<u8>)>| -> Vec<_> {
        chunks.into_iter().map(|(_, bytes)| bytes).collect()
    };
    for (name, plan) in &planned {
        let (one, two) = (&firsts[name], &seconds[name]);
        let of_plan = sent(chunks(&prepared, plan));
        assert!(of_plan == sent(chunks(&first, one)), "{name}: other chunks");
        assert!(
            of_plan == sent(chunks(&second, two)),
            "{name}: other chunks"
        );
        assert_eq!((one.turns.len(), two.turns.len()), (2, 2), "{name}");
        assert_eq!(one.session.recorded_status.as_deref(), Some("OK"));
        let kinds: Vec<_> = one.replies.iter().map(|reply| reply.kind).collect();
        for kind in [
            ReplyKind::Transcript,
            ReplyKind::Processing,
            ReplyKind::Audio,
        ] {
            assert!(kinds.contains(&kind), "{name}: no {kind}");
        }
        let texts = one.replies.iter().filter_map(|reply| reply.text.as_ref());
        assert!(texts.count() > 0, "text was to be kept");
    }
    assert_eq!(first.manifest.contains, ["audio", "text"]);
    assert!(first.manifest.origin_at.is_some());
    let steps: Vec<_> = first
        .manifest
        .provenance
        .iter()
        .map(|s| s.step.as_str())
        .collect();
    assert_eq!(steps, ["record", "finish"]);
    let finish = &first.manifest.provenance[1].settings;
    assert_eq!((&finish["streams"], &finish["cut"]), (&6.into(), &0.into()));
    assert!(finish["to_gateway"]["p99_ns"].as_i64().unwrap() > 0);
}

#[test]
fn a_recording_is_for_its_owner_alone() {
    let desk = Desk::with_trace(CALLS);
    let flags = "--keep audio --retain 30d";
    record(&desk, "calls.vtrace", flags, "a.vtrace");
    let mut folders = vec![desk.path("a.vtrace")];
    while let Some(folder) = folders.pop() {
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700, "{folder:?}");
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => assert_eq!(mode(&path), 0o600, "{path:?}"),
            }
        }
    }
    let (bundle, sessions) = sessions(&desk.path("a.vtrace"));
    assert!(bundle.manifest.delete_after.is_some());
    // Names of sessions may be those of people, so that they go with the text.
    assert!(
        sessions.keys().all(|name| !name.contains("calls")),
        "{sessions:?}"
    );
    for reply in sessions.values().flat_map(|rows| &rows.replies) {
        assert!(
            reply.text.is_none() || reply.kind == ReplyKind::Status,
            "{reply:?}"
        );
    }
}

#[test]
fn of_timing_alone_a_replay_sends_speech_of_the_same_lengths() {
    let desk = Desk::with_trace(CALLS);
    record(&desk, "calls.vtrace", "--timing-only", "a.vtrace");
    record(&desk, "a.vtrace", "--keep audio,text", "b.vtrace");
    let (prepared, planned) = sessions(&desk.path("calls.vtrace"));
    let (timing, _) = sessions(&desk.path("a.vtrace"));
    assert!(timing.clips.iter().all(|clip| clip.file.is_none()));
    assert!(timing.manifest.contains.is_empty());
    let (second, seconds) = sessions(&desk.path("b.vtrace"));
    let lengths = |bundle: &Bundle, rows| -> Vec<usize> {
        chunks(bundle, rows)
            .iter()
            .map(|(_, bytes)| bytes.len())
            .collect()
    };
    let mut plans: Vec<_> = planned
        .values()
        .map(|rows| lengths(&prepared, rows))
        .collect();
    let mut found: Vec<_> = seconds
        .values()
        .map(|rows| lengths(&second, rows))
        .collect();
    plans.sort();
    found.sort();
    assert!(plans == found, "the lengths differ");
    assert!(seconds.values().all(|rows| rows.turns.len() == 2));
}

#[test]
fn only_calls_that_may_be_are_recorded() {
    let desk = Desk::with_trace(CALLS);
    let flags = "--timing-only --consent-header x-consent=yes";
    let (_gateway, gateway) = desk.gateway("");
    let (recorder, address) = desk.recorder(&gateway, flags);
    for consent in ["no", "yes"] {
        let flags = format!("--limit 1 --header 'x-consent: {consent}'");
        replay(&desk, "calls.vtrace", &address, consent, &flags);
    }
    recorder.interrupt().exits(0).says("2 passed, 1 chosen");
    assert_eq!(sessions(&desk.path("live.vtrace")).1.len(), 1);
}

#[test]
fn metadata_that_is_kept_is_sent_again() {
    let desk = Desk::with_trace(CALLS);
    let (_gateway, gateway) = desk.gateway("");
    let record = |trace: &str, headers: &str, to: &str| {
        let flags = "--timing-only --keep-header x-tenant";
        let (recorder, address) = desk.recorder(&gateway, flags);
        let flags = format!("--limit 1 {headers}");
        replay(&desk, trace, &address, &format!("run-{to}"), &flags);
        recorder.interrupt().exits(0);
        std::fs::rename(desk.path("live.vtrace"), desk.path(to)).unwrap();
        let sessions = sessions(&desk.path(to)).1;
        sessions.values().next().unwrap().session.metadata.clone()
    };
    let headers = "--header 'x-tenant: acme' --header 'x-phone: 1234'";
    let kept = Some(r#"[["x-tenant","acme"]]"#.to_owned());
    assert_eq!(record("calls.vtrace", headers, "a.vtrace"), kept);
    assert_eq!(record("a.vtrace", "", "b.vtrace"), kept);
}

#[test]
fn what_is_kept_must_be_said_and_nothing_is_written_over() {
    let desk = Desk::new();
    let record = "record --listen 127.0.0.1:0 --upstream 127.0.0.1:1";
    desk.voicelt(&format!("{record} -o live.vtrace"))
        .refused("--timing-only");
    assert!(!desk.path("live.vtrace").exists());
    desk.folder("taken");
    desk.voicelt(&format!("{record} -o taken --timing-only"))
        .refused("taken");
}
