//! Each event that goes between voicelt and its gateway is of the type that OpenAI's own package has for it.

use crate::replay::replay_into;
use crate::support::Desk;
use crate::support::openai::check;
use crate::support::relay::Relay;

/// Replays of three calls of two turns: the flags of the gateway and of the replay.
const RUNS: [(&str, &str); 5] = [
    ("", "--session words.json --turn-timing reactive"),
    (
        "--greeting --tool-calls 1",
        "--tools tools.json --greeting wait --turn-timing reactive",
    ),
    // Callers speak into answers that are still being made.
    ("--tts-rtf 0.5", "--wire-format mulaw"),
    (
        "",
        "--wire-format alaw --microphone push-to-talk --turn-timing reactive",
    ),
    ("--late-transcripts 200ms", "--profile transcription"),
];

/// Names of events that must have been among those that were checked.
const MET: [&str; 26] = [
    "client conversation.item.create",
    "client conversation.item.truncate",
    "client input_audio_buffer.append",
    "client input_audio_buffer.commit",
    "client response.create",
    "client session.update",
    "server conversation.item.added",
    "server conversation.item.done",
    "server conversation.item.input_audio_transcription.completed",
    "server conversation.item.input_audio_transcription.delta",
    "server conversation.item.truncated",
    "server input_audio_buffer.committed",
    "server input_audio_buffer.speech_started",
    "server input_audio_buffer.speech_stopped",
    "server response.content_part.added",
    "server response.content_part.done",
    "server response.created",
    "server response.done",
    "server response.function_call_arguments.done",
    "server response.output_audio.delta",
    "server response.output_audio.done",
    "server response.output_audio_transcript.delta",
    "server response.output_audio_transcript.done",
    "server response.output_item.added",
    "server session.created",
    "server session.updated",
];

#[test]
#[ignore = "needs Python with openai, which VOICELT_TEST_PYTHON may name"]
fn what_voicelt_and_its_gateway_say_is_of_the_types_that_openai_has_for_it() {
    // Short of time for the answers, where callers do not wait for them.
    let desk = Desk::with_trace(
        "--synth speech-like:1s --arrivals constant:4/s --sessions 3 --turns 2 --answer-time 1500ms \
         --think-time 200ms",
    );
    let words = r#"{"audio":{"input":{"transcription":{"model":"whisper-1"}}}}"#;
    desk.write("words.json", words);
    desk.write("tools.json", r#"{"*":{"output":{"found":true}}}"#);
    let runs = RUNS.map(|(gateway, flags)| {
        let (gateway, address) = desk.gateway(&format!("--dialect realtime {gateway}"));
        let relay = Relay::new(&address);
        let target = format!("ws://127.0.0.1:{}/v1/realtime?model=m", relay.port);
        let run = format!("run-{}", relay.port);
        let replay = replay_into(&target, &run);
        let replay = desk.start(&format!("{replay} --dialect realtime {flags}"));
        (gateway, relay, run, replay)
    });
    let mut events = Vec::new();
    for (_gateway, relay, run, replay) in runs {
        replay.wait().exits(0);
        for row in desk.requests(&run) {
            assert!(row.status.is_success(), "{row:?}");
        }
        events.extend(relay.heard());
    }
    let counts = check(&events);
    for name in MET {
        assert!(counts.contains(name), "no {name} in\n{counts}");
    }
}
