//! The reader against an oracle that has all bytes at once, and by the letter of the protocol.

use super::*;
use proptest::prelude::*;

/// A frame as a server sends it.
fn server(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..=125 => bytes.push(short as u8),
        medium @ 126..=0xffff => {
            bytes.push(126);
            bytes.extend((medium as u16).to_be_bytes());
        }
        long => {
            bytes.push(127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    bytes.extend(payload);
    bytes
}

/// The events of `bytes`, pushed in pieces of these lengths, counted around, and the code of what ended them.
fn read(bytes: &[u8], pieces: &[usize]) -> (Vec<Event>, Option<u16>) {
    let (mut reader, mut events) = (FrameReader::default(), Vec::new());
    let mut rest = Bytes::copy_from_slice(bytes);
    for length in pieces.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let piece = rest.split_to((*length).clamp(1, rest.len()));
        if let Err(violation) = reader.push(piece, |event| events.push(event)) {
            return (events, Some(violation.code));
        }
    }
    (events, None)
}

fn at_once(bytes: &[u8]) -> (Vec<Event>, Option<u16>) {
    read(bytes, &[usize::MAX])
}

fn code_of(bytes: &[u8]) -> Option<u16> {
    let (events, code) = at_once(bytes);
    assert_eq!(events, [], "{bytes:x?}");
    code
}

fn text(text: &str) -> Event {
    Event::Message(text.to_owned().into())
}

/// What RFC 6455 says of `bytes`, all of which are there: straight down, a frame after the other.
fn oracle(bytes: &[u8]) -> (Vec<Event>, Option<u16>) {
    let mut events = Vec::new();
    let (mut at, mut parts): (usize, Option<(Vec<u8>, bool)>) = (0, None);
    while bytes.len() - at >= 2 {
        let (fin, rsv, opcode) = (
            bytes[at] >> 7,
            (bytes[at] >> 4) & 7,
            u32::from(bytes[at] & 15),
        );
        let (masked, mut length) = (bytes[at + 1] >> 7, u64::from(bytes[at + 1] & 127));
        let is_control = [8, 9, 10].contains(&opcode);
        let is_data = [1, 2].contains(&opcode);
        if rsv != 0
            || masked != 0
            || !(is_control || is_data || opcode == 0)
            || is_control && (fin == 0 || length > 125)
            || opcode == 0 && parts.is_none()
            || is_data && parts.is_some()
        {
            return (events, Some(1002));
        }
        let mut head = 2;
        let more = match length {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if bytes.len() - at < head + more {
            break;
        }
        if more > 0 {
            let length_bytes = &bytes[at + 2..at + 2 + more];
            length = length_bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
            head += more;
        }
        let held = parts.as_ref().map_or(0, |(held, _)| held.len() as u64);
        if !is_control && length > MAX_MESSAGE_BYTES as u64 - held {
            return (events, Some(1009));
        }
        if ((bytes.len() - at - head) as u64) < length {
            break;
        }
        let payload = &bytes[at + head..at + head + length as usize];
        at += head + length as usize;
        match opcode {
            9 => events.push(Event::Ping(payload.to_vec().into())),
            10 => events.push(Event::Pong(payload.to_vec().into())),
            8 if payload.is_empty() => {
                events.push(Event::Close {
                    code: None,
                    reason: String::new(),
                });
                return (events, None);
            }
            8 if payload.len() == 1 => return (events, Some(1002)),
            8 => {
                let code = u16::from(payload[0]) * 256 + u16::from(payload[1]);
                let is_allowed = (1000..1015).contains(&code)
                    && ![1004, 1005, 1006].contains(&code)
                    || (3000..5000).contains(&code);
                if !is_allowed {
                    return (events, Some(1002));
                }
                match String::from_utf8(payload[2..].to_vec()) {
                    Ok(reason) => events.push(Event::Close {
                        code: Some(code),
                        reason,
                    }),
                    Err(_) => return (events, Some(1007)),
                }
                return (events, None);
            }
            _ => {
                let (held, is_text) = parts.get_or_insert_with(|| (Vec::new(), opcode == 1));
                held.extend(payload);
                if fin == 1 {
                    if *is_text && std::str::from_utf8(held).is_err() {
                        return (events, Some(1007));
                    }
                    events.push(Event::Message(std::mem::take(held).into()));
                    parts = None;
                }
            }
        }
    }
    (events, None)
}

/// Frames of which most are as they should be.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        6 => prop::sample::select(vec![0x81_u8, 0x82, 0x01, 0x00, 0x80, 0x89, 0x8a]),
        1 => Just(0x88_u8),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        4 => "[a-zé]{0,140}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..140),
        1 => (1000_u16..1016).prop_map(|code| code.to_be_bytes().to_vec()),
    ];
    let frame = (first, payload).prop_map(|(first, payload)| server(first, &payload));
    prop::collection::vec(frame, 0..12).prop_map(|frames| frames.concat())
}

proptest! {
    #[test]
    fn frames_are_read_as_the_oracle_does_however_they_are_cut(
        mut bytes in frames(),
        pieces in prop::collection::vec(1_usize..40, 1..6),
        damage in prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>())),
    ) {
        if let Some((at, byte)) = damage && !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let expected = oracle(&bytes);
        prop_assert_eq!(at_once(&bytes), expected.clone());
        prop_assert_eq!(read(&bytes, &pieces), expected);
    }

    #[test]
    fn what_is_written_is_masked_and_the_same_when_unmasked(
        payload in prop::collection::vec(any::<u8>(), 0..70_000),
        key: [u8; 4],
    ) {
        let mut out = b"before".to_vec();
        let (first, rest) = payload.split_at(payload.len() / 3);
        write(&mut out, Opcode::Binary, &[first, rest], key);
        let frame = &out[b"before".len()..];
        prop_assert_eq!(frame[0], 0x82);
        prop_assert_eq!(frame[1] & 0x80, 0x80);
        // Byte by byte, as RFC 6455 §5.3 has it.
        let head = frame.len() - payload.len();
        prop_assert_eq!(&frame[head - 4..head], &key);
        let unmasked: Vec<u8> = frame[head..].iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
        prop_assert_eq!(&unmasked, &payload);
        // Without the mask it is what a server would have sent.
        let expected = server(0x82, &payload);
        prop_assert_eq!(&frame[2..head - 4], &expected[2..expected.len() - payload.len()]);
        prop_assert_eq!(frame[1] & 0x7f, expected[1]);
    }
}

#[test]
fn control_frames_may_come_between_the_parts_of_a_message() {
    let bytes = [
        server(0x01, b"one "),
        server(0x89, b"there?"),
        server(0x00, b"two "),
        server(0x8a, b""),
        server(0x80, b"three"),
        server(0x82, b""),
        server(0x88, b"\x03\xf5busy"),
        server(0x81, b"too late"),
    ]
    .concat();
    let expected = vec![
        Event::Ping(Bytes::from_static(b"there?")),
        Event::Pong(Bytes::new()),
        text("one two three"),
        text(""),
        Event::Close {
            code: Some(1013),
            reason: "busy".to_owned(),
        },
    ];
    assert_eq!(at_once(&bytes), (expected, None));
}

#[test]
fn a_message_that_comes_whole_is_not_copied() {
    let bytes = Bytes::from([server(0x82, b"first"), server(0x81, b"second")].concat());
    let within = bytes.as_ptr() as usize..bytes.as_ptr() as usize + bytes.len();
    let mut messages = 0;
    let mut reader = FrameReader::default();
    let read = reader.push(bytes.clone(), |event| {
        let Event::Message(message) = event else {
            panic!("{event:?}")
        };
        assert!(within.contains(&(message.as_ptr() as usize)));
        messages += 1;
    });
    assert_eq!((read, messages, reader.is_inside()), (Ok(()), 2, false));
}

#[test]
fn what_a_server_may_not_send_has_its_code() {
    let masked = [0x81, 0x81, 1, 2, 3, 4, 5];
    let table: [(&[u8], u16); 14] = [
        (&server(0xc1, b"x"), 1002),
        (&server(0x91, b"x"), 1002),
        (&server(0x83, b"x"), 1002),
        (&server(0x8b, b"x"), 1002),
        (&masked, 1002),
        (&server(0x09, b""), 1002),
        (&server(0x89, &[0; 126]), 1002),
        (&server(0x80, b"x"), 1002),
        (&[server(0x01, b"a"), server(0x81, b"b")].concat(), 1002),
        (&server(0x81, b"\xff"), 1007),
        (&server(0x88, b"\x03\xe8\xff"), 1007),
        (&server(0x88, b"\x03"), 1002),
        (&server(0x88, b"\x03\xee"), 1002),
        (
            &[server(0x01, b"\xc3"), server(0x80, b"\x28")].concat(),
            1007,
        ),
    ];
    for (bytes, code) in table {
        assert_eq!(code_of(bytes), Some(code), "{bytes:x?}");
    }
    // A letter may be cut between the parts of a message.
    let cut = [server(0x01, b"\xc3"), server(0x80, b"\xa9")].concat();
    assert_eq!(at_once(&cut), (vec![text("é")], None));
}

#[test]
fn a_large_message_is_refused_at_its_head() {
    let mut head = vec![0x82, 127];
    head.extend(1_000_000_000_u64.to_be_bytes());
    assert_eq!(code_of(&head), Some(1009));
    head[2..].copy_from_slice(&u64::MAX.to_be_bytes());
    assert_eq!(code_of(&head), Some(1009));
    // In parts: each is allowed, and both are too much.
    let mut reader = FrameReader::default();
    let half = server(0x02, &vec![0; MAX_MESSAGE_BYTES / 2 + 1]);
    reader.push(half.into(), |_| {}).unwrap();
    let mut rest = vec![0x80, 127];
    rest.extend((MAX_MESSAGE_BYTES as u64 / 2).to_be_bytes());
    let refused = reader.push(rest.into(), |_| {}).unwrap_err();
    assert_eq!(refused.code, TOO_BIG);
    // One of the largest size is read.
    let largest = server(0x82, &vec![7; MAX_MESSAGE_BYTES]);
    let (events, code) = read(&largest, &[1 << 20]);
    assert_eq!((events.len(), code), (1, None));
}

/// The same bytes as a client sends them: each frame masked with a key of its own.
fn masked(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, frame) in frames.iter().enumerate() {
        let head = match frame[1] {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        let key = [number as u8, 0x5a, 0xff, 7];
        let from = bytes.len();
        bytes.extend_from_slice(frame);
        bytes[from + 1] |= MASKED;
        mask(&mut bytes[from + head..], key);
        bytes.splice(from + head..from + head, key);
    }
    bytes
}

fn read_client(bytes: &[u8], piece: usize) -> (Vec<Event>, Option<Violation>) {
    let (mut reader, mut events) = (FrameReader::new(Sender::Client), Vec::new());
    for piece in bytes.chunks(piece) {
        let piece = Bytes::copy_from_slice(piece);
        if let Err(violation) = reader.push(piece, |event| events.push(event)) {
            return (events, Some(violation));
        }
    }
    (events, None)
}

#[test]
fn what_a_client_masks_is_read_as_what_a_server_sends() {
    let frames = [
        server(0x01, "in ".repeat(100).as_bytes()),
        server(0x89, b"there?"),
        server(0x00, &[b'.'; 70_000]),
        server(0x8a, b""),
        server(0x80, "parts, \u{e4}".as_bytes()),
        server(0x82, &[0, 1, 2]),
        server(0x88, &[&4001_u16.to_be_bytes()[..], b"quota"].concat()),
    ];
    let (expected, none) = at_once(&frames.concat());
    assert_eq!((expected.len(), none), (5, None));
    let bytes = masked(&frames);
    for piece in [1, 2, 5, 7, 1_000, bytes.len()] {
        let (events, violation) = read_client(&bytes, piece);
        assert_eq!(violation, None);
        assert!(events == expected, "in pieces of {piece}");
    }
}

#[test]
fn a_client_that_does_not_mask_is_named() {
    let (events, violation) = read_client(&server(0x81, b"clear"), 1);
    let violation = violation.unwrap();
    assert_eq!((events, violation.code), (vec![], PROTOCOL_ERROR));
    assert!(
        violation.what.starts_with("the client did not mask"),
        "{violation}"
    );
    let long = masked(&[server(0x89, &[0; 126])]);
    assert_eq!(
        read_client(&long, 9).1.map(|v| v.code),
        Some(PROTOCOL_ERROR)
    );
}
