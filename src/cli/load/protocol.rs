//! In which protocol calls are made, and what differs between them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use serde_json::{Map, Value};

use super::target::TargetArgs;
use crate::cli::choice::{choice, microphone};
use crate::cli::dialect::arg::{DialectArg, DialectParser};
use crate::cli::dialect::description::described;
use crate::cli::duration::DurationArg;
use crate::cli::exit::BadInput;
use crate::conversation::answer::AnsweredBy;
use crate::dialect::realtime::{Profile as RealtimeProfile, Realtime, RealtimeSpec, Tools};
use crate::dialect::twilio::{Twilio, TwilioSpec};
use crate::dialect::{Dialect, Endpointing};
use crate::pcm::codec::{Codec, Format};
use crate::replay::session_vars::{SessionVars, Written};
use crate::replay::{GreetingWait, ReplaySpec, TurnTiming, dialect_name};
use crate::results::answer::AnswerKind;
use crate::results::protocol as shown;
use crate::results::protocol::{Greeting, Profile, WireCodec};
use crate::results::settings::Settings;
use crate::trace::model::Microphone;
use crate::units::SampleRate;

/// The largest file of a session, of events, of outputs or of values.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// In which protocol calls are made.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Protocol")]
pub(crate) struct ProtocolArgs {
    /// How conversations are written: stream-audio is gRPC, realtime is OpenAI Realtime over a WebSocket, twilio
    /// is Twilio Media Streams to a bot, and a TOML file describes any other (see `voicelt dialect check`)
    #[arg(long, value_name = "NAME", value_parser = DialectParser, default_value_t)]
    dialect: DialectArg,
    /// realtime: the server's variation of it; openai when not given
    #[arg(long, value_name = "NAME", value_parser = choice::<Profile>())]
    profile: Option<Profile>,
    /// realtime: the model that sessions ask for
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// realtime: how audio is coded both ways: pcm16 at 24 kHz (16 kHz with --profile vllm), or G.711 at 8 kHz;
    /// pcm16 when not given
    #[arg(long, value_name = "CODEC", value_parser = choice::<WireCodec>())]
    wire_format: Option<WireCodec>,
    /// realtime: open, so that the server finds where an utterance ends, or push-to-talk, whose figures are
    /// without that; open when not given
    #[arg(long, value_name = "MICROPHONE", value_parser = microphone())]
    microphone: Option<Microphone>,
    /// realtime, twilio: a JSON object that is merged into the session, or into the start of a stream, such as
    /// {"customParameters": {...}}
    #[arg(long, value_name = "FILE")]
    session: Option<PathBuf>,
    /// realtime: a JSON array of events that are sent once the session is ready, such as history
    #[arg(long, value_name = "FILE")]
    open: Option<PathBuf>,
    /// realtime: what is answered to function calls, a JSON object {"NAME": {"output": ..., "delay_ms": ...}}
    #[arg(long, value_name = "FILE")]
    tools: Option<PathBuf>,
    /// Values of each session, a CSV file with a line a session: {var:NAME} in headers, in the target and in
    /// --session and --open stands for that of the column NAME
    #[arg(long, value_name = "FILE")]
    session_vars: Option<PathBuf>,
    /// realtime, twilio: wait for what the server says first, and hear it out, or ignore it; when not given, callers of
    /// reactive timing hear out one that has begun
    #[arg(long, value_name = "HOW", value_parser = choice::<Greeting>())]
    greeting: Option<Greeting>,
    /// realtime: how long after an answer its transcript is waited for
    #[arg(long, value_name = "DURATION", default_value = "2s")]
    transcript_wait: DurationArg,
    /// twilio: what signs requests in X-Twilio-Signature, as '{env:NAME}', or '{var:NAME}' for one of each session
    #[arg(long, value_name = "TOKEN")]
    auth_token: Option<String>,
    /// twilio: how long after its last sound an answer has ended
    #[arg(long, value_name = "DURATION", default_value = "1500ms")]
    answer_gap: DurationArg,
    /// Refuse to make more calls than this
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_sessions: Option<u64>,
}

/// The protocol, as it is used.
#[derive(Debug, Clone, Default)]
pub(crate) struct Protocol {
    pub(crate) dialect: Dialect,
    vars: Option<Arc<SessionVars>>,
    headers: Vec<(String, String)>,
    auth_token: Option<String>,
}

impl ProtocolArgs {
    /// Reads what they name.
    ///
    /// # Errors
    /// [`BadInput`]: a file that cannot be read or is not what it is to be, and what contradicts something else.
    pub(crate) fn resolve(&self, to: &TargetArgs) -> Result<Protocol, BadInput> {
        let vars = self.session_vars.as_deref().map(|path| {
            let text = read(path, "--session-vars")?;
            SessionVars::read(&text).map_err(|why| of_file("--session-vars", path, &why))
        });
        let vars = vars.transpose()?.map(Arc::new);
        let mut headers = Vec::new();
        for (name, value) in &to.headers {
            let value = with_environment(value, Written::Plain);
            let value = value.map_err(|why| bad(format!("--header {name}: {why}")))?;
            known(vars.as_deref(), &value, &format!("--header {name}"))?;
            headers.push((name.clone(), value));
        }
        let (flag, target) = to.template();
        known(vars.as_deref(), target, &flag)?;
        self.refuse_others(to)?;
        let auth_token = self.auth_token(vars.as_deref())?;
        let dialect = match &self.dialect {
            DialectArg::StreamAudio => Dialect::StreamAudio,
            DialectArg::Twilio => {
                let start = self.object("--session", &self.session, vars.as_deref())?;
                let twilio = Twilio::new(TwilioSpec { start });
                let twilio = twilio.map_err(|why| bad(format!("--session: {why}")))?;
                if to.webhook.is_some() && twilio.has_one_call_sid() {
                    return Err(bad(
                        "--session: /callSid is one for all calls, and a webhook tells calls apart by it; leave it \
                         out, or give each its own with {var:NAME}"
                            .to_owned(),
                    ));
                }
                Dialect::Twilio(Arc::new(twilio))
            }
            DialectArg::Realtime => {
                let realtime = Realtime::new(self.realtime(vars.as_deref())?);
                Dialect::Realtime(Arc::new(realtime.map_err(bad)?))
            }
            DialectArg::File(path) => {
                let described = described(path, &|name| std::env::var(name).ok())?;
                for column in described.vars() {
                    let asks = format!("{{var:{column}}}");
                    known(
                        vars.as_deref(),
                        &asks,
                        &format!("--dialect {}", path.display()),
                    )?;
                }
                Dialect::Described(Arc::new(described))
            }
        };
        Ok(Protocol {
            dialect,
            vars,
            headers,
            auth_token,
        })
    }

    /// The token with the values of the environment; one that is written out is seen by all who list processes.
    fn auth_token(&self, vars: Option<&SessionVars>) -> Result<Option<String>, BadInput> {
        let Some(template) = &self.auth_token else {
            return Ok(None);
        };
        let asked = ["{env:", "{var:"].iter().find_map(|asks| {
            let asked = template.strip_prefix(asks)?;
            asked.strip_suffix('}')
        });
        if asked.is_none_or(|name| name.is_empty() || name.contains(['{', '}'])) {
            return Err(bad(
                "--auth-token: no part of a token is written out, where others can read it; say in which variable of \
                 the environment it is, as in '{env:TWILIO_AUTH_TOKEN}', and nothing else"
                    .to_owned(),
            ));
        }
        let token = with_environment(template, Written::Plain);
        let token = token.map_err(|why| bad(format!("--auth-token: {why}")))?;
        known(vars, &token, "--auth-token")?;
        Ok(Some(token))
    }

    /// What only other dialects have is not to be lost without a word.
    fn refuse_others(&self, to: &TargetArgs) -> Result<(), BadInput> {
        use DialectArg::{Realtime, Twilio};
        let flags: [(_, _, &[DialectArg]); 10] = [
            ("profile", self.profile.is_some(), &[Realtime]),
            ("model", self.model.is_some(), &[Realtime]),
            ("wire-format", self.wire_format.is_some(), &[Realtime]),
            ("microphone", self.microphone.is_some(), &[Realtime]),
            ("session", self.session.is_some(), &[Realtime, Twilio]),
            ("open", self.open.is_some(), &[Realtime]),
            ("tools", self.tools.is_some(), &[Realtime]),
            ("greeting", self.greeting.is_some(), &[Realtime, Twilio]),
            ("auth-token", self.auth_token.is_some(), &[Twilio]),
            ("webhook", to.webhook.is_some(), &[Twilio]),
        ];
        let mut given = flags.into_iter().filter(|(_, is_given, _)| *is_given);
        let Some((flag, _, of)) = given.find(|(_, _, of)| !of.contains(&self.dialect)) else {
            return Ok(());
        };
        let of: Vec<_> = of.iter().map(DialectArg::to_string).collect();
        Err(bad(format!(
            "--{flag} is of --dialect {}, and the dialect is {}",
            of.join(" and "),
            self.dialect
        )))
    }

    /// The JSON object of a file.
    fn object(
        &self,
        flag: &str,
        path: &Option<PathBuf>,
        vars: Option<&SessionVars>,
    ) -> Result<Option<Map<String, Value>>, BadInput> {
        match json(flag, path, vars)? {
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err(bad(format!("{flag}: the file is no JSON object"))),
            None => Ok(None),
        }
    }

    fn realtime(&self, vars: Option<&SessionVars>) -> Result<RealtimeSpec, BadInput> {
        let session = self.object("--session", &self.session, vars)?;
        let open = match json("--open", &self.open, vars)? {
            Some(Value::Array(open)) => open,
            Some(_) => return Err(bad("--open: the file is no JSON array of events".to_owned())),
            None => Vec::new(),
        };
        let tools = json("--tools", &self.tools, vars)?
            .map(Tools::new)
            .transpose();
        Ok(RealtimeSpec {
            profile: self.profile(),
            model: self.model.clone(),
            format: self.format(),
            endpointing: match self.microphone {
                Some(Microphone::PushToTalk) => Endpointing::Caller,
                Some(Microphone::Open) | None => Endpointing::Server,
            },
            session,
            open,
            tools: tools.map_err(|why| bad(format!("--tools: {why}")))?,
        })
    }

    fn profile(&self) -> RealtimeProfile {
        match self.profile {
            Some(Profile::OpenAi) | None => RealtimeProfile::OpenAi,
            Some(Profile::Beta) => RealtimeProfile::Beta,
            Some(Profile::Transcription) => RealtimeProfile::Transcription,
            Some(Profile::Vllm) => RealtimeProfile::Vllm,
        }
    }

    fn format(&self) -> Option<Format> {
        let of = |codec, rate| Format {
            codec,
            rate: SampleRate(rate),
        };
        Some(match self.wire_format? {
            // The profile's own rate.
            WireCodec::Pcm16 => return None,
            WireCodec::MuLaw => of(Codec::MuLaw, 8_000),
            WireCodec::ALaw => of(Codec::ALaw, 8_000),
        })
    }

    /// What callers do about a greeting.
    fn greeting(&self, turn_timing: TurnTiming) -> GreetingWait {
        match (self.greeting, turn_timing.is_reactive()) {
            (Some(Greeting::Wait), _) => GreetingWait::Wait,
            (Some(Greeting::Ignore), _) | (None, false) => GreetingWait::Ignore,
            (None, true) => GreetingWait::HearOut,
        }
    }

    /// Refuses more calls than are allowed; `calls` is how many will be made, as far as that is known.
    ///
    /// # Errors
    /// [`BadInput`] that says how many there would be.
    pub(crate) fn check_calls(&self, calls: Option<u64>) -> Result<(), BadInput> {
        let Some(most) = self.max_sessions else {
            return Ok(());
        };
        match calls {
            Some(calls) if calls <= most => Ok(()),
            Some(calls) => Err(bad(format!(
                "{calls} calls would be made, and --max-sessions allows {most}; make the load smaller, or allow more"
            ))),
            None => Err(bad(
                "how many calls users make is not known without --requests-per-user; give that with --max-sessions"
                    .to_owned(),
            )),
        }
    }

    /// How the engine is set for the protocol.
    pub(crate) fn engine(&self, protocol: &Protocol, others: ReplaySpec) -> ReplaySpec {
        let own = protocol.dialect.headers().into_iter();
        let given = protocol.headers.iter().cloned();
        ReplaySpec {
            dialect: protocol.dialect.clone(),
            transcript_wait_ns: self.transcript_wait.ns,
            answer_gap_ns: self.answer_gap.ns,
            greeting: self.greeting(others.turn_timing),
            vars: protocol.vars.clone(),
            headers: own.chain(given).collect(),
            auth_token: protocol.auth_token.clone(),
            ..others
        }
    }

    /// The settings of the protocol: these, and `others`.
    pub(crate) fn shown(&self, protocol: &Protocol, others: Settings) -> Settings {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let nature = protocol.dialect.nature();
        let is_realtime = self.dialect == DialectArg::Realtime;
        let dialect = dialect_name(&protocol.dialect);
        let described = match &protocol.dialect {
            Dialect::Described(described) => Some(described.name().to_owned()),
            _ => None,
        };
        let wire = nature.input.map(|format| shown::WireFormat {
            codec: match format.codec {
                Codec::Pcm16 => WireCodec::Pcm16,
                Codec::MuLaw => WireCodec::MuLaw,
                Codec::ALaw => WireCodec::ALaw,
            },
            rate_hz: format.rate.0,
        });
        let endpointing = match nature.endpointing {
            Endpointing::AsTraced => None,
            Endpointing::Server => Some(shown::Endpointing::Server),
            Endpointing::Caller => Some(shown::Endpointing::None),
        };
        let answers = match (protocol.dialect.is_text_only(), nature.answered_by) {
            (true, _) => AnswerKind::Text,
            (false, AnsweredBy::Transcript) => AnswerKind::Transcript,
            (false, _) => AnswerKind::of(dialect, self.profile),
        };
        Settings {
            answers_by: answers.into(),
            dialect: dialect.into(),
            description: described.into(),
            profile: is_realtime
                .then(|| self.profile.unwrap_or(Profile::OpenAi))
                .into(),
            wire_format: wire.into(),
            endpointing: endpointing.into(),
            greeting: self.greeting.into(),
            answer_gap_ns: nature.by_sound.then_some(self.answer_gap.ns).into(),
            transcript_wait_ns: nature
                .late_transcripts
                .then_some(self.transcript_wait.ns)
                .into(),
            max_sessions: self.max_sessions.into(),
            session: path(&self.session).into(),
            tools: path(&self.tools).into(),
            ..others
        }
    }
}

/// `text` with the values of the environment where it asks for them by `{env:NAME}`.
///
/// # Errors
/// A variable that is not set.
fn with_environment(text: &str, written: Written) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{env:") {
        filled.push_str(before);
        let (name, later) = after
            .split_once('}')
            .ok_or("an {env:NAME} is not closed by a brace")?;
        let value = std::env::var(name)
            .map_err(|_| format!("the environment variable {name} is not set"))?;
        written.put(&value, &mut filled);
        rest = later;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// What a JSON file has, if there is one, with the values of the environment.
fn json(
    flag: &str,
    path: &Option<PathBuf>,
    vars: Option<&SessionVars>,
) -> Result<Option<Value>, BadInput> {
    let Some(path) = path else { return Ok(None) };
    let text = read(path, flag)?;
    let text = with_environment(&text, Written::Json);
    let text = text.map_err(|why| of_file(flag, path, &why))?;
    known(vars, &text, flag)?;
    let read = serde_json::from_str(&text);
    let value = read.map_err(|error| of_file(flag, path, &where_in_json(&error)))?;
    Ok(Some(value))
}

/// Refuses a template that asks for what no column has.
fn known(vars: Option<&SessionVars>, template: &str, of: &str) -> Result<(), BadInput> {
    let unknown = match vars {
        Some(vars) => vars.unknown(template),
        None => crate::replay::session_vars::names_in(template).next(),
    };
    match (unknown, vars) {
        (None, _) => Ok(()),
        (Some(name), Some(_)) => Err(bad(format!(
            "{of} asks for {{var:{name}}}, and the file of --session-vars has no column {name}"
        ))),
        (Some(name), None) => Err(bad(format!(
            "{of} asks for {{var:{name}}}; say where the values are with --session-vars FILE"
        ))),
    }
}

fn read(path: &Path, flag: &str) -> Result<String, BadInput> {
    let read = || -> anyhow::Result<String> {
        let bytes = std::fs::metadata(path)?.len();
        if bytes > MOST_BYTES {
            return Err(anyhow!(
                "it has {bytes} bytes; at most {MOST_BYTES} are read"
            ));
        }
        Ok(std::fs::read_to_string(path)?)
    };
    let read = read().with_context(|| format!("{flag}: cannot read {}", path.display()));
    read.map_err(BadInput)
}

/// Where JSON is wrong; the library's words repeat nothing of it.
fn where_in_json(error: &serde_json::Error) -> String {
    format!(
        "line {}, column {}: it is no JSON",
        error.line(),
        error.column()
    )
}

fn of_file(flag: &str, path: &Path, why: &str) -> BadInput {
    bad(format!("{flag}: {}: {why}", path.display()))
}

fn bad(why: String) -> BadInput {
    BadInput(anyhow!(why))
}
