//! Limits that proxies put on streams unless they are told otherwise.

use super::measure::Measure;
use crate::units::NS_PER_S;

/// A limit that is known by its figure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// What it is on.
    pub(super) measures: &'static [Measure],
    /// Its figure.
    pub(super) value: i64,
    /// Whose it is.
    pub(super) whose: &'static str,
    /// What to set.
    pub(super) advice: &'static str,
}

/// The defaults that people meet, each once.
pub(super) const KNOWN: [Known; 6] = [
    Known {
        measures: &[Measure::Age, Measure::SinceRequest],
        value: 15 * NS_PER_S,
        whose: "the default of Envoy's route timeout (15 s)",
        advice: "Set `timeout: 0s` on the gateway's route in Envoy (Contour: `timeoutPolicy.response: \
                 infinity`), and max_stream_duration too if it is set.",
    },
    Known {
        measures: &[Measure::Age, Measure::SinceRequest],
        value: 30 * NS_PER_S,
        whose: "the default of the backend service timeout of Google Cloud's load balancers (30 s)",
        advice: "Raise the timeout of the backend service (on GKE: `timeoutSec` of its BackendConfig) \
                 above the longest call.",
    },
    Known {
        measures: &[Measure::Age, Measure::SinceRequest],
        value: 60 * NS_PER_S,
        whose: "the default of nginx's grpc_read_timeout, grpc_send_timeout, proxy_read_timeout and \
                client_body_timeout (60 s)",
        advice: "Raise grpc_read_timeout, grpc_send_timeout and client_body_timeout above the longest \
                 call (ingress-nginx: annotations proxy-read-timeout and proxy-send-timeout). AWS's \
                 ALB has an idle timeout of 60 s as well.",
    },
    Known {
        measures: &[Measure::Age, Measure::SinceRequest],
        value: 300 * NS_PER_S,
        whose: "the default of Envoy's stream_idle_timeout (5 min), and of Cloud Run's request timeout",
        advice: "Set `stream_idle_timeout: 0s` in Envoy's connection manager, or above the longest \
                 call.",
    },
    Known {
        measures: &[Measure::Age],
        value: 3_600 * NS_PER_S,
        whose: "the longest session of OpenAI Realtime (60 min)",
        advice: "Let callers begin a new session before that, and carry over what was said.",
    },
    Known {
        measures: &[Measure::Bytes],
        value: 1 << 20,
        whose: "the default of nginx's client_max_body_size (1 MiB)",
        advice: "Set `client_max_body_size 0` in nginx (ingress-nginx: annotation proxy-body-size: \"0\").",
    },
];
