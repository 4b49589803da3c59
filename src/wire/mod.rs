//! The gateway's protocol on the wire; the only home of generated code.

/// Messages, client and server of `proto/voice_workflow.proto`.
#[expect(
    missing_docs,
    reason = "generated; the .proto file holds the documentation"
)]
#[expect(clippy::allow_attributes_without_reason, reason = "generated")]
pub mod voice_workflow {
    tonic::include_proto!("voice_workflow");
}
