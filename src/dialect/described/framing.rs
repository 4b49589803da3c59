//! How audio is written: coded, and put into a message.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

use super::protobuf::{put_field, put_field_bytes};
use super::template::{Template, Values};
use crate::dialect::base64;
use crate::dialect::grpc::{HEADER_BYTES, put_header};
use crate::pcm::codec::Codec;

/// How samples are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Of(Codec),
    /// 32 bits of floating point, little-endian, from -1 to 1.
    F32,
}

/// How a chunk is put into a message.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Framing {
    /// It is a binary message.
    Binary,
    /// In base64, between what is the same in all sessions.
    Shared { head: String, tail: String },
    /// In base64, between what each session has of its own.
    Enveloped { head: Template, tail: Template },
    /// In a field of a message of gRPC, by its number and those of the messages around it, from without.
    Field(Vec<u32>),
}

impl Coding {
    /// Its name in descriptions.
    pub(super) fn name(self) -> &'static str {
        match self {
            Coding::Of(codec) => codec.name(),
            Coding::F32 => "f32le",
        }
    }

    /// The codec in which it is given to be framed.
    pub(super) fn codec(self) -> Codec {
        match self {
            Coding::Of(codec) => codec,
            Coding::F32 => Codec::Pcm16,
        }
    }

    /// Bytes of a chunk that was given in so many.
    pub(super) fn coded_bytes(self, bytes: usize) -> usize {
        match self {
            Coding::Of(_) => bytes,
            Coding::F32 => bytes / 2 * 4,
        }
    }

    /// PCM16 as it is coded.
    pub(super) fn encode(self, pcm: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Coding::Of(Codec::Pcm16) => pcm.into(),
            Coding::Of(codec) => codec.encode(&Codec::Pcm16.decode(pcm)).into(),
            Coding::F32 => {
                let (samples, _) = pcm.as_chunks();
                let to_f32 = |bytes: &[u8; 2]| f32::from(i16::from_le_bytes(*bytes)) / 32_768.0;
                let samples = samples.iter();
                let coded = samples.flat_map(|bytes| to_f32(bytes).to_le_bytes());
                coded.collect::<Vec<u8>>().into()
            }
        }
    }

    /// The samples that a server sent, as PCM16.
    pub(super) fn decode(self, coded: &[u8]) -> Vec<u8> {
        match self {
            Coding::Of(Codec::Pcm16) => coded.to_vec(),
            Coding::Of(codec) => Codec::Pcm16.encode(&codec.decode(coded)),
            Coding::F32 => {
                let (samples, _) = coded.as_chunks();
                let to_pcm = |bytes: &[u8; 4]| (f32::from_le_bytes(*bytes) * 32_768.0) as i16;
                samples
                    .iter()
                    .flat_map(|bytes| to_pcm(bytes).to_le_bytes())
                    .collect()
            }
        }
    }
}

impl Framing {
    /// Bytes of a message with a chunk that was given in so many, without what a session has of its own.
    pub(super) fn frame_bytes(&self, coding: Coding, chunk_bytes: usize) -> usize {
        let bytes = coding.coded_bytes(chunk_bytes);
        match self {
            Framing::Binary => bytes,
            Framing::Shared { head, tail } => head.len() + base64::chars(bytes) + tail.len(),
            Framing::Enveloped { .. } => base64::chars(bytes),
            Framing::Field(numbers) => HEADER_BYTES + field_bytes(numbers, bytes),
        }
    }

    /// Appends a message with a chunk, without what a session has of its own.
    pub(super) fn put(&self, coding: Coding, chunk: &[u8], out: &mut BytesMut) {
        if coding == Coding::Of(coding.codec()) {
            return self.put_coded(chunk, out);
        }
        self.put_coded(&coding.encode(chunk), out);
    }

    fn put_coded(&self, chunk: &[u8], out: &mut BytesMut) {
        match self {
            Framing::Binary => out.extend_from_slice(chunk),
            Framing::Shared { head, tail } => {
                out.extend_from_slice(head.as_bytes());
                base64::put(chunk, out);
                out.extend_from_slice(tail.as_bytes());
            }
            Framing::Enveloped { .. } => base64::put(chunk, out),
            Framing::Field(numbers) => {
                put_header(out, field_bytes(numbers, chunk.len()));
                put_fields(numbers, chunk, out);
            }
        }
    }

    /// What a session has of its own before and after each chunk.
    pub(super) fn envelope(&self, values: &Values) -> (Bytes, Bytes) {
        match self {
            Framing::Enveloped { head, tail } => {
                (head.fill(values).into(), tail.fill(values).into())
            }
            Framing::Binary | Framing::Shared { .. } | Framing::Field(_) => Default::default(),
        }
    }
}

/// Bytes of a field, with the messages around it.
fn field_bytes(numbers: &[u32], bytes: usize) -> usize {
    let numbers = numbers.iter().rev();
    numbers.fold(bytes, |inner, number| {
        put_field_bytes(*number, inner) + inner
    })
}

fn put_fields(numbers: &[u32], bytes: &[u8], out: &mut BytesMut) {
    match numbers.split_first() {
        None => out.extend_from_slice(bytes),
        Some((number, inner)) => {
            put_field(*number, field_bytes(inner, bytes.len()), out);
            put_fields(inner, bytes, out);
        }
    }
}
