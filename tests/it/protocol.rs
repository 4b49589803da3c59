//! The code in `src/dialect/voice_workflow.rs` is generated from `proto/voice_workflow.proto` and checked
//! in, so that nobody who builds the program has to compile a protobuf compiler first.

use std::path::Path;

const CODE: &str = "src/dialect/voice_workflow.rs";

#[test]
fn the_generated_code_is_what_the_protocol_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = tempfile::tempdir().unwrap();
    let proto = root.join("proto");
    let descriptors = protox::compile(["voice_workflow.proto"], [&proto]).unwrap();
    tonic_prost_build::configure()
        .bytes(".")
        .out_dir(out.path())
        .compile_fds(descriptors)
        .unwrap();
    let generated = std::fs::read_to_string(out.path().join("voice_workflow.rs")).unwrap();
    let expected = format!(
        "//! Messages, client and server of `proto/voice_workflow.proto`, which documents them.\n\
         {generated}"
    );
    let code = root.join(CODE);
    if std::env::var_os("VOICELT_GENERATE").is_some() {
        std::fs::write(&code, &expected).unwrap();
    }
    assert!(
        std::fs::read_to_string(&code).unwrap() == expected,
        "{CODE} is stale; renew it:\n  VOICELT_GENERATE=1 cargo test --test it protocol::"
    );
}
