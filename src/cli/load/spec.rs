//! From arguments to a run that is to be made.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::args::LoadArgs;
use crate::campaign::{Callers, RunSpec};
use crate::cli::stamp;
use crate::conversation::audible::Threshold;
use crate::replay::connections::Opening;
use crate::replay::{ReplaySpec, TurnTiming};
use crate::report::require::{Metric, Requirement};
use crate::results::settings::{Setting, Settings};
use crate::trace::stream::Bundle;

impl LoadArgs {
    /// The run that is to be made of `bundle` by these callers, with `settings` of the command's own.
    pub(crate) fn spec(
        &self,
        name: &str,
        bundle: &Arc<Bundle>,
        callers: Callers,
        turn_timing: TurnTiming,
        settings: Settings,
    ) -> RunSpec {
        RunSpec {
            name: name.to_owned(),
            dir: self.place.run_dir.clone(),
            bundle: bundle.clone(),
            callers,
            engine: self.engine(turn_timing),
            sessions_per_connection: self.connections.sessions_per_connection,
            settings: self.shown(settings),
            labels: self.kept.labels.iter().cloned().collect(),
            campaign: None,
            texts: self.outputs.include_text,
            zone: stamp::zone(),
        }
    }

    /// How the engine is set, as far as the load does not decide it.
    fn engine(&self, turn_timing: TurnTiming) -> ReplaySpec {
        let engine = ReplaySpec {
            workers: self.schedule.workers(),
            opening: Opening {
                balance: self.connections.balance,
                cold: self.connections.cold_connections,
                resolve_every: Duration::from_nanos(
                    self.connections.resolve_every.ns.unsigned_abs(),
                ),
            },
            pacer: self.schedule.pacer,
            spin_ns: self.schedule.spin.ns,
            coalesce_ns: self.schedule.coalesce.ns,
            clip_memory_bytes: self.schedule.clip_memory.bytes,
            turn_timing,
            timeout_ns: self.answers.timeout.ns,
            playout_buffer_ns: self.answers.playout_buffer.ns,
            audible: Threshold {
                dbfs: self.answers.audible_threshold.dbfs,
            },
            replica_header: self.connections.replica_header.clone(),
            keep_text: !self.kept.no_text,
            messages: self.kept.messages,
            webhook: self.to.webhook.is_some(),
            ..ReplaySpec::default()
        };
        self.protocol.engine(&self.resolved, engine)
    }

    /// Whether words are compared: for themselves, or for what is to hold at each load.
    fn compares_words(&self) -> bool {
        let mut required = self.campaign.find_capacity.iter();
        self.outputs.wer || required.any(|requirement| requirement.metric == Metric::Wer)
    }

    /// What makes a turn good, for what is to hold at each load.
    fn goodput(&self) -> Setting<Vec<Setting<String>>> {
        let required = self.campaign.find_capacity.iter();
        let conditions = required.filter_map(Requirement::conditions);
        let conditions: Vec<_> = conditions.map(|one| one.to_string().into()).collect();
        match conditions.is_empty() {
            true => Setting::Missing,
            false => conditions.into(),
        }
    }

    /// The settings of a run: these, and `others`.
    fn shown(&self, others: Settings) -> Settings {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let tls = &self.to.tls;
        let required = self.outputs.require.iter();
        let required: Vec<Setting<String>> = required.map(|one| one.to_string().into()).collect();
        let others = self.protocol.shown(&self.resolved, others);
        Settings {
            target: self.to.shown().into(),
            ca: path(&tls.ca).into(),
            cert: path(&tls.cert).into(),
            server_name: tls.server_name.clone().into(),
            insecure_skip_verify: tls.insecure_skip_verify.into(),
            force: self.force.into(),
            allow_invalid: self.kept.allow_invalid.into(),
            strict_verdict: self.kept.strict_verdict.into(),
            wer: self.compares_words().into(),
            goodput: self.goodput(),
            require: required.into(),
            ..others
        }
    }
}
