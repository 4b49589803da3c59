//! A block: the track it is of, and one packet or several (RFC 9559 section 10).

use super::ebml::{UNKNOWN, read_length};
use super::track::xiph_length;

/// The packets in a block of `track`; none if it is of another, or not whole.
pub(super) fn packets(block: &[u8], track: u64) -> Option<Vec<&[u8]>> {
    const LACING: u8 = 0x06;
    let (number, len) = read_length(block)?;
    if number != track {
        return None;
    }
    // Two bytes of time before the flags.
    let flags = *block.get(len + 2)?;
    let body = &block[len + 3..];
    if flags & LACING == 0 {
        return Some(vec![body]);
    }
    let (&count, mut rest) = body.split_first()?;
    let count = usize::from(count) + 1;
    let mut sizes = Vec::new();
    match flags & LACING {
        0x02 => {
            for _ in 1..count {
                let (size, behind) = xiph_length(rest)?;
                sizes.push(size);
                rest = behind;
            }
        }
        0x04 => sizes = vec![rest.len() / count; count - 1],
        _ => {
            // Differences, but for the first.
            let mut last: i64 = 0;
            for number in 1..count {
                let (value, len) = read_length(rest).filter(|(value, _)| *value != UNKNOWN)?;
                let middle = (1_i64 << (7 * len - 1)) - 1;
                let value = i64::try_from(value).ok()?;
                last += if number == 1 { value } else { value - middle };
                sizes.push(usize::try_from(last).ok()?);
                rest = &rest[len..];
            }
        }
    }
    let mut packets = Vec::with_capacity(count);
    for size in sizes {
        packets.push(rest.get(..size)?);
        rest = &rest[size..];
    }
    packets.push(rest);
    Some(packets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_separated_by_every_lacing() {
        let block = |flags: u8, body: &[u8]| [&[0x81, 0, 0, flags][..], body].concat();
        let of = |block: &[u8]| -> Option<Vec<Vec<u8>>> {
            packets(block, 1).map(|packets| packets.iter().map(|packet| packet.to_vec()).collect())
        };
        let three = Some(vec![vec![1, 2], vec![3, 4, 5], vec![6]]);
        assert_eq!(of(&block(0x80, &[1, 2])), Some(vec![vec![1, 2]]));
        assert_eq!(of(&block(0x02, &[2, 2, 3, 1, 2, 3, 4, 5, 6])), three);
        // 2, then one more: the difference 1 is 64 in a byte of 7 bits.
        assert_eq!(of(&block(0x06, &[2, 0x82, 0xc0, 1, 2, 3, 4, 5, 6])), three);
        assert_eq!(
            of(&block(0x04, &[1, 1, 2, 3, 4])),
            Some(vec![vec![1, 2], vec![3, 4]])
        );
        assert_eq!(of(&block(0x02, &[2, 9, 3, 1, 2])), None);
        assert_eq!(of(&block(0x06, &[2, 0x82, 0x80, 1])), None);
        assert_eq!(packets(&block(0, &[1]), 2), None);
        assert_eq!(packets(&[0x81], 1), None);
    }
}
