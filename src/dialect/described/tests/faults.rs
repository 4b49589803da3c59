//! What is wrong with a description is said with its line, and what is meant.

use super::parse;

const SOCKET: &str = r#"name = "x"
transport = "websocket"
url = "ws://h/p"
"#;
const AUDIO: &str = r#"[audio]
format = "pcm16"
as = "binary"
"#;
const REPLY: &str = r#"[[reply]]
when = { "/a" = 1 }
then = "text"
text = "/t"
"#;
const RIVA: &str = r#"name = "x"
transport = "grpc"
proto = "riva.proto"
method = "nvidia.riva.asr.RivaSpeechRecognition/StreamingRecognize"
"#;
const RIVA_AUDIO: &str = r#"[audio]
format = "pcm16"
as = "/audio_content"
"#;

fn fault(parts: &[&str]) -> String {
    let fault = parse("a.toml", &parts.concat()).unwrap_err();
    assert!(fault.starts_with("a.toml, line "), "{fault}");
    fault["a.toml, line ".len()..].to_owned()
}

#[test]
fn whole_descriptions_are_read() {
    parse("a.toml", &[SOCKET, AUDIO, REPLY].concat()).unwrap();
    let reply = "[[reply]]\nwhen = {\"/results\" = {empty = false}}\nthen = \"transcript\"\n\
                 text = \"/results/0/alternatives/0/transcript\"\nfinal = true";
    parse("a.toml", &[RIVA, RIVA_AUDIO, reply].concat()).unwrap();
}

#[test]
fn what_is_wrong_with_a_websocket_description_is_said() {
    let faults: Vec<String> = [
        &["name = "][..],
        &["nam = \"x\""],
        &["name = 1"],
        &["name = \"x\"\ntransport = \"websockets\""],
        &["name = \"x\"\ntransport = \"websocket\"\n", AUDIO, REPLY],
        &[SOCKET, "proto = \"a.proto\"\n", AUDIO, REPLY],
        &[SOCKET, REPLY],
        &[
            SOCKET,
            "[audio]\nformat = \"pcm\"\nas = \"binary\"\n",
            REPLY,
        ],
        &[SOCKET, AUDIO, "rate = 4000\n", REPLY],
        &[SOCKET, AUDIO, "chunk = \"20x\"\n", REPLY],
        &[
            SOCKET,
            "[audio]\nformat = \"pcm16\"\nas = '{\"a\":\"{adio}\"}'\n",
            REPLY,
        ],
        &[
            SOCKET,
            "[audio]\nformat = \"pcm16\"\nas = '{\"a\":1}'\n",
            REPLY,
        ],
        &[SOCKET, "open = ['{\"a\":\"{sesion_id}\"}']\n", AUDIO, REPLY],
        &[SOCKET, "open = '{\"a\":}'\n", AUDIO, REPLY],
        &[SOCKET, "open = [1]\n", AUDIO, REPLY],
        &[SOCKET, "open = '{env:NOTHING}'\n", AUDIO, REPLY],
        &[SOCKET, "microphone = \"opn\"\n", AUDIO, REPLY],
        &[
            SOCKET,
            "microphone = \"open\"\nend_of_utterance = \"x\"\n",
            AUDIO,
            REPLY,
        ],
        &[SOCKET, "answer = \"audio\"\n", AUDIO, REPLY],
        &[SOCKET, AUDIO],
        &[SOCKET, AUDIO, "[keep_alive]\nmessage = \"x\"\n", REPLY],
        &[
            SOCKET,
            AUDIO,
            "[keep_alive]\nmessage = \"x\"\nevery = \"0s\"\n",
            REPLY,
        ],
        &[SOCKET, AUDIO, "[headers]\n\"a b\" = \"c\"\n", REPLY],
        &[SOCKET, AUDIO, "[headers]\na = \"b\\n\"\n", REPLY],
    ]
    .into_iter()
    .map(fault)
    .collect();
    insta::assert_snapshot!(faults.join("\n"));
}

#[test]
fn what_is_wrong_with_a_rule_is_said() {
    let rule = |rule: &str| fault(&[SOCKET, AUDIO, "[[reply]]\n", rule]);
    let faults = [
        "when = {\"/a\" = 1}",
        "when = {\"/a\" = 1}\nthen = \"transcipt\"",
        "when = {\"/a\" = 1}\nthen = \"text\"",
        "then = \"text\"\ntext = \"/a\"",
        "when = {\"a\" = 1}\nthen = \"text\"\ntext = \"/a\"",
        "when = {\"/a\" = 1}\nthen = \"text\"\ntext = \"a\"",
        "when = {\"/a\" = []}\nthen = \"text\"\ntext = \"/a\"",
        "when = {\"/a\" = {presnt = true}}\nthen = \"text\"\ntext = \"/a\"",
        "when = {\"/a\" = {}}\nthen = \"text\"\ntext = \"/a\"",
        "when = {\"/a\" = {present = 1}}\nthen = \"text\"\ntext = \"/a\"",
        "when = {\"/a\" = 1}\nthen = \"transcript\"\ntext = \"/a\"\nfinal = 1",
        "when = {\"/a\" = 1}\nthen = \"transcript\"\ntext = \"/a\"\nends_utterance = true",
        "when = {\"/a\" = 1}\nthen = \"ready\"\nfinal = true",
        "when = {\"/a\" = 1}\nthen = \"audio\"",
        "when = {\"/a\" = 1}\nthen = \"audio\"\naudio = \"binary\"",
        "when = {\"/a\" = 1}\nthen = \"ignored\"\ntext = \"/a\"",
        "wen = {}\nthen = \"ready\"",
    ]
    .map(rule);
    insta::assert_snapshot!(faults.join("\n"));
}

#[test]
fn what_is_wrong_with_a_grpc_description_is_said() {
    let with = |proto: &str, method: &str| {
        let top = format!(
            "name = \"x\"\ntransport = \"grpc\"\nproto = \"{proto}\"\nmethod = \"{method}\"\n"
        );
        fault(&[&top, RIVA_AUDIO])
    };
    let open = |open: &str| fault(&[RIVA, &format!("open = '{open}'\n"), RIVA_AUDIO]);
    let audio = |at: &str| {
        fault(&[
            RIVA,
            &format!("[audio]\nformat = \"pcm16\"\nas = \"{at}\"\n"),
        ])
    };
    let rule = |rule: &str| fault(&[RIVA, RIVA_AUDIO, "[[reply]]\n", rule]);
    let faults = [
        with("nothing.proto", "a/b"),
        with("riva.toml", "a/b"),
        with("riva.proto", "b"),
        with(
            "riva.proto",
            "nvidia.riva.asr.RivaSpeechRecogniton/StreamingRecognize",
        ),
        with(
            "riva.proto",
            "nvidia.riva.asr.RivaSpeechRecognition/StreamingRecognise",
        ),
        fault(&[RIVA, "url = \"ws://a\"\n", RIVA_AUDIO]),
        open("{\"streaming_confg\": {}}"),
        open("{\"streaming_config\": {\"config\": {\"sample_rate_hertz\": \"{session_id}\"}}}"),
        fault(&[RIVA, "end_of_input = ['{}', '{}']\n", RIVA_AUDIO]),
        audio("binary"),
        audio("/audio_contents"),
        audio("/streaming_config"),
        rule("when = {\"/result\" = 1}\nthen = \"ready\""),
        rule("when = {\"/results/is_final\" = true}\nthen = \"ready\""),
        rule("when = {\"/results\" = true}\nthen = \"ready\""),
        rule("when = {\"/results/0/is_final\" = \"yes\"}\nthen = \"ready\""),
        rule("when = {\"/results/0/is_final\" = {present = true}}\nthen = \"ready\""),
        rule("when = {\"/results/0/is_final\" = {empty = true}}\nthen = \"ready\""),
        rule("when = {\"/results/0/is_final/x\" = 1}\nthen = \"ready\""),
        rule(
            "when = {\"/results\" = {empty = true}}\nthen = \"text\"\ntext = \"/results/0/is_final\"",
        ),
        rule("when = {\"/results\" = {empty = true}}\nthen = \"audio\"\naudio = \"binary\""),
    ];
    insta::assert_snapshot!(faults.join("\n"));
}
