//! Why there is no connection, and whether the peer or this machine is to blame.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name has no address.
    #[error("cannot resolve {host}: {source}; check the name and the network")]
    Resolve {
        /// The name.
        host: String,
        /// The system's reason.
        source: io::Error,
    },
    /// Nothing listens there, or it cannot be reached.
    #[error(
        "cannot connect to {address}: {source}; check that the gateway runs and listens on this port"
    )]
    Tcp {
        /// The address.
        address: String,
        /// The system's reason.
        source: io::Error,
    },
    /// This machine has no room for a further connection, whatever the gateway would say.
    #[error("no further connection to {address} can be opened: {source}; {limit}")]
    OurLimit {
        /// The address.
        address: String,
        /// The system's reason.
        source: io::Error,
        /// Which limit it is, and what raises it.
        limit: String,
    },
    /// It took too long.
    #[error("{address} did not answer within {seconds} s; check the port, firewalls and proxies")]
    TimedOut {
        /// The address.
        address: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// TLS failed.
    #[error(
        "TLS with {address} failed: {reason}; check https:// against http://, the name in the certificate, and --ca"
    )]
    Tls {
        /// The address.
        address: String,
        /// The reason.
        reason: String,
    },
    /// The peer does not speak HTTP/2.
    #[error(
        "{address} does not speak HTTP/2: {reason}; check that this is the gateway's gRPC port"
    )]
    Http2 {
        /// The address.
        address: String,
        /// The reason.
        reason: String,
    },
    /// The certificates to trust cannot be read.
    #[error("{path}: {reason}; --ca takes a PEM file of certificates")]
    Ca {
        /// The file.
        path: String,
        /// The reason.
        reason: String,
    },
}

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
