//! Serving: from a listener and a specification to a report.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::arrivals::{ArrivalsLog, ArrivalsReport};
use super::counters::GatewayReport;
use super::described::{Described, Service};
use super::metrics::GatewayGauges;
use super::realtime::Realtime;
use super::service::Service as VoiceService;
use super::shared::Shared;
use super::spec::{GatewaySpec, Served};
use super::twilio::Bot;
use super::websocket;
use crate::dialect::Carrier;
use crate::dialect::voice_workflow::voice_gateway_server::VoiceGatewayServer;
use crate::table::TableError;

/// How long calls may go on after the shutdown began.
const DRAIN: Duration = Duration::from_secs(2);

/// How long connections may take to close after their calls were cut off.
const CLOSE: Duration = Duration::from_millis(500);

/// Streams on one connection.
const STREAMS: u32 = 65_536;

/// Flow-control windows in bytes: half a minute of one call, and of a thousand on one connection.
/// The second also sets how many small frames the HTTP/2 library lets wait before it hangs up.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 1 << 30;

/// Cancelled streams that may wait to be noticed: a load tool that stops cancels all at once.
const CANCELLED_AT_ONCE: usize = 16_384;

/// Why a gateway cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// No answer could ever be produced.
    #[error("a gateway with 0 slots answers nothing; give at least 1 (--slots)")]
    NoSlots,
    /// Not a share.
    #[error("error rate {0} is not a share; give a number from 0 to 1 (--error-rate)")]
    ErrorRate(f64),
    /// Not a share.
    #[error(
        "stray interims at a rate of {0}, which is not a share; give a number from 0 to 1 (--stray-interims)"
    )]
    StrayInterims(f64),
    /// Not a share.
    #[error("{flag} {share} is not a share; give a number from 0 to 1")]
    Share {
        /// The flag that sets it.
        flag: &'static str,
        /// What was given.
        share: f64,
    },
    /// Not a factor of time.
    #[error("real-time factor {0} is not a number of seconds a second; give 0 or more (--tts-rtf)")]
    RealTimeFactor(f64),
    /// The system gave no thread or socket.
    #[error("cannot start the gateway: {0}")]
    Start(std::io::Error),
    /// Serving failed.
    #[error("the gateway's server failed: {0}")]
    Serve(#[from] tonic::transport::Error),
    /// The arrivals log could not be written.
    #[error("arrivals log: {0}")]
    ArrivalsLog(#[from] TableError),
}

impl GatewaySpec {
    fn check(&self) -> Result<(), GatewayError> {
        if self.slots == 0 {
            return Err(GatewayError::NoSlots);
        }
        if !is_share(self.error_rate) {
            return Err(GatewayError::ErrorRate(self.error_rate));
        }
        if !is_share(self.stray_interims) {
            return Err(GatewayError::StrayInterims(self.stray_interims));
        }
        let shares = match &self.serves {
            Served::StreamAudio | Served::Described(_) => Vec::new(),
            Served::Realtime(spec) => vec![
                ("--tool-calls", spec.tool_calls),
                ("--refuse", spec.refused),
            ],
            Served::Twilio(spec) => vec![("--refuse", spec.refused)],
        };
        if let Some((flag, share)) = shares.into_iter().find(|(_, share)| !is_share(*share)) {
            return Err(GatewayError::Share { flag, share });
        }
        let factor = self.model.tts_real_time_factor;
        if !(0.0..f64::INFINITY).contains(&factor) {
            return Err(GatewayError::RealTimeFactor(factor));
        }
        Ok(())
    }
}

fn is_share(share: f64) -> bool {
    (0.0..=1.0).contains(&share)
}

/// A gateway that is ready to serve.
pub struct Gateway {
    shared: Arc<Shared>,
    log: Option<ArrivalsLog>,
}

impl Gateway {
    /// A gateway that behaves as `spec` says; its arrivals log counts from now.
    ///
    /// # Errors
    /// A specification that makes no sense, or an arrivals log that cannot be created.
    pub fn new(spec: GatewaySpec) -> Result<Gateway, GatewayError> {
        spec.check()?;
        let log = spec.arrivals_log.as_deref().map(ArrivalsLog::create);
        let log = log.transpose()?;
        let shared = Shared::new(spec, log.as_ref().map(ArrivalsLog::sink));
        Ok(Gateway {
            shared: Arc::new(shared),
            log,
        })
    }

    /// What it shows to Prometheus.
    #[must_use]
    pub fn gauges(&self) -> Arc<GatewayGauges> {
        Arc::clone(&self.shared.gauges)
    }

    /// Serves callers on `listener` until `shutdown` is cancelled and the calls have ended; those
    /// that go on for more than two seconds after that are cut off.
    ///
    /// # Errors
    /// A server that fails, or an arrivals log that cannot be written.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> Result<GatewayReport, GatewayError> {
        let Gateway { shared, log } = self;
        let serving = serve(Arc::clone(&shared), listener, shutdown.clone());
        let out_of_patience = async {
            shutdown.cancelled().await;
            tokio::time::sleep(DRAIN).await;
            shared.stop.cancel();
            tokio::time::sleep(CLOSE).await;
        };
        tokio::select! {
            served = serving => served?,
            () = out_of_patience => {}
        }

        let mut report = shared.counters.report();
        if let Some(log) = log {
            // Waits for the writer's thread: not on a thread that serves.
            let finished = tokio::task::spawn_blocking(move || log.finish()).await;
            let ArrivalsReport { logged, lost } = match finished {
                Ok(result) => result?,
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            };
            report.arrivals_logged = logged;
            report.arrivals_lost = lost;
        }
        Ok(report)
    }
}

/// Serves callers on `listener` in the gateway's protocol, until `shutdown` and the end of their calls.
async fn serve(
    shared: Arc<Shared>,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> Result<(), GatewayError> {
    match shared.spec.serves.clone() {
        Served::StreamAudio => {}
        Served::Realtime(spec) => {
            websocket::serve(shared, Realtime(spec), listener, shutdown).await;
            return Ok(());
        }
        Served::Twilio(spec) => {
            websocket::serve(shared, Bot(spec), listener, shutdown).await;
            return Ok(());
        }
        Served::Described(server) if server.nature().carrier == Carrier::WebSocket => {
            websocket::serve(shared, Described(server), listener, shutdown).await;
            return Ok(());
        }
        Served::Described(server) => {
            let (_, health) = tonic_health::server::health_reporter();
            let service = Service::new(shared, server, Routes::new(health));
            let serving = http2().serve_with_incoming_shutdown(
                service,
                incoming(listener),
                shutdown.cancelled_owned(),
            );
            return Ok(serving.await?);
        }
    }
    let service = VoiceGatewayServer::new(VoiceService(shared));
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter
        .set_serving::<VoiceGatewayServer<VoiceService>>()
        .await;
    http2()
        .add_service(health)
        .add_service(service)
        .serve_with_incoming_shutdown(incoming(listener), shutdown.cancelled_owned())
        .await?;
    Ok(())
}

fn incoming(listener: TcpListener) -> TcpIncoming {
    TcpIncoming::from(listener).with_nodelay(Some(true))
}

/// A server of HTTP/2 with limits for many callers on a connection.
fn http2() -> Server {
    Server::builder()
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_pending_accept_reset_streams(Some(CANCELLED_AT_ONCE))
}

#[cfg(test)]
mod tests {
    use super::super::spec::RealtimeSpec;
    use super::*;

    #[test]
    fn specifications_without_sense_are_refused() {
        let with = |change: fn(&mut GatewaySpec)| {
            let mut spec = GatewaySpec::default();
            change(&mut spec);
            spec.check().map_err(|error| error.to_string())
        };
        assert_eq!(with(|_| ()), Ok(()));
        assert!(with(|spec| spec.slots = 0).is_err());
        assert!(with(|spec| spec.error_rate = 1.5).is_err());
        assert!(with(|spec| spec.error_rate = f64::NAN).is_err());
        assert!(with(|spec| spec.stray_interims = -0.1).is_err());
        assert!(with(|spec| spec.stray_interims = f64::NAN).is_err());
        let realtime = |tool_calls, refused| {
            let spec = GatewaySpec {
                serves: Served::Realtime(RealtimeSpec {
                    tool_calls,
                    refused,
                    ..RealtimeSpec::default()
                }),
                ..GatewaySpec::default()
            };
            spec.check().map_err(|error| error.to_string())
        };
        assert_eq!(realtime(0.5, 1.0), Ok(()));
        assert!(realtime(-0.1, 0.0).is_err_and(|said| said.contains("--tool-calls")));
        assert!(realtime(0.0, 1.1).is_err_and(|said| said.contains("--refuse")));
        assert!(with(|spec| spec.model.tts_real_time_factor = -1.0).is_err());
    }
}
