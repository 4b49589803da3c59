//! The items of a conversation: messages, calls of functions and what they gave.

use serde::Serialize;
use serde_json::{Map, Value};

use super::fault::Fault;

/// An item.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item {
    /// Its name.
    pub id: String,
    object: &'static str,
    /// How far it is.
    pub status: ItemStatus,
    /// What it is.
    #[serde(flatten)]
    pub what: What,
}

/// How far an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemStatus {
    /// More of it comes.
    InProgress,
    /// It is whole.
    Completed,
    /// It was broken off.
    Incomplete,
}

/// What an item is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum What {
    /// Something that was said or written.
    Message {
        /// By whom: `user`, `assistant` or `system`.
        role: Role,
        /// Its parts.
        content: Vec<Content>,
    },
    /// The model calls a function.
    FunctionCall {
        /// The call's name.
        call_id: String,
        /// The function's name.
        name: String,
        /// JSON.
        arguments: String,
    },
    /// What a function gave.
    FunctionCallOutput {
        /// The call's name.
        call_id: String,
        /// What the model is told.
        output: String,
    },
}

/// Whose message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The caller's.
    User,
    /// The model's.
    Assistant,
    /// Of who set the model up.
    System,
}

/// A part of a message.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    /// Typed.
    InputText {
        /// What was typed.
        text: String,
    },
    /// Spoken by the caller.
    InputAudio {
        /// What was understood of it, once it is known.
        transcript: Option<String>,
    },
    /// Written by the model.
    OutputText {
        /// What it wrote.
        text: String,
    },
    /// Spoken by the model.
    OutputAudio {
        /// The words of it.
        transcript: String,
    },
}

impl Item {
    /// An item of that name.
    #[must_use]
    pub fn new(id: String, status: ItemStatus, what: What) -> Item {
        Item {
            id,
            object: "realtime.item",
            status,
            what,
        }
    }
}

impl What {
    /// Reads the item of a client's event: a message, a call, or what a call gave.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(item: &Map<String, Value>) -> Result<What, Fault> {
        match text(item, "type")?.as_str() {
            "message" => Ok(What::Message {
                role: role(&text(item, "role")?)?,
                content: contents(item)?,
            }),
            "function_call" => Ok(What::FunctionCall {
                call_id: text(item, "call_id")?,
                name: text(item, "name")?,
                arguments: text(item, "arguments")?,
            }),
            "function_call_output" => Ok(What::FunctionCallOutput {
                call_id: text(item, "call_id")?,
                output: text(item, "output")?,
            }),
            other => {
                let known = "'message', 'function_call', and 'function_call_output'";
                Err(Fault::value("item.type", other, known))
            }
        }
    }

    /// What its author wrote; empty where it is spoken or of another kind.
    #[must_use]
    pub fn written(&self) -> String {
        let What::Message { content, .. } = self else {
            return String::new();
        };
        let written = content.iter().filter_map(|part| match part {
            Content::InputText { text } | Content::OutputText { text } => Some(text.as_str()),
            Content::InputAudio { .. } | Content::OutputAudio { .. } => None,
        });
        written.collect::<Vec<_>>().join(" ")
    }
}

fn role(name: &str) -> Result<Role, Fault> {
    Ok(match name {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        other => {
            let known = "'user', 'assistant', and 'system'";
            return Err(Fault::value("item.role", other, known));
        }
    })
}

fn contents(item: &Map<String, Value>) -> Result<Vec<Content>, Fault> {
    let Some(parts) = item.get("content") else {
        return Err(Fault::missing("item.content"));
    };
    let Some(parts) = parts.as_array() else {
        return Err(Fault::of_another_type("item.content", "an array"));
    };
    let part = |part: &Value| -> Result<Content, Fault> {
        let said = |name: &str| part.get(name).and_then(Value::as_str).map(str::to_owned);
        let kind = said("type").ok_or_else(|| Fault::missing("item.content[].type"))?;
        let needed = |name: &str| {
            said(name).ok_or_else(|| Fault::missing(&format!("item.content[].{name}")))
        };
        Ok(match kind.as_str() {
            "input_text" => Content::InputText {
                text: needed("text")?,
            },
            "input_audio" => Content::InputAudio {
                transcript: said("transcript"),
            },
            "output_text" | "text" => Content::OutputText {
                text: needed("text")?,
            },
            "output_audio" => Content::OutputAudio {
                transcript: said("transcript").unwrap_or_default(),
            },
            other => {
                let known = "'input_text', 'input_audio', 'output_text', and 'output_audio'";
                return Err(Fault::value("item.content[].type", other, known));
            }
        })
    };
    parts.iter().map(part).collect()
}

/// A text of the item that must be there.
fn text(item: &Map<String, Value>, name: &str) -> Result<String, Fault> {
    let param = || format!("item.{name}");
    match item.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(Fault::of_another_type(&param(), "a string")),
        None => Err(Fault::missing(&param())),
    }
}
