//! Messages as JSON, as protobuf maps it.

use bytes::Bytes;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use serde_json::Value;

use crate::dialect::grpc::frame;

/// The message that `json` is, as a stream of gRPC carries it.
///
/// # Errors
/// Why it is none of this type.
pub(in crate::dialect::described) fn encode(
    of: &MessageDescriptor,
    json: &str,
) -> Result<Bytes, String> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let message = DynamicMessage::deserialize(of.clone(), &mut reader);
    let message = message.and_then(|message| reader.end().map(|()| message));
    let message = message.map_err(|error| format!("it is no {}: {error}", of.full_name()))?;
    Ok(frame(&message))
}

/// A message of this type as JSON; `None` if it is none.
pub(in crate::dialect::described) fn decode(
    of: &MessageDescriptor,
    message: &[u8],
) -> Option<Value> {
    let message = DynamicMessage::decode(of.clone(), message).ok()?;
    serde_json::to_value(message).ok()
}
