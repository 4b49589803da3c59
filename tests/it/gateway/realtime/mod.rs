//! The reference gateway as a server of OpenAI Realtime, with a WebSocket client of another make.

mod connections;
mod line;
mod odd;
mod turns;
mod types;

use voicelt::gateway::{Distribution, GatewaySpec, RealtimeSpec, Served};

use super::call;

/// Quick, and as `realtime` says.
fn spec(realtime: RealtimeSpec) -> GatewaySpec {
    GatewaySpec {
        serves: Served::Realtime(realtime),
        ..call::quick()
    }
}

async fn serve() -> call::Served {
    call::Served::start(spec(RealtimeSpec::default())).await
}

/// A gateway whose answers begin and then take ten minutes.
fn slow() -> GatewaySpec {
    let mut spec = spec(RealtimeSpec::default());
    spec.model.llm_token_interval = Distribution::Constant(600_000_000_000);
    spec
}
