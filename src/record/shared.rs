//! What all connections of a proxy share, and how they are ended.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::delay::Delays;
use super::tap::Tap;
use crate::transport::channel::Connector;

/// Ends a proxy: first the arrival of calls, then the calls.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// No more connections and streams are accepted; calls under way may end.
    pub arrivals: CancellationToken,
    /// All calls end now.
    pub calls: CancellationToken,
}

/// What connections share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) connector: Connector,
    pub(super) tap: Tap,
    pub(super) delays: Arc<Delays>,
    pub(super) stop: Stop,
    /// Callers over WebSockets may agree on extensions that hide what they say.
    pub(super) pass_extensions: bool,
}
