//! Tells HE-AAC from AAC.
//!
//! HE-AAC adds spectral band replication (SBR) to AAC of half the rate, in a way that an AAC
//! decoder may overlook: it then plays the lower half of the band at half the rate. The addition is
//! signalled in the configuration, or only by its own elements in the packets.

/// AAC at higher rates than this cannot be the core of HE-AAC, whose rate is twice as high.
pub(super) const MAX_CORE_RATE_HZ: u32 = 24_000;

/// Packets that [`packets_have_sbr`] should see.
pub(super) const PACKETS_TO_JUDGE: usize = 16;

const ESCAPE: u32 = 31;
const SBR: u32 = 5;
const PARAMETRIC_STEREO: u32 = 29;
const EXTENSION_SYNC: u32 = 0x2b7;

/// Whether an `AudioSpecificConfig` (ISO/IEC 14496-3, 1.6.2.1) announces SBR: as the object type,
/// or in the extension after the configuration of a plain decoder.
pub(super) fn config_has_sbr(config: &[u8]) -> bool {
    read_config(&mut Bits {
        bytes: config,
        at: 0,
    })
    .unwrap_or(false)
}

fn read_config(bits: &mut Bits<'_>) -> Option<bool> {
    if matches!(object_type(bits)?, SBR | PARAMETRIC_STEREO) {
        return Some(true);
    }
    skip_rate(bits)?;
    let channel_configuration = bits.take(4)?;
    // GASpecificConfig: frame length, core coder, extension. The channels may be described at
    // length in between, which no encoder of speech does.
    bits.take(1)?;
    if bits.take(1)? == 1 {
        bits.take(14)?;
    }
    bits.take(1)?;
    if channel_configuration == 0 || bits.take(11)? != EXTENSION_SYNC {
        return Some(false);
    }
    Some(object_type(bits)? == SBR && bits.take(1)? == 1)
}

fn object_type(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.take(5)? {
        ESCAPE => Some(32 + bits.take(6)?),
        kind => Some(kind),
    }
}

fn skip_rate(bits: &mut Bits<'_>) -> Option<()> {
    if bits.take(4)? == 15 {
        bits.take(24)?;
    }
    Some(())
}

/// Whether these packets carry SBR that nothing announced.
///
/// An encoder writes SBR into every packet; a plain packet looks by chance as if it had some in
/// less than one case of fifty. So three in four decide.
pub(super) fn packets_have_sbr<'a>(packets: impl Iterator<Item = &'a [u8]>) -> bool {
    let (mut with_sbr, mut all) = (0, 0);
    for packet in packets {
        all += 1;
        with_sbr += usize::from(packet_ends_with_sbr(packet));
    }
    all > 0 && with_sbr * 4 >= all * 3
}

/// Whether a packet ends in fill elements of which one holds SBR.
///
/// What comes before the fill elements cannot be skipped without decoding it, so they are searched
/// for from the end: a fill element states its length, and must lead exactly to the next one or to
/// the end mark.
fn packet_ends_with_sbr(packet: &[u8]) -> bool {
    const END: u32 = 0b111;
    const FILL: u32 = 0b110;
    /// A fill element is at most this long: 7 bits, an escape byte and 269 bytes.
    const MAX_FILL_BITS: usize = 15 + 269 * 8;

    let Some(last) = packet.last() else {
        return false;
    };
    let Some(end) = (packet.len() * 8 - last.trailing_zeros().min(8) as usize).checked_sub(3)
    else {
        return false;
    };
    if (Bits {
        bytes: packet,
        at: end,
    })
    .take(3)
        != Some(END)
    {
        return false;
    }
    // By distance from the end mark: whether fill elements lead there, and whether one has SBR.
    let reach = end.min(2 * MAX_FILL_BITS);
    let mut leads_to_end = vec![None; reach + 1];
    leads_to_end[0] = Some(false);
    for distance in 7..=reach {
        let mut bits = Bits {
            bytes: packet,
            at: end - distance,
        };
        let Some(has_sbr) = bits.fill_payload(FILL) else {
            continue;
        };
        let next = bits.at;
        if next <= end
            && let Some(later_sbr) = leads_to_end[end - next]
        {
            leads_to_end[distance] = Some(has_sbr || later_sbr);
        }
    }
    leads_to_end.contains(&Some(true))
}

/// Bits from the highest of a byte to the lowest.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Option<u32> {
        (self.at + count <= self.bytes.len() * 8).then(|| {
            (0..count).fold(0, |value, _| {
                let bit = self.bytes[self.at / 8] >> (7 - self.at % 8) & 1;
                self.at += 1;
                value << 1 | u32::from(bit)
            })
        })
    }

    /// Steps over a fill element that starts here, and says whether it holds SBR.
    fn fill_payload(&mut self, fill: u32) -> Option<bool> {
        if self.take(3)? != fill {
            return None;
        }
        let bytes = match self.take(4)? {
            15 => 14 + self.take(8)?,
            bytes => bytes,
        };
        let end = self.at + bytes as usize * 8;
        let has_sbr = bytes > 0 && matches!(self.take(4)?, 13 | 14);
        self.at = end;
        Some(has_sbr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packs (value, width) pairs, highest bit first, and pads with zeros.
    fn pack(fields: &[(u32, usize)]) -> Vec<u8> {
        let bits: Vec<u32> = fields
            .iter()
            .flat_map(|&(value, width)| (0..width).rev().map(move |bit| value >> bit & 1))
            .collect();
        bits.chunks(8)
            .map(|byte| {
                byte.iter()
                    .enumerate()
                    .fold(0, |v, (i, bit)| v | (bit << (7 - i)) as u8)
            })
            .collect()
    }

    #[test]
    fn sbr_is_found_however_the_configuration_announces_it() {
        // AAC-LC, 24 kHz, stereo.
        let plain = [(2, 5), (6, 4), (2, 4), (0, 3)];
        assert!(!config_has_sbr(&pack(&plain)));
        // With the extension that old decoders overlook: SBR, 48 kHz.
        let extended = [plain.as_slice(), &[(0x2b7, 11), (5, 5), (1, 1), (3, 4)]].concat();
        assert!(config_has_sbr(&pack(&extended)));
        // The same extension saying that there is none.
        let denied = [plain.as_slice(), &[(0x2b7, 11), (5, 5), (0, 1)]].concat();
        assert!(!config_has_sbr(&pack(&denied)));
        // As the object type: HE-AAC and HE-AAC v2.
        assert!(config_has_sbr(&pack(&[
            (5, 5),
            (6, 4),
            (2, 4),
            (3, 4),
            (2, 5),
            (0, 3)
        ])));
        assert!(config_has_sbr(&pack(&[
            (29, 5),
            (6, 4),
            (1, 4),
            (3, 4),
            (2, 5),
            (0, 3)
        ])));
        // A rate that is spelled out.
        assert!(!config_has_sbr(&pack(&[
            (2, 5),
            (15, 4),
            (24_000, 24),
            (2, 4),
            (0, 3)
        ])));
        assert!(!config_has_sbr(&[]));
    }

    #[test]
    fn sbr_is_found_in_packets() {
        let sound = [(0x2d_5a5a, 23), (0x3333, 16)];
        let end = [(7, 3)];
        let sbr = [(6, 3), (4, 4), (13, 4), (0xabc_def0, 28)];
        let padding = [(6, 3), (2, 4), (0, 4), (0, 12)];
        let long_sbr: Vec<(u32, usize)> = [(6, 3), (15, 4), (20, 8), (14, 4), (0, 4)]
            .into_iter()
            .chain([(0x55, 8); 33])
            .collect();
        let packet = |parts: &[&[(u32, usize)]]| packet_ends_with_sbr(&pack(&parts.concat()));
        assert!(packet(&[&sound, &sbr, &end]));
        assert!(packet(&[&sound, &sbr, &padding, &end]));
        assert!(packet(&[&sound, &padding, &sbr, &end]));
        assert!(packet(&[&sound, &long_sbr, &end]));
        assert!(!packet(&[&sound, &padding, &end]));
        assert!(!packet(&[&sound, &end]));
        assert!(!packet_ends_with_sbr(&[]) && !packet_ends_with_sbr(&[0]));
    }

    #[test]
    fn most_packets_must_agree() {
        let with = pack(&[(0x5a5a, 16), (6, 3), (2, 4), (13, 4), (0, 12), (7, 3)]);
        let without = pack(&[(0x5a5a, 16), (7, 3)]);
        let judge = |with_sbr: usize| {
            packets_have_sbr((0..16).map(|n| {
                if n < with_sbr {
                    &with[..]
                } else {
                    &without[..]
                }
            }))
        };
        assert!(judge(16) && judge(12));
        assert!(!judge(11) && !judge(0));
        assert!(!packets_have_sbr(std::iter::empty()));
    }
}
