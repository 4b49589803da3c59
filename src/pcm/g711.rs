//! ITU-T G.711: a 16-bit sample in 8 bits, by mu-law or A-law.
//!
//! The tables of G.711 count in 14 bits (mu-law) and 13 bits (A-law); here all values are of 16 bits, 4 and 8 times
//! as large. A sample becomes the code in whose interval of decision values it lies; one on the border of two
//! intervals becomes the greater value, as in the software tool library of ITU-T G.191.

/// Added to magnitudes under mu-law, so that the top bit of the sum says which segment they are in.
const MU_BIAS: u16 = 0x84;

/// The largest magnitude under mu-law; what is beyond is coded like it.
const MU_CLIP: u16 = 0x7fff - MU_BIAS;

/// The mu-law code of a sample.
#[must_use]
pub fn to_mu_law(sample: i16) -> u8 {
    let biased = magnitude(sample).min(MU_CLIP) + MU_BIAS;
    // The bias is in segment 0: bit 7 is the lowest that can be the top bit.
    let segment = 8 - biased.leading_zeros() as u16;
    let step = (biased >> (segment + 3)) & 0x0f;
    let code = sign(sample) | (segment << 4 | step) as u8;
    code ^ 0x7f
}

/// The sample that a mu-law code stands for.
#[must_use]
pub fn from_mu_law(code: u8) -> i16 {
    let code = !code;
    let magnitude = (((i16::from(code & 0x0f) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84;
    if code & 0x80 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

/// The A-law code of a sample.
#[must_use]
pub fn to_a_law(sample: i16) -> u8 {
    let magnitude = magnitude(sample);
    // Segments 0 and 1 have steps of one size.
    let segment = 8u16.saturating_sub(magnitude.leading_zeros() as u16);
    let step = (magnitude >> (segment.max(1) + 3)) & 0x0f;
    let code = sign(sample) | (segment << 4 | step) as u8;
    code ^ 0x55
}

/// The sample that an A-law code stands for.
#[must_use]
pub fn from_a_law(code: u8) -> i16 {
    let code = code ^ 0x55;
    let mantissa = i16::from(code & 0x0f) << 4;
    let magnitude = match (code & 0x70) >> 4 {
        0 => mantissa + 8,
        exponent => (mantissa + 0x108) << (exponent - 1),
    };
    if code & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }
}

/// The magnitude of a sample, of a negative one less 1: the intervals of both signs then hold as many samples.
fn magnitude(sample: i16) -> u16 {
    (if sample < 0 { !sample } else { sample }).unsigned_abs()
}

/// The sign bit of a code: set for positive values and 0.
fn sign(sample: i16) -> u8 {
    if sample < 0 { 0 } else { 0x80 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decision values and the values decoded between them, of one sign, in 16 bits: interval `n` reaches from
    /// `decisions[n]` to `decisions[n + 1]`.
    struct Law {
        decisions: Vec<i32>,
        values: Vec<i32>,
    }

    impl Law {
        /// As tables 1 and 2 of G.711 have it: so many intervals of so many units, one after the other. The value of
        /// an interval is its middle.
        fn of(segments: &[(usize, i32)], unit: i32) -> Law {
            let mut decisions = vec![0];
            for &(intervals, units) in segments {
                for _ in 0..intervals {
                    decisions.push(decisions.last().unwrap() + units * unit);
                }
            }
            let values = decisions.windows(2).map(|pair| (pair[0] + pair[1]) / 2);
            Law {
                values: values.collect(),
                decisions,
            }
        }

        fn mu() -> Law {
            let segments: [(usize, i32); 9] = [
                (1, 1),
                (15, 2),
                (16, 4),
                (16, 8),
                (16, 16),
                (16, 32),
                (16, 64),
                (16, 128),
                (16, 256),
            ];
            let mut law = Law::of(&segments, 4);
            // The first interval is half of one that reaches as far below 0.
            law.values[0] = 0;
            law
        }

        fn a() -> Law {
            let segments: [(usize, i32); 7] = [
                (32, 2),
                (16, 4),
                (16, 8),
                (16, 16),
                (16, 32),
                (16, 64),
                (16, 128),
            ];
            Law::of(&segments, 8)
        }
    }

    /// Number of the interval and sign of a code, by the tables' columns of character signals.
    fn mu_number(code: u8) -> (usize, bool) {
        (usize::from(0x7f - (code & 0x7f)), code & 0x80 != 0)
    }

    fn a_number(code: u8) -> (usize, bool) {
        let even_bits_inverted = code ^ 0b0101_0101;
        (usize::from(even_bits_inverted & 0x7f), code & 0x80 != 0)
    }

    #[test]
    fn the_tables_are_those_of_g_711() {
        // Ends of the segments: table 2a in 14 bits, table 1a in 13 bits.
        let (mu, a) = (Law::mu(), Law::a());
        let at = |law: &Law, unit: i32, numbers: &[usize]| -> Vec<i32> {
            numbers.iter().map(|n| law.decisions[*n] / unit).collect()
        };
        assert_eq!(
            at(&mu, 4, &[1, 16, 32, 48, 64, 80, 96, 112, 127, 128]),
            [1, 31, 95, 223, 479, 991, 2_015, 4_063, 7_903, 8_159]
        );
        assert_eq!(
            at(&a, 8, &[1, 32, 48, 64, 80, 96, 112, 127, 128]),
            [2, 64, 128, 256, 512, 1_024, 2_048, 3_968, 4_096]
        );
        assert_eq!(
            [mu.values[1], mu.values[16], mu.values[127]],
            [8, 132, 32_124]
        );
        assert_eq!([a.values[0], a.values[32], a.values[127]], [8, 528, 32_256]);
    }

    #[test]
    fn every_code_stands_for_the_value_of_its_interval() {
        for code in 0..=255 {
            let signed = |value: i32, positive: bool| if positive { value } else { -value };
            let (n, positive) = mu_number(code);
            let value = signed(Law::mu().values[n], positive);
            assert_eq!(i32::from(from_mu_law(code)), value, "mu {code:#x}");
            let (n, positive) = a_number(code);
            let value = signed(Law::a().values[n], positive);
            assert_eq!(i32::from(from_a_law(code)), value, "A {code:#x}");
        }
    }

    #[test]
    fn every_sample_becomes_the_code_of_the_interval_that_it_lies_in() {
        let check = |law: &Law, sample: i16, number: (usize, bool)| {
            let (n, positive) = number;
            let magnitude = i32::from(sample).abs();
            let within = law.decisions[n]..=law.decisions[n + 1];
            let beyond = n == 127 && magnitude > law.decisions[128];
            assert!(within.contains(&magnitude) || beyond, "{sample}: {n}");
            assert_eq!(positive, sample >= 0, "{sample}");
            // On a border of two intervals it is the greater value.
            if magnitude > 0 && law.decisions[..128].contains(&magnitude) {
                let greater = if positive {
                    *within.start()
                } else {
                    *within.end()
                };
                assert_eq!(magnitude, greater, "{sample}");
            }
        };
        let (mu, a) = (Law::mu(), Law::a());
        for sample in i16::MIN..=i16::MAX {
            check(&mu, sample, mu_number(to_mu_law(sample)));
            check(&a, sample, a_number(to_a_law(sample)));
        }
    }

    #[test]
    fn every_code_decodes_to_a_sample_of_its_own() {
        for code in 0..=255 {
            assert_eq!(to_a_law(from_a_law(code)), code, "A {code:#x}");
            // Mu-law has a negative zero, which no sample is.
            let again = if code == 0x7f { 0xff } else { code };
            assert_eq!(to_mu_law(from_mu_law(code)), again, "mu {code:#x}");
        }
    }
}
