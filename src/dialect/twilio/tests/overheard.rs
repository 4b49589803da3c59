//! What others say to each other, overheard.

use super::*;
use crate::conversation::audible::Threshold;
use crate::conversation::message::ClientMessage;
use crate::dialect::Asked;

fn asked(call: &mut Overheard, message: &[u8]) -> Result<Vec<Asked>, &'static str> {
    let mut all = Vec::new();
    call.asked(message, &mut |asked| all.push(asked))
        .map(|()| all)
}

/// What a bot's message tells, as milliseconds and bytes of audio; `None` for the end of an answer.
fn told(call: &mut Overheard, at_ms: i64, message: &str) -> Vec<(i64, Option<usize>)> {
    let mut all = Vec::new();
    let read = call.answered(at_ms * MS, message.as_bytes(), &mut |at_ns, reply| {
        all.push(match reply.what {
            ServerMessage::Audio(pcm) => (at_ns / MS, Some(pcm.len())),
            ServerMessage::TurnEnded => (at_ns / MS, None),
            other => panic!("{other:?}"),
        });
    });
    assert_eq!(read, Ok(()), "{message}");
    all
}

fn sound(ms: usize, level: i16) -> String {
    server::media("MZ", &level.to_le_bytes().repeat(8 * ms))
}

#[test]
fn a_caller_is_understood_as_a_bot_understands_it() {
    let (mut session, said) = started();
    let mut call = Overheard::default();
    let connected = said[0].to_string();
    assert_eq!(asked(&mut call, connected.as_bytes()), Ok(vec![]));
    let call_sid = said[1]["start"]["callSid"].as_str().unwrap();
    let start = asked(&mut call, said[1].to_string().as_bytes()).unwrap();
    let expected = Asked::Message(ClientMessage::Start(Start {
        session_id: call_sid.to_owned(),
        language_code: String::new(),
        sample_rate_hz: 8_000,
    }));
    assert_eq!(start, [expected], "its parameters are nobody's business");
    for (byte, sample) in [(0xff, 0_i16), (0x7f, 0), (0x00, -32_124)] {
        let media = chunk(&mut session, &[byte; 160]);
        let pcm = sample.to_le_bytes().repeat(160).into();
        let expected = Asked::Message(ClientMessage::Audio(pcm));
        assert_eq!(asked(&mut call, &media).unwrap(), [expected]);
    }
    let outbound = r#"{"event":"media","media":{"track":"outbound","payload":"//8="}}"#;
    let mark = r#"{"event":"mark","mark":{"name":"m"}}"#;
    for other in [outbound, mark, r#"{"event":"dtmf","dtmf":{"digit":"7"}}"#] {
        assert_eq!(asked(&mut call, other.as_bytes()), Ok(vec![]));
    }
    let EndOfInput::Messages(stop) = session.end_of_input() else {
        panic!("it half-closes");
    };
    assert_eq!(asked(&mut call, &stop[0]).unwrap(), [Asked::EndOfInput]);
}

#[test]
fn what_cannot_be_followed_is_not_guessed_at() {
    let (_, said) = started();
    for (pointer, other) in [
        ("/start/mediaFormat/encoding", json!("audio/x-l16")),
        ("/start/mediaFormat/sampleRate", json!(16_000)),
    ] {
        let mut start = said[1].clone();
        *start.pointer_mut(pointer).unwrap() = other;
        let read = asked(&mut Overheard::default(), start.to_string().as_bytes());
        assert!(read.unwrap_err().contains("8 kHz"));
    }
    for message in [
        "",
        "[]",
        "{}",
        r#"{"event":"media","media":{"payload":"*"}}"#,
    ] {
        let mut call = Overheard::default();
        assert!(asked(&mut call, message.as_bytes()).is_err(), "{message}");
        assert!(
            call.answered(0, message.as_bytes(), &mut |_, _| ())
                .is_err(),
            "{message}"
        );
    }
}

#[test]
fn an_answer_is_what_is_heard_of_it() {
    let mut call = Overheard::default();
    for at_ms in [0, 20, 40] {
        assert_eq!(told(&mut call, at_ms, &sound(20, 90)), [], "noise");
    }
    assert_eq!(told(&mut call, 60, &sound(20, 900)), [(60, Some(320))]);
    assert_eq!(told(&mut call, 60, &server::mark("MZ", "m")), []);
    assert_eq!(told(&mut call, 80, &sound(20, 90)), []);
    let pause = [(80, Some(320)), (100, Some(320))];
    assert_eq!(told(&mut call, 100, &sound(20, 900)), pause);
    // A gap ends it, which the next one tells.
    let next = [(1_700, None), (1_700, Some(320))];
    assert_eq!(told(&mut call, 1_700, &sound(20, 900)), next);
    assert_eq!(
        told(&mut call, 1_710, &server::clear("MZ")),
        [(1_710, None)]
    );
    assert_eq!(told(&mut call, 1_720, &server::clear("MZ")), [], "once");
    assert_eq!(told(&mut call, 1_730, r#"{"event":"sing"}"#), []);
}

#[test]
fn what_is_noise_on_a_line_is_said_by_who_records_it() {
    let mut call = Overheard::new(Threshold { dbfs: -25.0 }, 500_000_000);
    assert_eq!(told(&mut call, 0, &sound(20, 900)), [], "noise");
    assert_eq!(told(&mut call, 20, &sound(20, 9_000)), [(20, Some(320))]);
    // Less than the usual gap.
    let next = [(700, None), (700, Some(320))];
    assert_eq!(told(&mut call, 700, &sound(20, 9_000)), next);
}
