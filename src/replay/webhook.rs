//! Asks a webhook where the audio of a call is to go, as Twilio does when a call comes in.

use std::cell::RefCell;

use bytes::Bytes;
use form_urlencoded::Serializer;
use http::{HeaderName, HeaderValue, Request, header};

use super::call::Call;
use super::end::End;
use super::session_vars::Written;
use super::shared::Shared;
use super::spec::USER_AGENT;
use crate::dialect::{Dialect, twilio};
use crate::transport::ended::{EndCode, Ended};
use crate::transport::endpoint::{Carrier, Endpoint, without_values};
use crate::transport::websocket::handshake;

/// Why there is no call to a webhook where the dialect has none.
pub(super) const NO_CONNECTION: &str =
    "a webhook is asked only where each session has a connection of its own";

/// Where the webhook has the audio of the call go; what it tells the bot is the session's from then on.
pub(super) async fn ask(shared: &Shared, call: &RefCell<Call>) -> Result<Endpoint, End> {
    let request = request(shared, &call.borrow()).map_err(End::OurFault)?;
    let answer = shared
        .connections
        .exchange(request, twilio::MOST_TWIML)
        .await;
    let answer = answer.ok_or_else(|| End::OurFault(NO_CONNECTION.to_owned()))?;
    let answer = answer.map_err(|ended| {
        if let EndCode::Http(status) = ended.code {
            call.borrow_mut().facts.http_status = Some(status);
        }
        let message = match ended.message.as_str() {
            "" => "from the webhook".to_owned(),
            words => format!("webhook: {words}"),
        };
        End::Stream(Ended { message, ..ended })
    })?;
    let broken = |why: String| {
        let message = format!("webhook: the answer is no TwiML that can be followed: {why}");
        End::Stream(Ended::new(EndCode::Broken, message))
    };
    call.borrow_mut().facts.http_status = Some(answer.status().as_u16());
    let verb = twilio::stream_verb(answer.body()).map_err(broken)?;
    let is_secure = shared.connections.endpoint().tls;
    let endpoint = place(&verb.url, is_secure).map_err(broken)?;
    call.borrow_mut().dialect.add_parameters(verb.parameters);
    Ok(endpoint)
}

/// The place that the URL of a `<Stream>` names. Twilio itself takes no query there (error 31920) and TLS only (31922);
/// a webhook that `is_secure` is held to that.
fn place(url: &str, is_secure: bool) -> Result<Endpoint, String> {
    let shown = without_values(url);
    if url.contains(['?', '#']) {
        return Err(format!(
            "the url {shown} has a query, which Twilio does not take; use <Parameter>"
        ));
    }
    let endpoint = url.parse::<Endpoint>();
    // It repeats the URL, in which there may be a password.
    let endpoint =
        endpoint.map_err(|_| "the url of <Stream> cannot be read; use wss://".to_owned())?;
    match (endpoint.carrier, endpoint.tls) {
        (Carrier::WebSocket, true) => Ok(endpoint),
        (Carrier::WebSocket, false) if !is_secure => Ok(endpoint),
        _ => Err(format!(
            "the url {shown} is not one of wss://, and Twilio takes no other"
        )),
    }
}

/// The request that tells the webhook of the call.
fn request(shared: &Shared, call: &Call) -> Result<Request<Bytes>, String> {
    let (spec, script) = (&shared.spec, &call.script);
    let Dialect::Twilio(setup) = &spec.dialect else {
        return Err("only Twilio asks a webhook".to_owned());
    };
    let number = script.number;
    let start = shared.run.start(script);
    let fields = setup.incoming_call(&start).into_iter();
    let form = fields.map(|(name, value)| {
        let value = spec.filled(&value, number, Written::Plain);
        (name, value.into_owned())
    });
    let form: Vec<(String, String)> = form.collect();
    let webhook = shared.connections.endpoint();
    let scheme = if webhook.tls { "https" } else { "http" };
    let path = spec.path(webhook, number, &start);
    let uri = format!("{scheme}://{}{path}", webhook.authority());
    let body = Serializer::new(String::new()).extend_pairs(&form).finish();
    let request = Request::post(uri)
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::ACCEPT, "*/*")
        .header(
            header::CONTENT_TYPE,
            "application/x-www-form-urlencoded; charset=UTF-8",
        );
    let request = request.body(Bytes::from(body));
    let mut request = request.map_err(|error| error.to_string())?;
    let bare = request.uri().clone();
    let bare = Request::get(bare)
        .body(())
        .map_err(|error| error.to_string())?;
    let host = HeaderValue::try_from(handshake::host(&bare)).map_err(|e| e.to_string())?;
    request.headers_mut().insert(header::HOST, host);
    for (name, value) in spec.filled_headers(number) {
        let name = HeaderName::try_from(name).map_err(|error| error.to_string())?;
        let value = HeaderValue::try_from(value).map_err(|error| error.to_string())?;
        request.headers_mut().insert(name, value);
    }
    let signed = twilio::signed_text(&handshake::url(&bare), &form);
    if let Some(signature) = spec.signature(&signed, number) {
        request.headers_mut().insert(twilio::SIGNATURE, signature);
    }
    // A server is asked for a path, not for a URL.
    let path = bare
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    *request.uri_mut() = path
        .parse()
        .map_err(|error: http::uri::InvalidUri| error.to_string())?;
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_followed_where_twilio_would_follow_it() {
        let placed = |url, is_secure| place(url, is_secure).map(|place| place.origin());
        assert_eq!(
            placed("wss://bot.example/a", true).unwrap(),
            "wss://bot.example:443"
        );
        assert_eq!(
            placed("ws://127.0.0.1:80/a", false).unwrap(),
            "ws://127.0.0.1:80"
        );
        let table = [
            (
                "ws://bot.example",
                "the url ws://bot.example is not one of wss://, and Twilio takes no other",
            ),
            (
                "https://bot.example",
                "the url https://bot.example is not one of wss://, and Twilio takes no other",
            ),
            (
                "wss://bot.example?key=s3cret",
                "the url wss://bot.example?key=(hidden) has a query, which Twilio does not take; use <Parameter>",
            ),
            (
                "wss://me:s3cret@bot.example",
                "the url of <Stream> cannot be read; use wss://",
            ),
        ];
        for (url, expected) in table {
            assert_eq!(placed(url, true).unwrap_err(), expected);
        }
    }
}
