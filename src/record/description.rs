//! What a trace that is recorded says of itself.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::sink_spec::SinkSpec;
use crate::clock::wall_ns;
use crate::trace::journal::Recording;
use crate::trace::manifest::Provenance;
use crate::units::NS_PER_S;

/// What one that is begun now at `place` is.
pub(super) fn begun(spec: &SinkSpec, place: &Path) -> Recording {
    let contains = [(spec.keep.audio, "audio"), (spec.keep.text, "text")].into_iter();
    let contains = contains.filter(|(kept, _)| *kept);
    let contains: Vec<String> = contains.map(|(_, what)| what.to_owned()).collect();
    let now = Timestamp::from_nanosecond(wall_ns().into()).unwrap_or_default();
    let kept = spec.retain_ns.map(SignedDuration::from_nanos);
    let delete_after = kept.and_then(|kept| now.checked_add(kept).ok());
    let name = place.file_stem().unwrap_or_default().to_string_lossy();
    let admission = &spec.admission;
    Recording {
        name: name.into_owned(),
        tool: spec.tool.clone(),
        origin_at: now.to_string(),
        delete_after: delete_after.map(|at| at.to_string()),
        // Names of metadata are in it, values are not: they may tell of people.
        settings: json!({
            "dialect": spec.dialect.name(),
            "keep": contains,
            "sample": admission.sample,
            "consent": !admission.consent.is_empty(),
            "dropped": !admission.refuse.is_empty(),
            "rotate_ns": spec.rotate_ns,
        }),
        contains,
    }
}

/// The step of its history that ends it now, with these settings.
pub(super) fn finished(spec: &SinkSpec, settings: Value) -> Provenance {
    let second = wall_ns().div_euclid(NS_PER_S);
    Provenance {
        step: "finish".to_owned(),
        tool: spec.tool.clone(),
        at: Timestamp::from_second(second)
            .unwrap_or_default()
            .to_string(),
        settings,
    }
}
