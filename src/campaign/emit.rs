//! What the users of a closed loop did, as a trace that is replayed in an open loop.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use super::error::EmitError;
use super::run::RunReport;
use crate::clock::wall_ns;
use crate::results::manifest::{TOOL, second};
use crate::results::row::RequestRow;
use crate::trace::layout::{Begins, CallSpec, Utterance, lay_out};
use crate::trace::manifest::Provenance;
use crate::trace::model::ClipRow;
use crate::trace::stream::Bundle;
use crate::trace::writer::{BundleWriter, ClipAudio};

/// When a session of the run began each of its utterances, and which clip that was.
type Sessions = BTreeMap<String, Vec<(i64, String)>>;

/// Writes the requests of the run, which said clips of `bundle`, as the trace `place`; returns how many
/// sessions it has.
///
/// # Errors
/// A run that cannot be read, or a trace that cannot be written.
pub fn emit(
    RunReport { run, .. }: &RunReport,
    bundle: &Bundle,
    call: &CallSpec,
    place: &Path,
) -> Result<u64, EmitError> {
    let mut sessions = Sessions::new();
    run.for_each_request(|row: RequestRow| {
        if let (Some(clip_id), Some(_)) = (row.clip_id, row.started_ns) {
            let turns = sessions.entry(row.session_id).or_default();
            turns.push((row.intended_start_ns, clip_id));
        }
    })?;
    let mut sessions: Vec<(String, Vec<(i64, String)>)> = sessions.into_iter().collect();
    for (_, turns) in &mut sessions {
        turns.sort_unstable();
    }
    sessions.sort_by_key(|(_, turns)| turns[0].0);
    let first_ns = sessions.first().map_or(0, |(_, turns)| turns[0].0);

    let mut writer = BundleWriter::create(place)?;
    let clips = of_id(bundle);
    for (session_id, turns) in &sessions {
        let mut said = Vec::new();
        for (at_ns, clip_id) in turns {
            let Some(row) = clips.get(clip_id.as_str()) else {
                continue;
            };
            let path = row.file.as_ref().map(|file| bundle.dir.join(file));
            let audio = path.as_deref().map_or(ClipAudio::Unknown, ClipAudio::File);
            let number = writer.clip((*row).clone(), audio)?;
            let clip = ClipRow {
                clip: number,
                ..(*row).clone()
            };
            said.push((at_ns - first_ns, clip));
        }
        let utterances = said.iter().map(|(at_ns, clip)| Utterance {
            clip,
            begins: Begins::At(*at_ns),
        });
        let utterances: Vec<_> = utterances.collect();
        let Some((start_ns, _)) = said.first() else {
            continue;
        };
        let mut rows = lay_out(call, 0, *start_ns, &utterances);
        rows.session.session_id.clone_from(session_id);
        writer.session(rows)?;
    }
    let mut manifest = bundle.manifest.clone();
    let name = place.file_stem().unwrap_or_default();
    manifest.name = name.to_string_lossy().into_owned();
    manifest.created_at = second(wall_ns()).to_string();
    manifest.tool = TOOL.to_owned();
    manifest.provenance.push(Provenance {
        step: "run".to_owned(),
        tool: manifest.tool.clone(),
        at: manifest.created_at.clone(),
        settings: json!({
            "run_id": run.manifest().run_id,
            "closed_loop": run.manifest().closed_loop,
        }),
    });
    let made = writer.finish(&manifest)?;
    Ok(made.manifest.sessions)
}

fn of_id(bundle: &Bundle) -> BTreeMap<&str, &ClipRow> {
    let clips = bundle.clips.iter();
    clips.map(|clip| (clip.clip_id.as_str(), clip)).collect()
}
