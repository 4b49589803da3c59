//! The request with which a session begins, and what of it is not to be shown.

use http::Request;

use super::script::Script;
use super::session_vars::Written;
use super::shared::Shared;
use super::spec::USER_AGENT;
use crate::trace::model::metadata_pairs;
use crate::transport::endpoint::Endpoint;
use crate::transport::grpc;
use crate::transport::secrets::Secrets;
use crate::transport::websocket::handshake;

/// The request that opens the session's stream at `endpoint`.
///
/// # Errors
/// A header or a path that HTTP does not allow.
pub(super) fn request(
    shared: &Shared,
    script: &Script,
    endpoint: &Endpoint,
) -> Result<Request<()>, String> {
    let trace_id = shared.run.trace_id(script);
    let traceparent = format!("00-{trace_id}-{}-01", &trace_id[..16]);
    let recorded = script.rows.session.metadata.as_deref();
    let recorded = recorded.and_then(metadata_pairs).unwrap_or_default();
    let given = |name: &str| {
        let mut headers = shared.spec.headers.iter();
        headers.any(|(header, _)| header.eq_ignore_ascii_case(name))
    };
    let session_id = shared.run.wire_session_id(script);
    let ours = [
        ("user-agent", USER_AGENT),
        ("traceparent", &traceparent),
        ("x-voicelt-run-id", &shared.run.run_id),
        ("x-voicelt-session-id", &session_id),
    ];
    let number = script.number;
    let recorded = recorded.iter().filter(|(name, _)| !given(name));
    let pairs = recorded.chain(&shared.spec.headers);
    let pairs: Vec<_> = pairs
        .map(|(name, value)| {
            let value = shared.spec.filled(value, number, Written::Plain);
            (name.as_str(), value)
        })
        .collect();
    let pairs = pairs.iter().map(|(name, value)| (*name, &**value));
    let start = shared.run.start(script);
    if shared.spec.shares_connections() {
        let path = shared.spec.dialect.path(&start);
        return grpc::request(endpoint, &path, ours.into_iter().take(3).chain(pairs));
    }
    let path = shared.spec.path(endpoint, number, &start);
    let request = handshake::request(endpoint, &path, ours.into_iter().chain(pairs))?;
    Ok(shared.spec.signed(request, number))
}

/// Words of the server without what is secret in the session's request, which it may repeat.
pub(super) fn without_secrets(shared: &Shared, script: &Script, words: String) -> String {
    match request(shared, script, shared.connections.endpoint()) {
        Ok(request) => Secrets::of(&request).hidden_in(words),
        // Nothing was sent.
        Err(_) => words,
    }
}
