//! The caller's side and the server's against each other, as in one session.

use super::*;
use crate::dialect::realtime::Tools;
use crate::dialect::realtime::server::dialogue::Dialogue;
use crate::dialect::realtime::server::request::{Request, read};
use crate::dialect::realtime::server::response::End;

struct Line {
    caller: Session,
    server: Dialogue,
}

impl Line {
    /// A session that was agreed to.
    fn new(spec: RealtimeSpec) -> Line {
        let is_only_heard = spec.profile == Profile::Transcription;
        let mut line = Line {
            caller: Session::new(Arc::new(Realtime::new(spec).unwrap()), 2),
            server: Dialogue::open("s", "m", is_only_heard, 500),
        };
        assert_eq!(line.hear(), []);
        assert!(line.caller.may_send(Part::Start));
        let start = line.caller.start();
        line.follow(&start);
        let ready = line.hear();
        assert_eq!((ready.len(), &ready[0].what), (1, &ServerMessage::Ready));
        line
    }

    /// The caller hears what the server has said, and the server has what is owed to it for that.
    fn hear(&mut self) -> Vec<Reply> {
        let mut replies = Vec::new();
        while let Some(event) = self.server.next_event() {
            let read = self
                .caller
                .decode(0, event.as_bytes(), &mut |reply| replies.push(reply));
            assert_eq!(read, Ok(()), "{event}");
        }
        let owed: Vec<Bytes> = std::iter::from_fn(|| self.caller.owed(0))
            .map(|owed| owed.message)
            .collect();
        self.follow(&owed);
        replies
    }

    /// The server does what the caller asks.
    fn follow(&mut self, messages: &[Bytes]) {
        for message in messages {
            let event = read(std::str::from_utf8(message).unwrap());
            let done = match event.asks.clone().unwrap() {
                Request::Update(session) => self.server.update(&session),
                Request::Create { id, what } => self.server.create(id, what),
                Request::Truncate {
                    item_id,
                    content_index,
                    audio_end_ms,
                } => self.server.truncate(&item_id, content_index, audio_end_ms),
                Request::Commit { .. } => {
                    self.server.commit();
                    Ok(())
                }
                Request::Respond => {
                    self.server.begin_answer(0);
                    Ok(())
                }
                Request::Cancel => {
                    self.server.end_answer(&End::Cancelled);
                    Ok(())
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(done, Ok(()), "{message:?}");
            assert!(event.event_id.is_some());
        }
    }

    /// An answer of so many milliseconds.
    fn answer(&mut self, words: &str, ms: usize) {
        self.server.say(words);
        self.server.sound(&vec![0; 48 * ms]);
        self.server.end_answer(&End::Completed);
    }
}

/// What was said, and what is known of whose it is, in short.
fn told(replies: &[Reply]) -> Vec<String> {
    let told = replies.iter().map(|reply| {
        let about = reply.about.map(|about| {
            let fact = match about.fact {
                None => String::new(),
                Some(ItemFact::From(ms)) => format!(" from {ms}"),
                Some(ItemFact::Until(ms)) => format!(" until {ms}"),
                Some(ItemFact::Utterance(turn)) => format!(" = {turn}"),
                Some(ItemFact::Follows(item)) => format!(" after {}", item.0),
                Some(ItemFact::Unprompted) => " unprompted".to_owned(),
            };
            format!(" #{}{fact}", about.item.0)
        });
        format!("{}{}", reply.kind, about.unwrap_or_default())
    });
    let mut told: Vec<String> = told.collect();
    told.dedup();
    told
}

#[test]
fn an_interrupted_dialogue_with_an_open_microphone() {
    let mut line = Line::new(with_session(
        spec(Profile::OpenAi, Endpointing::Server),
        &json!({"audio": {"input": {"transcription": {"model": "whisper-1"}}}}),
    ));
    line.server.speech_started(200);
    line.server.speech_stopped(900);
    let item = line.server.commit();
    line.server.begin_answer(700);
    line.answer("Of course. ", 500);
    line.server.transcribe(&item, "hello", 700);
    let heard = line.hear();
    let expected = [
        "cleared #0 from 200",
        "processing #0 until 900",
        "speaking #1 after 0",
        "llm_text #1",
        "audio #1",
        "listening #1",
        "transcript #0",
    ];
    assert_eq!(told(&heard), expected);
    line.server.speech_started(1_400);
    let said = line.caller.interrupted(270_000_000);
    let heard = line.hear();
    line.follow(&said);
    assert_eq!(heard[0].kind, "cleared");
    let events: Vec<String> = std::iter::from_fn(|| line.server.next_event()).collect();
    assert_eq!(events.len(), 1);
    assert!(
        events[0].contains("conversation.item.truncated"),
        "{events:?}"
    );
    assert!(events[0].contains("\"audio_end_ms\":230"), "{events:?}");
}

#[test]
fn utterances_by_push_to_talk_are_the_items_that_are_committed() {
    let mut line = Line::new(spec(Profile::OpenAi, Endpointing::Caller));
    for turn in 0..3 {
        let messages = line.caller.end_of_utterance(turn);
        line.follow(&messages);
        line.answer("Yes. ", 100);
        let heard = line.hear();
        let heard_as = heard[0].about.unwrap();
        assert_eq!(heard_as.fact, Some(ItemFact::Utterance(turn)));
        let answered = heard.iter().find(|reply| reply.kind == "llm_text");
        let fact = heard
            .iter()
            .filter_map(|reply| reply.about?.fact)
            .find(|fact| matches!(fact, ItemFact::Follows(_)));
        assert!(answered.is_some());
        assert_eq!(fact, Some(ItemFact::Follows(heard_as.item)));
        assert_eq!(heard.last().unwrap().what, ServerMessage::TurnEnded);
    }
}

#[test]
fn a_function_is_called_and_the_turn_goes_on() {
    let mut with_tools = spec(Profile::OpenAi, Endpointing::Server);
    with_tools.tools = Some(Tools::new(json!({"*": {"output": {"sky": "clear"}}})).unwrap());
    let tool = json!({"type": "function", "name": "weather", "parameters": {"type": "object"}});
    with_tools = with_session(with_tools, &json!({"tools": [tool]}));
    let mut line = Line::new(with_tools);
    line.server.speech_started(0);
    line.server.speech_stopped(500);
    line.server.commit();
    line.server.begin_answer(500);
    line.server.call("weather", "{\"city\":\"Rome\"}");
    let heard = line.hear();
    assert_eq!(
        told(&heard),
        ["cleared #0 from 0", "processing #0 until 500"]
    );
    // What is owed for that has begun the next response.
    assert!(line.server.is_answering());
    line.answer("It is clear. ", 100);
    let heard = line.hear();
    let kinds: Vec<&str> = heard.iter().map(|reply| reply.kind).collect();
    assert_eq!(kinds, ["speaking", "llm_text", "audio", "listening"]);
    let first = heard[0].about.unwrap();
    let Some(ItemFact::Follows(calling)) = first.fact else {
        panic!("{first:?}");
    };
    assert_eq!(line.caller.response.id, Some(first.item));
    assert_ne!(calling, first.item);
    assert_ne!(Some(calling), line.caller.latest_heard);
}

#[test]
fn a_server_that_only_listens_ends_a_turn_by_its_transcript() {
    let mut spec = spec(Profile::Transcription, Endpointing::Caller);
    spec.model = Some("whisper-1".to_owned());
    let mut line = Line::new(spec);
    let messages = line.caller.end_of_utterance(0);
    line.follow(&messages);
    let item = line.caller.latest_heard;
    assert_eq!(item, None);
    let heard = line.hear();
    assert_eq!(told(&heard), ["processing #0 = 0"]);
    let item = line.caller.names.name(ItemId(0)).unwrap().to_owned();
    line.server.transcribe(&item, "one two", 400);
    let heard = line.hear();
    assert_eq!(told(&heard), ["transcript #0", "listening #0"]);
    let last = heard.iter().rev().nth(1).unwrap();
    assert_eq!(last.what, transcript("one two", true));
}
