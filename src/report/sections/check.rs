//! Where to look when no turn was answered.

use super::Report;
use crate::report::document::{Block, Words};
use crate::results::manifest::ExitReason;
use crate::results::protocol::DialectName;
use crate::units::terminal::Tone;

pub(super) fn blocks(report: &Report<'_>) -> Vec<Block> {
    let summary = report.summary;
    if !summary.nothing_answered() {
        return Vec::new();
    }
    let block = match (summary.turns.rows, summary.run.exit_reason) {
        (0, ExitReason::Running) => {
            only("No turn is on record yet; they are written every second.")
        }
        (0, ExitReason::Killed | ExitReason::Unknown) => {
            only("No turn is on record: none had started a second before the end.")
        }
        (0, _) => only("No turn is on record: the run was stopped before its first turn."),
        _ => {
            let target = summary.run.target.as_deref().unwrap_or("the target");
            where_to_look(target, summary.run.dialect)
        }
    };
    vec![Block::Heading("What to check"), block]
}

fn only(words: &str) -> Block {
    Block::line("check", vec![words.into()])
}

fn where_to_look(target: &str, dialect: DialectName) -> Block {
    let server = match dialect {
        DialectName::StreamAudio => format!(
            "whether {target} is the voice gateway (service voice_workflow.VoiceGateway), and wants TLS \
             (https://) or not (http://)"
        ),
        DialectName::Twilio => format!(
            "whether {target} is a bot that takes Twilio Media Streams at this path, and wants TLS (wss://) or not \
             (ws://), and whether its answers are over --audible-threshold"
        ),
        DialectName::Realtime => format!(
            "whether {target} is a server of OpenAI's Realtime protocol at this path, speaks this --profile, and \
             wants TLS (wss://) or not (ws://)"
        ),
        DialectName::DescribedGrpc | DialectName::DescribedWebSocket => format!(
            "whether {target} is a server of the protocol that --dialect describes, and what \
             `voicelt dialect check FILE --sample REPLIES` understands of its replies"
        ),
    };
    let steps = [
        &server,
        "the gateway's log, and those of its speech and language models; a recogniser that fails gives \
         no error, only an empty stream that ends well",
        "whether it takes the language and the sample rate of the trace",
    ];
    let title = Words::new(Tone::Bad, "No turn was answered. See");
    Block::points("check", vec![title], steps.map(Words::from).into())
}
