//! The gateway that a load goes to: one that is there, or the reference gateway in this process.

use std::sync::Arc;

use anyhow::anyhow;

use super::failure::unreached;
use crate::cli::exit::BadInput;
use crate::cli::secrets::shown;
use crate::cli::tls::TlsArgs;
use crate::dialect::described::Server;
use crate::dialect::{self, Dialect};
use crate::gateway::{BotSpec, Embedded, GatewaySpec, RealtimeSpec, Served};
use crate::replay::Gateway;
use crate::results::settings::EMBEDDED;
use crate::transport::endpoint::{Carrier, Endpoint};

/// How a gateway is reached.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct TargetArgs {
    /// The gateway: host:port, a URL, or `embedded` for the reference gateway in this process
    #[arg(
        short,
        long,
        value_name = "URL",
        default_value = "http://localhost:50051",
        env = "VOICELT_TARGET",
        hide_env_values = true,
        help_heading = None
    )]
    pub(crate) target: String,
    /// twilio: instead of a target, the URL that is told of each call by an HTTP POST, and answers with TwiML where its
    /// audio is to go
    #[arg(
        long,
        value_name = "URL",
        conflicts_with = "target",
        help_heading = "Protocol"
    )]
    pub(crate) webhook: Option<String>,
    /// Request header, repeatable; values are never written anywhere
    #[arg(long = "header", value_name = "KEY:VALUE", value_parser = header, help_heading = "Connections")]
    pub(crate) headers: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
}

impl TargetArgs {
    /// Where the gateway of this dialect is; the reference gateway is started where that is the target.
    ///
    /// # Errors
    /// [`BadInput`] for a target that cannot be read; a reference gateway that cannot start.
    pub(crate) fn locate(&self, dialect: &Dialect) -> anyhow::Result<(Endpoint, Option<Embedded>)> {
        let carrier = match dialect.nature().carrier {
            dialect::Carrier::Http2 => Carrier::Http2,
            dialect::Carrier::WebSocket => Carrier::WebSocket,
        };
        if self.is_embedded() {
            let spec = GatewaySpec {
                serves: served(dialect)?,
                ..GatewaySpec::default()
            };
            let embedded = Embedded::start(spec)?;
            let endpoint: Endpoint = embedded.addr().to_string().parse()?;
            return Ok((endpoint.carried_by(carrier)?, Some(embedded)));
        }
        let (flag, target) = self.named();
        let endpoint = target.parse::<Endpoint>();
        let endpoint = endpoint.and_then(|endpoint| endpoint.carried_by(carrier));
        let endpoint = endpoint.map_err(|error| {
            // It repeats the target, in which there may be a password.
            let said = error.to_string();
            let said = said.replace(target, &self.shown());
            BadInput(anyhow!("--{flag}: {said}"))
        })?;
        Ok((endpoint, None))
    }

    /// Whether it is the reference gateway in this process.
    fn is_embedded(&self) -> bool {
        self.webhook.is_none() && self.target == EMBEDDED
    }

    /// What is called, and the flag that says so.
    fn named(&self) -> (&'static str, &str) {
        match &self.webhook {
            Some(webhook) => ("webhook", webhook),
            None => ("target", &self.target),
        }
    }

    /// Templates that sessions fill in: what is called, by its flag.
    pub(super) fn template(&self) -> (String, &str) {
        let (flag, target) = self.named();
        (format!("--{flag}"), target)
    }

    /// The target as it may be shown.
    pub(crate) fn shown(&self) -> String {
        let (flag, target) = self.named();
        shown(flag, target)
    }
}

/// What the reference gateway is to serve.
///
/// # Errors
/// [`BadInput`] for a protocol that it does not speak.
fn served(dialect: &Dialect) -> Result<Served, BadInput> {
    match dialect {
        Dialect::Realtime(_) => Ok(Served::Realtime(RealtimeSpec::default())),
        Dialect::Twilio(_) => Ok(Served::Twilio(BotSpec::default())),
        Dialect::Described(described) => match Server::new(Arc::clone(described)) {
            Ok(server) => Ok(Served::Described(Arc::new(server))),
            Err(why) => Err(BadInput(anyhow!(
                "--target: the reference gateway does not speak {}: {why}; give the address of a server that does",
                described.name()
            ))),
        },
        _ => Ok(Served::StreamAudio),
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a header is KEY:VALUE")?;
    // What stands there may be a part of the secret.
    let name = http::HeaderName::from_bytes(name.trim().to_lowercase().as_bytes())
        .map_err(|_| "what stands before the colon is no header name; write KEY:VALUE")?;
    let value = value.trim();
    http::HeaderValue::from_str(value)
        .map_err(|_| format!("the value of `{name}` is no header value"))?;
    Ok((name.to_string(), value.to_owned()))
}

/// A target that answers.
pub(super) struct Target {
    gateway: Gateway,
    embedded: Option<Embedded>,
}

impl Target {
    /// Opens a connection to the target of `args` and closes it again; starts the reference gateway
    /// where that is the target.
    ///
    /// # Errors
    /// A target that cannot be reached.
    pub(super) fn open(args: &TargetArgs, dialect: &Dialect) -> anyhow::Result<Target> {
        let (endpoint, embedded) = args.locate(dialect)?;
        let gateway = Gateway::reach(endpoint, &args.tls.options()).map_err(unreached)?;
        Ok(Target { gateway, embedded })
    }

    /// How it is reached.
    pub(super) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Lets the reference gateway end, where it is in this process.
    ///
    /// # Errors
    /// The gateway's.
    pub(super) fn close(self) -> anyhow::Result<()> {
        match self.embedded {
            Some(gateway) => gateway.stop().map(|_| ()).map_err(Into::into),
            None => Ok(()),
        }
    }
}
