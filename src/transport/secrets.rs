//! What of a request is not to be shown, though a server repeats it. Pure.

use http::{HeaderMap, Request};

/// Shorter values of a request are too common to be found in an answer by more than chance.
const SHORTEST: usize = 6;
/// Parts of the names of headers that say who asks.
const TELLING: [&str; 9] = [
    "auth",
    "cookie",
    "credential",
    "key",
    "pass",
    "protocol",
    "secret",
    "signature",
    "token",
];

/// The values of a request's query, and those of its headers that say who asks.
#[derive(Debug, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Those of this request.
    #[must_use]
    pub fn of(request: &Request<()>) -> Secrets {
        Secrets::sent(request.uri().query().unwrap_or_default(), request.headers())
    }

    /// Those of a request with this query and these headers.
    #[must_use]
    pub fn sent(query: &str, headers: &HeaderMap) -> Secrets {
        let in_query = query.split('&').map(|pair| match pair.split_once('=') {
            Some((_, value)) => value,
            None => pair,
        });
        let headers = headers.iter();
        let telling = |name: &str| TELLING.iter().any(|part| name.contains(part));
        let headers = headers.filter(|(name, _)| telling(name.as_str()));
        let headers = headers.filter_map(|(_, value)| value.to_str().ok());
        let headers = headers.flat_map(|value| value.split([' ', ',', ';']));
        let all = in_query.chain(headers).map(str::trim);
        let mut secrets: Vec<String> = all
            .filter(|value| value.len() >= SHORTEST && *value != "Bearer")
            .map(str::to_owned)
            .collect();
        // The longest first: one may be a part of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Secrets(secrets)
    }

    /// `words` without them.
    #[must_use]
    pub fn hidden_in(&self, words: String) -> String {
        let secrets = self.0.iter();
        secrets.fold(words, |words, secret| words.replace(secret, "(hidden)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_as_a_secret_is_not_repeated() {
        let request = Request::get("ws://gw/v1?key=s3cret-key&x=1&bare-token")
            .header("authorization", "Bearer abc-def-ghi")
            .header("user-agent", "voicelt/1")
            .body(())
            .unwrap();
        let words = "no s3cret-key, bare-token or abc-def-ghi here, voicelt/1";
        assert_eq!(
            Secrets::of(&request).hidden_in(words.to_owned()),
            "no (hidden), (hidden) or (hidden) here, voicelt/1"
        );
    }
}
