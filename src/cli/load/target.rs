//! The gateway that a load goes to: one that is there, or the reference gateway in this process.

use anyhow::anyhow;

use super::failure::unreached;
use crate::cli::exit::BadInput;
use crate::cli::secrets::shown;
use crate::cli::tls::TlsArgs;
use crate::gateway::{Embedded, GatewaySpec};
use crate::replay::Gateway;
use crate::results::settings::EMBEDDED;
use crate::transport::endpoint::Endpoint;

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
        help_heading = None
    )]
    pub(crate) target: String,
    /// Request header, repeatable; values are never written anywhere
    #[arg(long = "header", value_name = "KEY:VALUE", value_parser = header, help_heading = "Connections")]
    pub(crate) headers: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
}

impl TargetArgs {
    /// Where the gateway is; the reference gateway is started where that is the target.
    ///
    /// # Errors
    /// [`BadInput`] for a target that cannot be read; a reference gateway that cannot start.
    pub(crate) fn locate(&self) -> anyhow::Result<(Endpoint, Option<Embedded>)> {
        if self.target == EMBEDDED {
            let embedded = Embedded::start(GatewaySpec::default())?;
            return Ok((embedded.addr().to_string().parse()?, Some(embedded)));
        }
        let endpoint = self.target.parse::<Endpoint>();
        let endpoint = endpoint.map_err(|error| {
            // It repeats the target, in which there may be a password.
            let said = error.to_string();
            let said = said.replace(&self.target, &shown("target", &self.target));
            BadInput(anyhow!("--target: {said}"))
        })?;
        Ok((endpoint, None))
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
    pub(super) fn open(args: &TargetArgs) -> anyhow::Result<Target> {
        let (endpoint, embedded) = args.locate()?;
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
