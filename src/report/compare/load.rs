//! Whether two runs were asked for the same load, and whether their turns can be paired.

use serde_json::Value;

use super::gather::Input;
use super::model::{LoadCheck, LoadItem};
use crate::results::manifest::{ClosedLoop, ExitReason, RunManifest, VerdictLevel};
use crate::results::protocol::DialectName;
use crate::results::settings::{Setting, Settings};
use crate::units::{Human, duration_text, grouped, share_percent};

/// How far what was achieved may lie below what was offered before that is said.
const SHORT: f64 = 0.99;

/// Whether turns are paired, and why or why not.
pub(super) fn pairing(base: &Input, run: &Input) -> Result<String, String> {
    let (base, run) = (&base.manifest, &run.manifest);
    if base.closed_loop.is_some() || run.closed_loop.is_some() {
        return Err("users of a closed loop say what they say at their own times".to_owned());
    }
    match base.trace.content_blake3 == run.trace.content_blake3 {
        true => Ok(format!("both are replays of trace {}", base.trace.name)),
        false => Err(format!(
            "the traces differ ({} and {})",
            base.trace.name, run.trace.name
        )),
    }
}

/// A property of how a run spoke to its server: its name, what a run has that does not say it, and what is said.
type Spoken = (&'static str, &'static str, fn(&Settings) -> Option<String>);

/// How both runs spoke to their servers, as far as one of them says more than every run once was: what differs
/// there makes figures that do not mean the same.
pub(super) fn protocol(base: &Input, run: &Input) -> Vec<LoadItem> {
    let spoken: [Spoken; 7] = [
        ("dialect", DialectName::StreamAudio.name(), |of| {
            told(&of.dialect)
        }),
        ("description", "none", |of| told(&of.description)),
        ("profile", "none", |of| told(&of.profile)),
        ("wire format", "as traced", |of| told(&of.wire_format)),
        ("endpointing", "as traced", |of| told(&of.endpointing)),
        ("audible over", "-50", |of| told(&of.audible_dbfs)),
        ("answer gap", "none", |of| told(&of.answer_gap_ns)),
    ];
    let item = |(name, unsaid, of): Spoken| {
        let [base, run] = [base, run].map(|input| {
            let said = of(&input.manifest.spec);
            said.unwrap_or_else(|| unsaid.to_owned())
        });
        let is_usual = base == unsaid && run == unsaid;
        (!is_usual).then(|| LoadItem {
            name: name.to_owned(),
            equal: base == run,
            base,
            run,
        })
    };
    spoken.into_iter().filter_map(item).collect()
}

/// The value of a setting, also of one that this version does not know; `None` where there is none.
fn told<T: ToString>(setting: &Setting<T>) -> Option<String> {
    match setting {
        Setting::Known(value) => Some(value.to_string()),
        Setting::Missing | Setting::Other(Value::Null) => None,
        Setting::Other(Value::String(name)) => Some(name.clone()),
        Setting::Other(value) => Some(value.to_string()),
    }
}

/// The name of a figure of the load, and how it is shown.
type Figure<R> = (&'static str, fn(&R) -> String);

/// What both runs were asked for.
pub(super) fn check(base: &Input, run: &Input) -> LoadCheck {
    let spoken = protocol(base, run);
    let (base, run) = (&base.manifest, &run.manifest);
    let mut items = Vec::new();
    let mut item = |name: &str, equal: bool, base: String, run: String| {
        items.push(LoadItem {
            name: name.to_owned(),
            base,
            run,
            equal,
        });
    };
    let same_trace = base.trace.content_blake3 == run.trace.content_blake3;
    let trace = |of: &RunManifest| {
        let hash = of.trace.content_blake3.get(..8);
        match same_trace {
            true => of.trace.name.clone(),
            false => format!("{} ({})", of.trace.name, hash.unwrap_or_default()),
        }
    };
    item("audio", same_trace, trace(base), trace(run));
    match (&base.closed_loop, &run.closed_loop) {
        (None, None) => {
            let figures: [Figure<RunManifest>; 6] = [
                ("sessions", |of| grouped(of.planned.sessions)),
                ("turns", |of| grouped(of.planned.turns)),
                ("chunks", |of| grouped(of.planned.chunks)),
                ("at once", |of| grouped(of.planned.peak_sessions)),
                ("length", |of| Human(of.planned.duration_ns).to_string()),
                ("callers", callers),
            ];
            for (name, of) in figures {
                item(name, of(base) == of(run), of(base), of(run));
            }
        }
        (Some(base), Some(run)) => {
            let figures: [Figure<ClosedLoop>; 6] = [
                ("users", |of| of.users.to_string()),
                ("stages", stages),
                ("thinking", thinking),
                ("requests", |of| match of.requests_per_user {
                    Some(most) => format!("{most} a user"),
                    None => "without limit".to_owned(),
                }),
                ("turns", |of| format!("{} a session", of.turns_per_session)),
                ("pace", |of| of.pace.clone()),
            ];
            for (name, of) in figures {
                item(name, of(base) == of(run), of(base), of(run));
            }
        }
        (base, run) => {
            let kind = |of: &Option<ClosedLoop>| match of {
                Some(users) => format!("closed loop of {} users", users.users),
                None => "replay".to_owned(),
            };
            item("kind", false, kind(base), kind(run));
        }
    }
    items.extend(spoken);
    LoadCheck {
        equal: items.iter().all(|item| item.equal),
        items,
    }
}

fn callers(run: &RunManifest) -> String {
    match (run.spec.reactive.is_set(), run.spec.barge_in_ns.get()) {
        (_, Some(ns)) => format!("speak into answers after {}", Human(*ns)),
        (true, None) => "wait for answers".to_owned(),
        (false, None) => "keep to the trace".to_owned(),
    }
}

fn stages(of: &ClosedLoop) -> String {
    let stage = |stage: &crate::results::manifest::Stage| {
        let (ramp, hold) = (duration_text(stage.ramp_ns), duration_text(stage.hold_ns));
        format!("{} in {ramp} for {hold}", stage.users)
    };
    let stages: Vec<_> = of.stages.iter().map(stage).collect();
    stages.join(", ")
}

fn thinking(of: &ClosedLoop) -> String {
    let [least, most] = of.think_ns.map(duration_text);
    if least == most {
        least
    } else {
        format!("{least}..{most}")
    }
}

/// What a reader should know of the two runs.
pub(super) fn warnings(base: &Input, run: &Input) -> Vec<String> {
    let mut warnings = Vec::new();
    if base.manifest.run_id == run.manifest.run_id {
        warnings.push(format!("{} is the base itself", run.side.run.name));
    }
    for input in [base, run] {
        let name = &input.side.run.name;
        match input.side.verdict.as_ref().map(|verdict| verdict.level) {
            Some(VerdictLevel::Invalid) => warnings.push(format!(
                "{name} did not keep its schedule: its figures are not to be trusted"
            )),
            Some(VerdictLevel::Degraded) => {
                warnings.push(format!("{name} kept its schedule with minor violations"));
            }
            Some(VerdictLevel::Valid) | None => {}
        }
        let ended = match input.manifest.exit_reason {
            ExitReason::Finished => None,
            ExitReason::Running => Some("is under way"),
            ExitReason::Killed => Some("was killed"),
            ExitReason::Unknown => Some("was killed, or is under way elsewhere"),
            ExitReason::Interrupted => Some("was stopped before its end"),
            ExitReason::Failed => Some("ended by an error of voicelt's own"),
        };
        warnings.extend(ended.map(|how| format!("{name} {how}")));
        if let Some(rates) = &input.load.rates {
            let share = rates.achieved_chunks_per_s / rates.offered_chunks_per_s;
            if share < SHORT {
                let sent = share_percent(share, 1);
                warnings.push(format!("{name} sent {sent} of the load it was to send"));
            }
        }
        if input.manifest.spec.is_without_endpointing() {
            warnings.push(format!("the figures of {name} are without endpointing"));
        }
        warnings.extend(input.unreadable.iter().cloned());
    }
    let name = &run.side.run.name;
    let [base, run] = [base, run].map(|input| (input.manifest.spec.dialect(), input.answers));
    if base.0.is_websocket() != run.0.is_websocket() {
        warnings.push(format!(
            "one of the base and {name} used WebSockets, where a wait for the peer can hide in buffers: times blocked \
             do not compare"
        ));
    }
    if base.1 != run.1 {
        warnings.push(format!(
            "the answers of the base consist of {}, those of {name} of {}",
            base.1, run.1
        ));
    }
    warnings
}
