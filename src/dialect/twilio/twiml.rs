//! TwiML, the XML with which a webhook answers a call (<https://www.twilio.com/docs/voice/twiml>): where the call's
//! audio is to go. Pure.

use std::borrow::Cow;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// Most bytes of a document: what Twilio itself takes.
pub const MOST_TWIML: usize = 64 * 1024;
/// Most characters of a parameter's name and value together: what Twilio itself takes.
const MOST_PARAMETER: usize = 500;
/// Verbs that a caller hears before what follows them, or that go on beside it.
const PASSED_OVER: [&str; 4] = ["Say", "Play", "Pause", "Start"];

/// `<Connect><Stream>`: a bot is called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamVerb {
    /// The URL of the bot.
    pub url: String,
    /// What the bot is told in `customParameters`.
    pub parameters: Vec<(String, String)>,
}

/// Where `document` sends the call.
///
/// # Errors
/// What it does instead, or why it is no TwiML.
pub fn stream_verb(document: &[u8]) -> Result<StreamVerb, String> {
    if document.len() > MOST_TWIML {
        return Err(format!("it has more than {MOST_TWIML} bytes"));
    }
    let document = std::str::from_utf8(document).map_err(|_| "it is not UTF-8")?;
    let mut reader = Reader::from_str(document);
    reader.config_mut().expand_empty_elements = true;
    let no_xml = |error: &dyn std::fmt::Display| format!("it is no XML: {error}");
    let mut open: Vec<String> = Vec::new();
    let mut found: Option<StreamVerb> = None;
    loop {
        match reader.read_event().map_err(|error| no_xml(&error))? {
            Event::Start(element) => {
                let name = String::from_utf8_lossy(element.name().as_ref()).into_owned();
                let path: Vec<&str> = open.iter().map(String::as_str).collect();
                match (&path[..], name.as_str()) {
                    ([], "Response") => {}
                    ([], _) => return Err(format!("its root is <{name}>, not <Response>")),
                    (["Response"], "Connect") => {}
                    (["Response"], verb) if PASSED_OVER.contains(&verb) => {}
                    (["Response"], _) => {
                        return Err(format!(
                            "it says <{name}>, and only <Connect><Stream> is followed"
                        ));
                    }
                    (["Response", "Connect"], "Stream") if found.is_none() => {
                        found = Some(StreamVerb {
                            url: attribute(&element, "url")?.trim().to_owned(),
                            parameters: Vec::new(),
                        });
                    }
                    (["Response", "Connect"], _) => {
                        return Err(format!(
                            "it says <Connect><{name}>, and only <Connect><Stream> is followed"
                        ));
                    }
                    (["Response", "Connect", "Stream"], "Parameter") => {
                        if let Some(verb) = &mut found {
                            verb.parameters.push(parameter(&element)?);
                        }
                    }
                    // What stands in other verbs is theirs.
                    _ => {}
                }
                open.push(name);
            }
            // The reader has seen that it is the end of what was opened last.
            Event::End(_) => {
                open.pop();
                if let (["Response"], Some(verb)) = (
                    &open.iter().map(String::as_str).collect::<Vec<_>>()[..],
                    &found,
                ) {
                    return Ok(verb.clone());
                }
            }
            Event::DocType(_) => return Err("it has a DOCTYPE, which is not read".to_owned()),
            Event::Eof if open.is_empty() => {
                return Err("it says no <Connect><Stream>".to_owned());
            }
            Event::Eof => return Err("it is cut off".to_owned()),
            _ => {}
        }
    }
}

fn parameter(element: &BytesStart<'_>) -> Result<(String, String), String> {
    let parameter = (attribute(element, "name")?, attribute(element, "value")?);
    if parameter.0.len() + parameter.1.len() > MOST_PARAMETER {
        return Err(format!(
            "a <Parameter> has more than {MOST_PARAMETER} characters"
        ));
    }
    // It would ask for what sessions have of their own, keys included.
    if parameter.0.contains("{var:") || parameter.1.contains("{var:") {
        return Err("a <Parameter> has {var: in it, which is not sent".to_owned());
    }
    Ok(parameter)
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Result<String, String> {
    let element_name = String::from_utf8_lossy(element.name().as_ref()).into_owned();
    let found = element.try_get_attribute(name);
    let found = found.map_err(|error| format!("<{element_name}> is damaged: {error}"))?;
    let found = found.ok_or_else(|| format!("<{element_name}> has no {name}"))?;
    let value = found.normalized_value(XmlVersion::Implicit1_0);
    let value = value.map_err(|error| format!("the {name} of <{element_name}>: {error}"));
    value.map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(twiml: &str) -> String {
        stream_verb(twiml.as_bytes()).unwrap_err()
    }

    #[test]
    fn the_stream_is_found_with_its_parameters_behind_what_is_said_first() {
        let twiml = r#"<?xml version="1.0" encoding="UTF-8"?>
            <Response>
              <Say>Please wait<!-- <Connect> --></Say>
              <Start><Stream url="wss://aside.example/"/></Start>
              <Connect>
                <Stream url=" wss://bot.example/call/7 " name="a">
                  <Parameter name="tenant" value="a&amp;b"/>
                  <Parameter name="empty" value=""></Parameter>
                </Stream>
              </Connect>
              <Hangup/>
            </Response>"#;
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = StreamVerb {
            url: "wss://bot.example/call/7".to_owned(),
            parameters: vec![pair("tenant", "a&b"), pair("empty", "")],
        };
        assert_eq!(stream_verb(twiml.as_bytes()), Ok(expected));
        let short = r#"<Response><Connect><Stream url="wss://a"/></Connect></Response>"#;
        assert_eq!(stream_verb(short.as_bytes()).unwrap().url, "wss://a");
    }

    #[test]
    fn whatever_else_is_answered_has_a_reason() {
        let stream = |inner: &str| {
            format!(
                "<Response><Connect><Stream url=\"wss://a\">{inner}</Stream></Connect></Response>"
            )
        };
        let long = format!("<Parameter name=\"a\" value=\"{}\"/>", "x".repeat(500));
        let table = [
            ("", "it says no <Connect><Stream>"),
            ("{\"error\": 1}", "it says no <Connect><Stream>"),
            ("<html><body/></html>", "its root is <html>, not <Response>"),
            ("<Response/>", "it says no <Connect><Stream>"),
            (
                "<Response><Say>Bye</Say></Response>",
                "it says no <Connect><Stream>",
            ),
            (
                "<Response><Reject/></Response>",
                "it says <Reject>, and only <Connect><Stream> is followed",
            ),
            (
                "<Response><Connect><ConversationRelay url=\"wss://a\"/></Connect></Response>",
                "it says <Connect><ConversationRelay>, and only <Connect><Stream> is followed",
            ),
            (
                "<Response><Connect><Stream/></Connect></Response>",
                "<Stream> has no url",
            ),
            (
                "<Response><Connect><Stream url=\"wss://a\">",
                "it is cut off",
            ),
            (
                "<!DOCTYPE a [<!ENTITY b \"c\">]><Response/>",
                "it has a DOCTYPE, which is not read",
            ),
            (
                &stream("<Parameter name=\"a\"/>"),
                "<Parameter> has no value",
            ),
            (
                &stream("<Parameter name=\"a\" value=\"{var:key}\"/>"),
                "a <Parameter> has {var: in it, which is not sent",
            ),
            (&stream(&long), "a <Parameter> has more than 500 characters"),
        ];
        for (twiml, expected) in table {
            assert_eq!(said(twiml), expected, "{twiml}");
        }
        assert!(said("<Response></Wrong>").starts_with("it is no XML: "));
        let unknown = stream("<Parameter name=\"a\" value=\"&b;\"/>");
        assert!(said(&unknown).starts_with("the value of <Parameter>: "));
        assert!(said(&"<a>".repeat(40_000)).ends_with("bytes"));
        assert_eq!(stream_verb(&[0xff]).unwrap_err(), "it is not UTF-8");
    }
}
