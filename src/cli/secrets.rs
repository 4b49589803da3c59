//! Which values of flags are secrets, and what is shown for them.

use crate::transport::endpoint::without_values;

/// Flags whose values hold metadata of calls, and what stands between its name and its value.
const SECRET: [(&str, char); 3] = [
    ("header", ':'),
    ("consent-header", '='),
    ("drop-header", '='),
];

/// Flags whose values are addresses, with or without the beginning of a URL.
const ADDRESSES: [&str; 4] = ["target", "upstream", "prometheus", "webhook"];

/// Whether the values of the flag hold metadata of calls.
pub(super) fn is_secret(long: &str) -> bool {
    SECRET.iter().any(|(flag, _)| *flag == long)
}

/// A value as it may be shown: without what is a secret in it.
pub(super) fn shown(long: &str, value: &str) -> String {
    let secret = SECRET.iter().find(|(flag, _)| *flag == long);
    match secret.map(|(_, mark)| (mark, value.split_once(*mark))) {
        Some((mark, Some((name, _)))) if is_header_name(name.trim()) => {
            format!("{}{mark}(hidden)", name.trim())
        }
        // What is no name may be a part of the secret.
        Some(_) => "(hidden)".to_owned(),
        // What stands in a query may be a key.
        None if ADDRESSES.contains(&long) => without_values(&without_password(value, true)),
        None => without_password(value, false),
    }
}

fn is_header_name(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !text.is_empty() && text.chars().all(is_part)
}

/// A URL without who logs in there; where it `is_address`, also one whose beginning is wrong.
fn without_password(value: &str, is_address: bool) -> String {
    let (scheme, rest) = match value.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None if is_address => (String::new(), value),
        None => return value.to_owned(),
    };
    let host_ends = match scheme.is_empty() {
        true => rest.rfind('@').unwrap_or(rest.len()),
        false => 0,
    };
    let path_starts = rest[host_ends..].find(['/', '?', '#']);
    let path_starts = path_starts.map_or(rest.len(), |at| host_ends + at);
    let (host, path) = rest.split_at(path_starts);
    match host.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}(hidden)@{host}{path}"),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let table = [
            (
                "header",
                "authorization: Bearer x",
                "authorization:(hidden)",
            ),
            ("header", "Bearer x", "(hidden)"),
            ("header", "authorization=Bearer x:y", "(hidden)"),
            ("header", ": Bearer x", "(hidden)"),
            ("target", "a:x@host:1", "(hidden)@host:1"),
            ("target", "http:/a:x@host:1/p", "(hidden)@host:1/p"),
            ("target", "host:1", "host:1"),
            ("drop-header", "x-line=payment", "x-line=(hidden)"),
            (
                "prometheus",
                "https://a:x@host:1/p@q",
                "https://(hidden)@host:1/p@q",
            ),
            ("target", "http://host:1/a@b", "http://host:1/a@b"),
            (
                "target",
                "wss://a:x@host/v1?model=m&key=x#x",
                "wss://(hidden)@host/v1?model=(hidden)&key=(hidden)#(hidden)",
            ),
            ("target", "host:1?x", "host:1?(hidden)"),
            ("upstream", "host:1/?key=x", "host:1/?key=(hidden)"),
            ("label", "a=b:c", "a=b:c"),
            ("label", "a=b?c=d", "a=b?c=d"),
        ];
        for (long, value, expected) in table {
            assert_eq!(shown(long, value), expected);
        }
    }
}
