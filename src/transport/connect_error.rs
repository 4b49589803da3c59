//! Why there is no connection, and whether the peer or this machine is to blame.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

/// Why there is no connection.
#[derive(Debug)]
pub enum ConnectError {
    /// The name has no address.
    Resolve {
        /// The name.
        host: String,
        /// The system's reason.
        source: io::Error,
    },
    /// Nothing listens there, or it cannot be reached.
    Tcp {
        /// The address.
        address: String,
        /// The system's reason.
        source: io::Error,
    },
    /// This machine has no room for a further connection, whatever the gateway would say.
    OurLimit {
        /// The address.
        address: String,
        /// The system's reason.
        source: io::Error,
        /// Which limit it is, and what raises it.
        limit: String,
    },
    /// It took too long.
    TimedOut {
        /// The address.
        address: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// TLS failed.
    Tls {
        /// The address.
        address: String,
        /// The reason.
        reason: String,
        /// What to do about it.
        advice: String,
    },
    /// The peer does not speak HTTP/2.
    Http2 {
        /// The address.
        address: String,
        /// The reason.
        reason: String,
        /// Whether TLS was spoken.
        tls: bool,
    },
    /// A certificate or key of ours, or those to trust, cannot be used.
    Pem {
        /// The file.
        path: String,
        /// The reason.
        reason: String,
        /// What it takes instead.
        advice: &'static str,
    },
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.found(), self.advice())
    }
}

impl std::error::Error for ConnectError {}

impl ConnectError {
    /// A name that could not be resolved.
    pub(super) fn resolve(host: &str, source: io::Error) -> ConnectError {
        let host = host.to_owned();
        match our_limit(&source, None) {
            Some(limit) => ConnectError::OurLimit {
                address: host,
                source,
                limit,
            },
            None => ConnectError::Resolve { host, source },
        }
    }

    /// A socket that could not be opened or connected.
    pub(super) fn tcp(peer: SocketAddr, source: io::Error) -> ConnectError {
        let address = peer.to_string();
        match our_limit(&source, Some(peer)) {
            Some(limit) => ConnectError::OurLimit {
                address,
                source,
                limit,
            },
            None => ConnectError::Tcp { address, source },
        }
    }

    /// What is wrong, and where.
    #[must_use]
    pub fn found(&self) -> String {
        match self {
            ConnectError::Resolve { host, source } => format!("cannot resolve {host}: {source}"),
            ConnectError::Tcp { address, source } => {
                format!("cannot connect to {address}: {source}")
            }
            ConnectError::OurLimit {
                address, source, ..
            } => format!("no further connection to {address} can be opened: {source}"),
            ConnectError::TimedOut { address, seconds } => {
                format!("{address} did not answer within {seconds} s")
            }
            ConnectError::Tls {
                address, reason, ..
            } => format!("TLS with {address} failed: {reason}"),
            ConnectError::Http2 {
                address, reason, ..
            } => format!("{address} does not speak HTTP/2: {reason}"),
            ConnectError::Pem { path, reason, .. } => format!("{path}: {reason}"),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> &str {
        match self {
            ConnectError::Resolve { .. } => "check the name and the network",
            ConnectError::Tcp { .. } => {
                "check that the gateway runs and listens on this port, and what lies between"
            }
            ConnectError::OurLimit { limit, .. } => limit,
            ConnectError::TimedOut { .. } => "check the port, firewalls and proxies",
            ConnectError::Tls { advice, .. } => advice,
            ConnectError::Http2 { tls: false, .. } => {
                "check that this is the gateway's gRPC port, and use https:// if it speaks TLS"
            }
            ConnectError::Http2 { tls: true, .. } => {
                "check that this is the gateway's gRPC port, and that a proxy before it has HTTP/2 on"
            }
            ConnectError::Pem { advice, .. } => advice,
        }
    }

    /// Whether a limit of this machine was hit, which says nothing about the gateway.
    #[must_use]
    pub fn is_our_limit(&self) -> bool {
        matches!(self, ConnectError::OurLimit { .. })
    }
}

/// The limit of ours behind `error`, in a clause that says what raises it.
fn our_limit(error: &io::Error, peer: Option<SocketAddr>) -> Option<String> {
    match (Errno::from_io_error(error)?, peer) {
        (Errno::MFILE, _) => Some(match getrlimit(Resource::Nofile).current {
            Some(limit) => format!(
                "this process may have {limit} files open, raise it with `ulimit -n` or use fewer connections"
            ),
            None => "this process has too many files open, use fewer connections".to_owned(),
        }),
        (Errno::NFILE, _) => Some(
            "this machine has too many files open, raise fs.file-max or use fewer connections"
                .to_owned(),
        ),
        (Errno::ADDRNOTAVAIL, Some(peer)) if has_way_to(peer) => Some(
            "all local ports towards it are taken, widen net.ipv4.ip_local_port_range or use fewer connections"
                .to_owned(),
        ),
        _ => None,
    }
}

/// Whether this machine has an address of its own to speak to `peer` from. Without one (IPv6 that
/// is switched off, say) connecting fails just as it does when all TCP ports are taken; UDP, whose
/// ports are others, tells the two apart without sending anything.
fn has_way_to(peer: SocketAddr) -> bool {
    let any = match peer {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    UdpSocket::bind(any).is_ok_and(|socket| socket.connect(peer).is_ok())
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV6;

    use super::*;

    fn tcp(peer: &str, errno: Errno) -> ConnectError {
        ConnectError::tcp(peer.parse().unwrap(), errno.into())
    }

    #[test]
    fn limits_of_this_machine_are_told_from_those_of_the_gateway() {
        for (errno, advice) in [
            (Errno::MFILE, "ulimit -n"),
            (Errno::NFILE, "fs.file-max"),
            (Errno::ADDRNOTAVAIL, "ip_local_port_range"),
        ] {
            let error = tcp("127.0.0.1:50051", errno);
            assert!(error.is_our_limit(), "{error}");
            assert!(error.to_string().contains(advice), "{error}");
        }
        for errno in [Errno::CONNREFUSED, Errno::TIMEDOUT, Errno::NETUNREACH] {
            assert!(!tcp("127.0.0.1:50051", errno).is_our_limit());
        }
        assert!(ConnectError::resolve("gw", Errno::MFILE.into()).is_our_limit());
        assert!(!ConnectError::resolve("gw", io::Error::other("no such name")).is_our_limit());
    }

    #[test]
    fn an_address_that_this_machine_cannot_speak_to_is_no_limit() {
        // On the link of an interface that does not exist.
        let address = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
        let peer = SocketAddrV6::new(address, 1, 0, 999_999);
        let error = ConnectError::tcp(peer.into(), Errno::ADDRNOTAVAIL.into());
        assert!(!error.is_our_limit(), "{error}");
    }
}
