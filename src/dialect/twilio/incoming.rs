//! The request with which Twilio tells a webhook of a call that comes in
//! (<https://www.twilio.com/docs/voice/twiml#request-parameters>). Pure.

use serde_json::{Map, Value, json};

use super::session::Names;
use super::setup::Twilio;
use crate::conversation::message::Start;

/// Who calls whom where the user does not say: numbers that are kept free for such use.
const FROM: &str = "+12025550100";
const TO: &str = "+12025550199";

impl Twilio {
    /// The form of the session that begins so: names and values, in the order of their names.
    #[must_use]
    pub fn incoming_call(&self, start: &Start) -> Vec<(String, String)> {
        let names = Names::of(self, start);
        let own = |name: &str, usual: &str| {
            let own = self.form.get(name).and_then(Value::as_str);
            own.unwrap_or(usual).to_owned()
        };
        let (from, to) = (own("From", FROM), own("To", TO));
        let fields = json!({
            "AccountSid": names.account_sid,
            "ApiVersion": "2010-04-01",
            "CallSid": names.call_sid,
            "CallStatus": "ringing",
            "Called": to,
            "Caller": from,
            "Direction": "inbound",
            "From": from,
            "To": to,
        });
        let mut fields: Map<String, Value> = match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        fields.extend(self.form.clone());
        let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
        let fields = fields.into_iter().map(|(name, value)| (name, text(value)));
        let mut fields: Vec<_> = fields.collect();
        fields.sort();
        fields
    }
}

/// What is signed of a request for `url` with this form, whose fields are in order.
#[must_use]
pub fn signed_text(url: &str, form: &[(String, String)]) -> String {
    let fields = form.iter().map(|(name, value)| format!("{name}{value}"));
    url.to_owned() + &fields.collect::<String>()
}
