//! Which calls are recorded, decided by a call's metadata before anything of it is kept.

use std::str::FromStr;

use http::HeaderMap;
use http::header::HeaderName;

/// Metadata that can never be kept, since it lets others in.
const SECRET: [&str; 8] = [
    "api-key",
    "authorization",
    "cookie",
    "proxy-authorization",
    // Browsers cannot set another header than this.
    "sec-websocket-protocol",
    "set-cookie",
    "x-api-key",
    "x-twilio-signature",
];

/// Which calls are recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Admission {
    /// Only calls that carry one of these; all when empty.
    pub consent: Vec<HeaderValue>,
    /// No call that carries one of these.
    pub refuse: Vec<HeaderValue>,
    /// Share of the calls that remain, 0 to 1.
    pub sample: f64,
    /// Metadata that is kept with a call.
    pub keep_headers: Vec<KeptName>,
}

impl Default for Admission {
    fn default() -> Admission {
        Admission {
            consent: Vec::new(),
            refuse: Vec::new(),
            sample: 1.0,
            keep_headers: Vec::new(),
        }
    }
}

impl Admission {
    /// Whether the call with `headers` is recorded; `draw` is a random number from 0 to 1, one for
    /// each call.
    #[must_use]
    pub fn admits(&self, headers: &HeaderMap, draw: f64) -> bool {
        let carries = |wanted: &HeaderValue| wanted.is_in(headers);
        (self.consent.is_empty() || self.consent.iter().any(carries))
            && !self.refuse.iter().any(carries)
            && draw < self.sample
    }

    /// The metadata of a call that is kept, by name; of values that are not text nothing is.
    #[must_use]
    pub fn kept(&self, headers: &HeaderMap) -> Vec<(String, String)> {
        let of_name = |kept: &KeptName| {
            let values = headers.get_all(&kept.0).iter();
            let texts = values.filter_map(|value| value.to_str().ok());
            let name = kept.0.as_str().to_owned();
            texts
                .map(|text| (name.clone(), text.to_owned()))
                .collect::<Vec<_>>()
        };
        self.keep_headers.iter().flat_map(of_name).collect()
    }
}

/// A piece of metadata to look for, `NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderValue {
    name: HeaderName,
    value: String,
}

impl HeaderValue {
    fn is_in(&self, headers: &HeaderMap) -> bool {
        let values = headers.get_all(&self.name).iter();
        let wanted = self.value.as_bytes();
        values.map(http::HeaderValue::as_bytes).any(|v| v == wanted)
    }
}

impl FromStr for HeaderValue {
    type Err = String;

    fn from_str(text: &str) -> Result<HeaderValue, String> {
        let wrong = || format!("`{text}` is no header; write NAME=VALUE, such as x-consent=yes");
        let (name, value) = text.split_once('=').ok_or_else(wrong)?;
        Ok(HeaderValue {
            name: name.trim().parse().map_err(|_| wrong())?,
            value: value.to_owned(),
        })
    }
}

/// The name of metadata that may be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptName(HeaderName);

impl FromStr for KeptName {
    type Err = String;

    fn from_str(text: &str) -> Result<KeptName, String> {
        let name: HeaderName = text
            .trim()
            .parse()
            .map_err(|_| format!("`{text}` is no name of a header"))?;
        match SECRET.contains(&name.as_str()) {
            true => Err(format!(
                "`{name}` holds secrets and can never be kept in a trace"
            )),
            false => Ok(KeptName(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            let value = http::HeaderValue::from_static(value);
            (HeaderName::from_static(name), value)
        });
        pairs.collect()
    }

    #[test]
    fn only_calls_with_consent_and_without_a_veto_are_recorded() {
        let admission = Admission {
            consent: vec!["x-consent=yes".parse().unwrap()],
            refuse: vec!["X-Line=payment".parse().unwrap()],
            ..Admission::default()
        };
        let admits = |pairs: &[_]| admission.admits(&headers(pairs), 0.0);
        assert!(admits(&[("x-consent", "yes")]));
        assert!(!admits(&[]));
        assert!(!admits(&[("x-consent", "no")]));
        assert!(!admits(&[("x-consent", "yes"), ("x-line", "payment")]));
    }

    #[test]
    fn a_share_of_the_calls_is_recorded() {
        let admission = Admission {
            sample: 0.25,
            ..Admission::default()
        };
        let drawn = |draw| admission.admits(&HeaderMap::new(), draw);
        let recorded = (0..100).filter(|n| drawn(f64::from(*n) / 100.0)).count();
        assert_eq!(recorded, 25);
        let none = Admission {
            sample: 0.0,
            ..Admission::default()
        };
        assert!(!none.admits(&HeaderMap::new(), 0.0));
    }

    #[test]
    fn only_named_metadata_is_kept_and_secrets_never() {
        let admission = Admission {
            keep_headers: vec!["X-Tenant".parse().unwrap()],
            ..Admission::default()
        };
        let kept = admission.kept(&headers(&[("x-tenant", "a"), ("x-phone", "+491234")]));
        assert_eq!(kept, [("x-tenant".to_owned(), "a".to_owned())]);
        let refused = "Authorization".parse::<KeptName>().unwrap_err();
        assert!(refused.contains("never"), "{refused}");
        assert!("no spaces".parse::<KeptName>().is_err());
        assert!("novalue".parse::<HeaderValue>().is_err());
    }
}
