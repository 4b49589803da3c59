//! Reads a description.

use toml::de::DeTable;

use super::fault::{Fault, Source};
use super::framing::{Coding, Framing};
use super::message::Message;
use super::protobuf::{self, Method, ReadProto};
use super::reader::Reader;
use super::reply::{self, Rule, Then};
use super::setup::{Described, KeepAlive};
use super::template::{
    AUDIO, LANGUAGE, OF_SESSION, Outside, SAMPLE_RATE, SESSION_ID, TEXT, Template, Values,
    asked_for,
};
use super::toml_table::{Placed, Table};
use crate::conversation::answer::AnsweredBy;
use crate::dialect::nature::{Carrier, Endpointing, Nature};
use crate::pcm::codec::{Codec, Format};
use crate::units::spelling::unknown;
use crate::units::{SampleRate, duration_ns};

/// Keys of a description.
const KEYS: &[&str] = &[
    "name",
    "transport",
    "url",
    "method",
    "proto",
    "headers",
    "microphone",
    "answer",
    "open",
    "text",
    "end_of_utterance",
    "end_of_input",
    "audio",
    "keep_alive",
    "reply",
];
const AUDIO_KEYS: &[&str] = &[
    "format",
    "rate",
    "chunk",
    "as",
    "reply_format",
    "reply_rate",
];
/// Rates of audio, in Hz.
const RATES: std::ops::RangeInclusive<i64> = 8_000..=48_000;

/// What a description is read with.
pub struct Surroundings<'a> {
    /// A variable of the environment.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The text of a file, by its path from the description.
    pub file: ReadProto,
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}

impl Described {
    /// Reads the description `text` of the file `name`.
    ///
    /// # Errors
    /// What is wrong with it, and in which line.
    pub fn parse(name: &str, text: &str, with: &Surroundings<'_>) -> Result<Described, Fault> {
        let source = Source { name, text };
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            source.fault(at, error.message())
        })?;
        let table = Table::new(source, table.get_ref(), 0, "a description", KEYS)?;
        let outside = Outside {
            env: with.env,
            vars: Vec::new(),
        };
        described(&table, outside, &with.file)
    }
}

fn described(
    table: &Table<'_>,
    mut outside: Outside<'_>,
    file: &ReadProto,
) -> Result<Described, Fault> {
    let source = table.source;
    let name = table.needed("name")?.value.to_owned();
    let (carrier, method) = transport(table, file)?;
    let of = method.as_ref().map(|method| &method.input);
    let keys = table.table("audio", "[audio]", AUDIO_KEYS)?;
    let audio = keys.ok_or_else(|| table.fault("a description needs the table [audio]"))?;
    let (input, sending) = coding(&audio, "format", "rate", None)?;
    let (output, receiving) = coding(&audio, "reply_format", "reply_rate", Some((input, sending)))?;
    let framing = framing(&audio, method.as_ref(), &mut outside)?;
    let chunk_ns = audio
        .text("chunk")?
        .map(|chunk| length_ns(source, chunk))
        .transpose()?;

    let url = match method {
        Some(_) => None,
        None => Some(table.needed("url")?),
    };
    let path = url
        .map(|url| path(source, url, input, &mut outside))
        .transpose()?;
    let headers = headers(table, &mut outside)?;
    let mut messages = |key, allowed: &[&'static str]| {
        let texts = table.texts(key)?.into_iter();
        let read = texts.map(|text| Message::parse(source, text, of, allowed, &mut outside));
        read.collect::<Result<Vec<_>, Fault>>()
    };
    let open = messages("open", OF_SESSION)?;
    let typed = messages("text", &[TEXT, SESSION_ID, LANGUAGE, SAMPLE_RATE])?;
    let end_of_utterance = messages("end_of_utterance", OF_SESSION)?;
    let end_of_input = messages("end_of_input", OF_SESSION)?;
    for (key, messages, most) in [("text", &typed, 1), ("end_of_input", &end_of_input, 1)] {
        let is_one = key == "text" || carrier == Carrier::Http2;
        if let Some(found) = table.get(key).filter(|_| is_one && messages.len() > most) {
            return Err(source.fault(found.at, format!("`{key}` is one message")));
        }
    }
    let keep_alive = keep_alive(table, of, &mut outside)?;

    let mut reader = match &method {
        Some(method) => Reader::protobuf(method.output.clone()),
        None => Reader::json(),
    };
    let rules = table.tables("reply", "a [[reply]]", reply::KEYS)?;
    let rules = rules.iter().map(|rule| Rule::parse(rule, &mut reader));
    let rules = rules.collect::<Result<Vec<_>, Fault>>()?;
    let nature = Nature {
        carrier,
        input,
        output: output.map(|format| format.rate),
        chunk_ns,
        sends_binary: framing == Framing::Binary,
        says_ready: rules.iter().any(|rule| rule.then == Then::Ready),
        endpointing: endpointing(table, !end_of_utterance.is_empty())?,
        answered_by: answered_by(table, &rules)?,
        by_sound: false,
        // Over gRPC the caller ends its direction, and the server the session.
        caller_ends: carrier == Carrier::WebSocket,
        awaits_close: carrier == Carrier::WebSocket && !end_of_input.is_empty(),
        has_items: false,
        late_transcripts: false,
    };
    Ok(Described {
        name,
        nature,
        path: path.unwrap_or_else(|| {
            let path = method.as_ref().map(|method| method.path.as_str());
            Template::plain(path.unwrap_or("/"))
        }),
        headers,
        vars: outside.vars,
        sending,
        receiving,
        framing,
        open,
        text: typed.into_iter().next(),
        end_of_utterance,
        end_of_input,
        keep_alive,
        reader,
        rules,
    })
}

/// What carries it, and of gRPC the method.
fn transport(table: &Table<'_>, file: &ReadProto) -> Result<(Carrier, Option<Method>), Fault> {
    let source = table.source;
    let only = |keys: &[&str], of: &str| {
        let found = keys.iter().find_map(|key| Some((key, table.get(key)?)));
        match found {
            Some((key, found)) => Err(source.fault(found.at, format!("`{key}` is only of {of}"))),
            None => Ok(()),
        }
    };
    let transport = table.needed("transport")?;
    match transport.value {
        "websocket" => {
            only(&["method", "proto"], "transport = \"grpc\"")?;
            Ok((Carrier::WebSocket, None))
        }
        "grpc" => {
            only(
                &["url"],
                "transport = \"websocket\"; of gRPC say the `method`",
            )?;
            let (proto, name) = (table.needed("proto")?, table.needed("method")?);
            let pool = protobuf::compile(proto.value, file);
            let pool = pool.map_err(|what| source.fault(proto.at, what))?;
            let method = protobuf::method(&pool, name.value);
            let method = method.map_err(|what| source.fault(name.at, what))?;
            Ok((Carrier::Http2, Some(method)))
        }
        other => {
            let known = ["websocket", "grpc"].into_iter();
            Err(source.fault(transport.at, unknown("transport", other, known)))
        }
    }
}

/// The format of audio one way, and how samples are coded; `None` for that of the call.
fn coding(
    audio: &Table<'_>,
    format: &str,
    rate: &str,
    other: Option<(Option<Format>, Coding)>,
) -> Result<(Option<Format>, Coding), Fault> {
    let source = audio.source;
    let coding = match (audio.text(format)?, other) {
        (Some(name), _) => {
            let all = Codec::ALL.map(Coding::Of).into_iter().chain([Coding::F32]);
            let found = all.clone().find(|coding| coding.name() == name.value);
            found.ok_or_else(|| {
                let known = all.map(Coding::name);
                source.fault(name.at, unknown("format", name.value, known))
            })?
        }
        (None, Some((_, coding))) => coding,
        (None, None) => return Err(audio.fault(format!("[audio] needs `{format}`"))),
    };
    let said = match audio.whole(rate)? {
        Some(Placed { value, at }) if !RATES.contains(&value) => {
            let (least, most) = (RATES.start(), RATES.end());
            let what = format!("`{rate}` is from {least} to {most} Hz");
            return Err(source.fault(at, what));
        }
        said => said.and_then(|said| u32::try_from(said.value).ok()),
    };
    let is_g711 = matches!(coding, Coding::Of(Codec::MuLaw | Codec::ALaw));
    let of_other = other
        .and_then(|(format, _)| format)
        .map(|format| format.rate.0);
    let rate = said.or(of_other).or(is_g711.then_some(8_000));
    let format = rate.map(|rate| Format {
        codec: coding.codec(),
        rate: SampleRate(rate),
    });
    Ok((format, coding))
}

fn framing(
    audio: &Table<'_>,
    method: Option<&Method>,
    outside: &mut Outside<'_>,
) -> Result<Framing, Fault> {
    let form = audio.needed("as")?;
    let fault = |what: String| audio.source.fault(form.at, what);
    if let Some(method) = method {
        let mut requests = Reader::protobuf(method.input.clone());
        let fields = requests.fields_of_bytes(form.value).map_err(fault)?;
        return Ok(Framing::Field(fields));
    }
    if form.value == "binary" {
        return Ok(Framing::Binary);
    }
    let allowed = [&[AUDIO], OF_SESSION].concat();
    let template = Template::parse(form.value, &allowed, outside).map_err(fault)?;
    let around = template.around_audio();
    let (head, tail) = around.ok_or_else(|| {
        fault("`as` is \"binary\", or a message with {audio} in it once".to_owned())
    })?;
    Ok(match (head.constant(), tail.constant()) {
        (Some(head), Some(tail)) => Framing::Shared { head, tail },
        _ => Framing::Enveloped { head, tail },
    })
}

fn length_ns(source: Source<'_>, text: Placed<&str>) -> Result<i64, Fault> {
    let length = duration_ns(text.value).map_err(|error| error.to_string());
    let length = length.and_then(|ns| match ns {
        1.. => Ok(ns),
        _ => Err("a length is more than 0".to_owned()),
    });
    length.map_err(|what| source.fault(text.at, what))
}

/// Path and query of a URL.
fn path(
    source: Source<'_>,
    url: Placed<&str>,
    input: Option<Format>,
    outside: &mut Outside<'_>,
) -> Result<Template, Fault> {
    let fault = |what: String| source.fault(url.at, what);
    let schemes = ["ws://", "wss://"];
    let rest = schemes
        .iter()
        .find_map(|scheme| url.value.strip_prefix(scheme));
    let rest = rest.ok_or_else(|| fault("a `url` begins with ws:// or wss://".to_owned()))?;
    let path = match rest.find(['/', '?']).map(|at| &rest[at..]) {
        None => "/".to_owned(),
        Some(query) if query.starts_with('?') => format!("/{query}"),
        Some(path) => path.to_owned(),
    };
    let allowed = match input {
        Some(_) => OF_SESSION,
        None => &[SESSION_ID, LANGUAGE],
    };
    let template = Template::parse(&path, allowed, outside).map_err(fault)?;
    Ok(template.at_rate(input.map_or(0, |format| format.rate.0)))
}

fn headers(table: &Table<'_>, outside: &mut Outside<'_>) -> Result<Vec<(String, String)>, Fault> {
    let pairs = table.pairs("headers")?.into_iter();
    let headers = pairs.map(|(name, value)| {
        let fault = |what: String| table.source.fault(name.at, what);
        let text = value.value.as_str();
        let text =
            text.ok_or_else(|| fault("the value of a header is a text in quotes".to_owned()))?;
        let read = http::HeaderName::from_bytes(name.value.as_bytes());
        let header = read.map_err(|_| fault(format!("`{}` is no name of a header", name.value)))?;
        let template = Template::parse(text, &[], outside).map_err(fault)?;
        let filled = template.fill(&Values {
            vars: outside.vars.iter().map(|name| asked_for(name)).collect(),
            ..Values::default()
        });
        // What stands there may be secret.
        http::HeaderValue::from_str(&filled)
            .map_err(|_| fault(format!("the value of `{header}` is no value of a header")))?;
        Ok((header.to_string(), filled))
    });
    headers.collect()
}

fn keep_alive(
    table: &Table<'_>,
    of: Option<&prost_reflect::MessageDescriptor>,
    outside: &mut Outside<'_>,
) -> Result<Option<KeepAlive>, Fault> {
    let keys = &["message", "every"];
    let Some(keep_alive) = table.table("keep_alive", "[keep_alive]", keys)? else {
        return Ok(None);
    };
    let message = keep_alive.needed("message")?;
    Ok(Some(KeepAlive {
        message: Message::parse(table.source, message, of, OF_SESSION, outside)?,
        every_ns: length_ns(table.source, keep_alive.needed("every")?)?,
    }))
}

/// Who finds where an utterance ends.
fn endpointing(table: &Table<'_>, says_end: bool) -> Result<Endpointing, Fault> {
    let Some(said) = table.text("microphone")? else {
        return Ok(match says_end {
            true => Endpointing::Caller,
            false => Endpointing::Server,
        });
    };
    let fault = |what: String| table.source.fault(said.at, what);
    match said.value {
        "push-to-talk" => Ok(Endpointing::Caller),
        "open" | "as-traced" if says_end => Err(fault(format!(
            "with the microphone {} nobody says `end_of_utterance`; remove one of them",
            said.value
        ))),
        "open" => Ok(Endpointing::Server),
        "as-traced" => Ok(Endpointing::AsTraced),
        other => {
            let known = ["open", "push-to-talk", "as-traced"].into_iter();
            Err(fault(unknown("microphone", other, known)))
        }
    }
}

/// What makes an answer.
fn answered_by(table: &Table<'_>, rules: &[Rule]) -> Result<AnsweredBy, Fault> {
    let has = |is: fn(Then) -> bool| rules.iter().any(|rule| is(rule.then));
    let audio = has(|then| matches!(then, Then::Audio(_)));
    let text = has(|then| then == Then::Text);
    let is_marked = |then| {
        matches!(
            then,
            Then::Transcript {
                is_final: Some(_),
                ..
            }
        )
    };
    let transcript = has(is_marked);
    let Some(said) = table.text("answer")? else {
        return match (audio, text, transcript) {
            (true, ..) => Ok(AnsweredBy::Audio),
            (_, true, _) => Ok(AnsweredBy::AudioOrText),
            (.., true) => Ok(AnsweredBy::Transcript),
            _ => Err(table.fault(
                "nothing answers: there is no [[reply]] with then = \"audio\", \"text\", or \"transcript\" and `final`",
            )),
        };
    };
    let (is_there, by, lacks) = match said.value {
        "audio" => (audio, AnsweredBy::Audio, ""),
        "text" => (text, AnsweredBy::AudioOrText, ""),
        "transcript" => (transcript, AnsweredBy::Transcript, " and `final`"),
        other => {
            let known = ["audio", "text", "transcript"].into_iter();
            return Err(table.source.fault(said.at, unknown("answer", other, known)));
        }
    };
    match is_there {
        true => Ok(by),
        false => Err(table.source.fault(
            said.at,
            format!(
                "there is no [[reply]] with then = \"{}\"{lacks}",
                said.value
            ),
        )),
    }
}
