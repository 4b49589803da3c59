//! What a server's certificate says of itself, for people: trust is decided by `rustls`, not here.

use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// Names of a certificate that are kept; a certificate of a large host has hundreds.
const MOST_NAMES: usize = 8;

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The first host names and addresses that it is for.
    pub names: Vec<String>,
    /// When it expires, seconds since 1970-01-01 UTC.
    pub not_after_s: i64,
}

impl Certificate {
    /// Reads a certificate in DER; `None` when it is damaged.
    pub(super) fn read(der: &[u8]) -> Option<Certificate> {
        let certificate = CertificateInner::<Raw>::from_der(der).ok()?;
        let said = certificate.tbs_certificate();
        let alternatives = said.get_extension::<SubjectAltName>().ok().flatten();
        let names = alternatives.map(|(_, names)| names.0.into_iter());
        let names = names.into_iter().flatten().filter_map(|name| match name {
            GeneralName::DnsName(name) => Some(name.to_string()),
            GeneralName::IpAddress(bytes) => ip(bytes.as_bytes()),
            _ => None,
        });
        let not_after = said.validity().not_after.to_unix_duration();
        Some(Certificate {
            subject: said.subject().to_string(),
            issuer: said.issuer().to_string(),
            names: names.take(MOST_NAMES).collect(),
            not_after_s: i64::try_from(not_after.as_secs()).ok()?,
        })
    }
}

fn ip(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|b| std::net::Ipv4Addr::from(b).to_string());
    let v6 = || <[u8; 16]>::try_from(bytes).map(|b| std::net::Ipv6Addr::from(b).to_string());
    v4.or_else(|_| v6()).ok()
}

/// The day of an instant in seconds since 1970-01-01 UTC, as `2026-11-26`.
#[must_use]
pub fn day(unix_s: impl TryInto<i64>) -> String {
    let instant = unix_s.try_into().ok();
    let instant = instant.and_then(|s| jiff::Timestamp::from_second(s).ok());
    instant.map_or_else(
        || "a day beyond the calendar".to_owned(),
        |instant| instant.strftime("%Y-%m-%d").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_says_whose_it_is_and_until_when() {
        let mut made = rcgen::CertificateParams::new(vec!["gw.example".into()]).unwrap();
        made.subject_alt_names
            .push(rcgen::SanType::IpAddress([127, 0, 0, 1].into()));
        made.not_after = rcgen::date_time_ymd(2031, 2, 3);
        made.distinguished_name = rcgen::DistinguishedName::new();
        made.distinguished_name
            .push(rcgen::DnType::CommonName, "gateway");
        let key = rcgen::KeyPair::generate().unwrap();
        let der = made.self_signed(&key).unwrap().der().to_vec();
        let read = Certificate::read(&der).unwrap();
        assert_eq!(read.subject, "CN=gateway");
        assert_eq!(read.issuer, "CN=gateway");
        assert_eq!(read.names, ["gw.example", "127.0.0.1"]);
        assert_eq!(day(read.not_after_s), "2031-02-03");
        assert_eq!(Certificate::read(&der[..der.len() / 2]), None);
    }

    #[test]
    fn instants_beyond_the_calendar_are_no_panic() {
        assert_eq!(day(0), "1970-01-01");
        for unix_s in [i64::MAX, i64::MIN] {
            assert_eq!(day(unix_s), "a day beyond the calendar");
        }
        assert_eq!(day(u64::MAX), "a day beyond the calendar");
    }
}
